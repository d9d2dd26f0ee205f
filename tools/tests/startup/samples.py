"""Logs of every family of vLLM's words, and what they tell."""

from pathlib import Path

from tools.startup.log import parse_log

LOGS = Path(__file__).parent / "logs"
STUDIED = "output_model_qwen-1.8b_gpu-memory-utilization_0.3.txt"

# file -> phase -> seconds; a phase that is not here must not be told
EXPECTED = {
    STUDIED: {
        "load_weights": 2.07,
        "model_init": 0.21,
        "model_loading": 2.3,
        "dynamo_transform_time": 7.4,
        "graph_compile_cached": 5.25,
        "torch.compile": 7.4,
        "kv_cache_profiling": 14.48,
        "graph_capturing": 18.77,
        "kv_cache_init": 0.01,
        "init_engine": 33.91,
        "tokenizer_init": 0.37,
        "total_time": 36.58,
        "actual_total_time": 51.32,
    },
    "vllm-0.7-v0.txt": {"kv_cache_profiling": 1.27, "graph_capturing": 14, "init_engine": 20.91},
    "vllm-0.8.txt": {
        "load_weights": 0.54,
        "model_loading": 1.21,
        "dynamo_transform_time": 4.86,
        "graph_compile_general_shape": 18.44,
        "torch.compile": 23.3,
        "kv_cache_profiling": 25.12,
        "graph_capturing": 18,
        "init_engine": 44.06,
    },
    "vllm-0.10-prefixes.txt": {
        "load_weights": 1.66,
        "model_loading": 2.48,
        "dynamo_transform_time": 7.91,
        "graph_compile_general_shape": 33.65,
        "torch.compile": 41.56,
        "kv_cache_profiling": 44.07,
        "graph_capturing": 7,
        "init_engine": 51.89,
    },
    "vllm-0.10-two-ranks.txt": {
        "load_weights": 11.98,
        "model_loading": 13.15,
        "dynamo_transform_time": 9.91,
        "graph_compile_cached": 5.12,
        "torch.compile": 9.91,
        "kv_cache_profiling": 16.81,
        "graph_capturing": 19,
        "init_engine": 37.44,
    },
    "vllm-2026-02-compile-range.txt": {
        "load_weights": 1.93,
        "model_loading": 3.17,
        "dynamo_transform_time": 7.37,
        "graph_compile_cached": 1.91,
        "torch.compile": 9.28,
        "kv_cache_profiling": 10.61,
        "graph_capturing": 4,
        "init_engine": 15.02,
    },
    "vllm-2026-03-initial-profiling.txt": {
        "load_weights": 4.12,
        "model_loading": 5.4,
        "dynamo_transform_time": 5.72,
        "graph_compile_general_shape": 20.06,
        "torch.compile": 29.93,
        "graph_capturing": 3,
        "init_engine": 43.2,
    },
    "vllm-2026-04-took.txt": {
        "load_weights": 0.71,
        "model_loading": 1.34,
        "dynamo_transform_time": 1.65,
        "graph_compile_cached": 1.49,
        "torch.compile": 3.27,
        "kv_cache_profiling": 4.55,
        "graph_capturing": 3,
        "init_engine": 12.57,
    },
    "vllm-2026-06-compilation.txt": {
        "load_weights": 0.94,
        "model_loading": 1.78,
        "dynamo_transform_time": 4.78,
        "graph_compile_general_shape": 13.11,
        "torch.compile": 20.8,
        "graph_capturing": 2,
        "init_engine": 26.58,
    },
    "vllm-0.32-driver.txt": {
        "load_weights": 0.05,
        "dynamo_transform_time": 2.61,
        "graph_compile_general_shape": 18.92,
        "torch.compile": 22.02,
        "init_engine": 22.87,
        "tokenizer_init": 0.28,
        "actual_total_time": 34.1,
    },
    "vllm-0.32-cpu-cold.txt": {
        "load_weights": 0.02,
        "model_init": 0.13,
        "model_loading": 1.44,
        "dynamo_transform_time": 2.23,
        "graph_compile_general_shape": 50.65,
        "torch.compile": 52.88,
        "kv_cache_profiling": 54.87,
        "kv_cache_init": 0.57,
        "init_engine": 55.45,
        "tokenizer_init": 0.01,
        "total_time": 56.9,
        "actual_total_time": 72.63,
        "imports": 12.05,
        "first_token": 1.71,
    },
    "vllm-0.32-cpu-warm.txt": {
        "load_weights": 0.04,
        "model_init": 0.27,
        "model_loading": 1.27,
        "dynamo_transform_time": 5.84,
        "graph_compile_general_shape": 9.87,
        "torch.compile": 15.72,
        "kv_cache_profiling": 21.22,
        "kv_cache_init": 0.89,
        "init_engine": 22.12,
        "tokenizer_init": 0.02,
        "total_time": 23.41,
        "actual_total_time": 26.0,
        "imports": 22.88,
        "first_token": 0.61,
    },
}


def text_of(name):
    return (LOGS / name).read_text()


def log_of(name=STUDIED, *changes):
    """A log of ours; changes: pairs of texts, the first of which must be in it."""
    return parse_log(changed(text_of(name), *changes), "LOG")


def changed(text, *changes):
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    return text
