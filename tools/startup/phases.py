"""The phases of an engine's start, as a public study of vLLM's start-up tabulates them, and how they nest."""

from collections.abc import Mapping
from dataclasses import dataclass

# Rows of the published grid, in its order.
PUBLISHED = (
    "load_weights",
    "model_init",
    "model_loading",
    "dynamo_transform_time",
    "graph_compile_general_shape",
    "graph_compile_cached",
    "torch.compile",
    "kv_cache_profiling",
    "graph_capturing",
    "kv_cache_init",
    "init_engine",
    "tokenizer_init",
    "total_time",
    "actual_total_time",
)

# Rows that the study has not, shown where an engine tells them.
#   imports      interpreter and libraries, before the engine's first line
#   warm_up      calls before the first request, where no graph is captured
#   first_token  the first request: a prompt in, the scores of the next token out; after the start, in no sum
FURTHER = ("imports", "warm_up", "first_token")

PHASES = PUBLISHED + FURTHER
WHOLE = "actual_total_time"  # what a user waits for


def metric_of(phase: str) -> str:
    """`torch.compile` -> `torch_compile_s`."""
    return f"{phase.replace('.', '_')}_s"


@dataclass(frozen=True)
class Identity:
    """`whole` holds `parts`, one after the other: whole - sum(parts) is 0 where `exact`, and never less.

    optional  parts that a start may lack (a compile that a cache saves); they count for nothing then
    """

    whole: str
    parts: tuple[str, ...]
    optional: tuple[str, ...] = ()
    exact: bool = False

    def residual_s(self, seconds: Mapping[str, float]) -> float | None:
        """None where the whole or one of its parts was not told."""
        if self.whole not in seconds or any(part not in seconds for part in self.parts):
            return None
        return seconds[self.whole] - sum(seconds.get(part, 0.0) for part in (*self.parts, *self.optional))

    def sentence(self) -> str:
        parts = " + ".join([*self.parts, *(f"[{part}]" for part in self.optional)])
        return f"{self.whole} - ({parts})"


IDENTITIES = (
    Identity("model_loading", ("load_weights", "model_init")),
    Identity("torch.compile", ("dynamo_transform_time",), ("graph_compile_general_shape",)),
    Identity("kv_cache_profiling", ("torch.compile",), ("graph_compile_cached",)),
    Identity("init_engine", ("kv_cache_profiling",), ("kv_cache_init", "graph_capturing", "warm_up")),
    Identity("total_time", ("model_loading", "init_engine", "tokenizer_init"), exact=True),
    Identity("actual_total_time", ("total_time",)),
)
