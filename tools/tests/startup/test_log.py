import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tools.files import UnusableFile
from tools.startup.log import PATTERNS, StartupLog, parse_log, read_log
from tools.startup.phases import FURTHER, IDENTITIES, PHASES, PUBLISHED
from tools.tests.fuzz.verbs import limited
from tools.tests.startup.samples import EXPECTED, LOGS, STUDIED, log_of, text_of

ENGINE = "(EngineCore_DP0 pid=12) INFO 09-18 11:02:35 [core.py:218] "
INIT = f"{ENGINE}init engine (profile, create kv cache, warmup model) took 9.00 seconds\n"


def complaint(text, name="a.txt"):
    with pytest.raises(UnusableFile) as error:
        parse_log(text, name)
    message = str(error.value)
    assert message.startswith(f"start-up log {name}: ")
    assert message.count("\n") == 0
    return message


# ---------------------------------------------------------------- the families


@pytest.mark.parametrize("name", EXPECTED)
def test_phases_of_every_family(name):
    log = read_log(LOGS / name)
    assert {phase: round(seconds, 2) for phase, seconds in log.phases.items()} == EXPECTED[name]
    assert list(log.phases) == [phase for phase in PHASES if phase in log.phases]
    assert log.name == str(LOGS / name)


@pytest.mark.parametrize("name", EXPECTED)
def test_no_family_contradicts_itself(name):
    residuals = log_of(name).residuals()
    assert not any(each.is_broken for each in residuals)


def test_logs_without_expectations_parse_and_do_not_contradict_themselves():
    ours = {file.name for file in LOGS.glob("*.txt")}
    assert set(EXPECTED) <= ours
    for name in ours - set(EXPECTED):
        assert not any(each.is_broken for each in read_log(LOGS / name).residuals())


def test_every_printed_phase_has_a_pattern():
    assert set(PUBLISHED) | set(FURTHER) == set(PATTERNS) | {"total_time"}


@pytest.mark.parametrize(
    ("line", "phase", "seconds"),
    [
        ("Compiling a graph for shape 8 takes 1.50 s", "graph_compile_general_shape", 1.5),
        ("Compiling a graph for shape None takes 1.50 s", "graph_compile_general_shape", 1.5),
        ("[head] Compiling a graph for compile range (1, 8) takes 1.50 s", "graph_compile_general_shape", 1.5),
        (
            "Directly load the compiled graph(s) for dynamic shape from the cache, took 0.501 s",
            "graph_compile_cached",
            0.501,
        ),
        ("Directly load the compiled graph for general shape from the cache, took 2 s", "graph_compile_cached", 2),
        ("Loading model weights took 14.2978 GB and 11.40 seconds", "model_loading", 11.4),
        ("Model loading took 1.91 GiB memory and 1.782115 seconds", "model_loading", 1.782115),
        ("NEW: Initializing Model took 0.21 seconds", "model_init", 0.21),
        ("Initializing model took 0.130898 seconds", "model_init", 0.130898),
        ("Initializing KV Cache took 0.01 seconds", "kv_cache_init", 0.01),
        ("Graph capturing finished in 18 secs, took 0.37 GiB", "graph_capturing", 18),
        ("Memory profiling takes 1.32 seconds", "kv_cache_profiling", 1.32),
        ("Imports took 4.20 seconds", "imports", 4.2),
        ("Warm-up took 0.25 s", "warm_up", 0.25),
        ("First token took 0.11 seconds", "first_token", 0.11),
    ],
)
def test_words_that_no_family_above_uses(line, phase, seconds):
    log = parse_log(f"{ENGINE}{line}\n{INIT}", "a.txt")
    assert log.phases[phase] == seconds


@pytest.mark.parametrize(
    "line",
    [
        "init engine (profile, create kv cache, warmup model) took 26.58 s (compilation: 20.80 s)",
        "init engine (profile, create kv cache, warmup model) took 26.58 s "
        "(compilation: 20.80 s — language_model: 15.80 s, encoder: 5.00 s)",
        "init engine (profile, create kv cache, warmup model) took 26.58 seconds",
    ],
)
def test_the_compilation_within_init_engine_is_not_taken_for_it(line):
    assert parse_log(ENGINE + line, "a.txt").phases == {"init_engine": 26.58}


@pytest.mark.parametrize(
    "line",
    [
        "Time spent downloading weights for x: 0.581658 seconds",
        "Estimated CUDA graph memory: 0.36 GiB total",
        "Loading model weights took 14.9595 GB",
        "saved AOT compiled function to cache/model",
        "Memory profiling takes a while",
        "Dynamo bytecode transform time: 4.78",
    ],
)
def test_lines_that_tell_no_phase(line):
    assert list(parse_log(f"{ENGINE}{line}\n{INIT}", "a.txt").phases) == ["init_engine"]


def test_colours_carriage_returns_and_progress_bars_do_not_hide_a_phase():
    text = (
        "\x1b[1;36m(EngineCore_DP0 pid=9)\x1b[0;0m INFO [x.py:1] Loading weights \x1b[32mtook\x1b[0m 1.25 seconds\r\n"
        "Capturing: 50%|█\rCapturing: 100%|██ 3.57it/s]INFO [y.py:2] Graph capturing finished in 7 secs, took 0.1 GiB "
        "INFO [y.py:3] init engine (profile) took 9.00 s\n"
    )
    assert parse_log(text, "a.txt").phases == {"load_weights": 1.25, "graph_capturing": 7.0, "init_engine": 9.0}


# ---------------------------------------------------------------- what is derived


def test_weights_that_are_not_told_are_what_loading_has_beside_the_model():
    log = log_of(STUDIED, ("Loading weights took", "Read weights in"))
    assert log.phases["load_weights"] == pytest.approx(2.296112 - 0.21)
    assert log.resolution["load_weights"] == pytest.approx(0.010001)


def test_the_total_is_computed_only_where_all_of_it_is_told():
    assert log_of().phases["total_time"] == pytest.approx(2.296112 + 33.91 + 0.37)
    assert "total_time" not in log_of(STUDIED, ("Init Tokenizer took", "Tokenizer is there after")).phases


def test_resolution_is_that_of_the_printed_text():
    resolution = log_of("vllm-0.8.txt").resolution
    assert resolution["load_weights"] == 0.01
    assert resolution["model_loading"] == 1e-6
    assert resolution["graph_capturing"] == 1.0


def test_compile_lines_of_one_process_add_up_and_so_does_their_rounding():
    log = log_of("vllm-2026-02-compile-range.txt")
    assert log.phases["graph_compile_cached"] == pytest.approx(1.508 + 0.402)
    assert log.resolution["graph_compile_cached"] == pytest.approx(0.002)
    assert log.facts["cached_count"] == 2


# ---------------------------------------------------------------- ranks


def test_of_several_ranks_the_slowest_counts():
    text = "".join(
        f"(Worker_TP{rank} pid={40 + rank}) INFO Loading weights took {seconds} seconds\n"
        for rank, seconds in enumerate(("1.50", "4.25", "2.00"))
    )
    assert parse_log(text + INIT, "a.txt").phases["load_weights"] == 4.25


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("(VllmWorker rank=0 pid=8)", "(VllmWorker rank=1 pid=9)"),
        ("(RayWorkerWrapper pid=8, ip=10.0.0.1)", "(RayWorkerWrapper pid=9, ip=10.0.0.2)"),
        ("(VllmWorkerProcess pid=8)", ""),
        ("(EngineCore_DP0 pid=8)", "(EngineCore_DP1 pid=9)"),
        ("(EngineCore_0 pid=7) (VllmWorker rank=0 pid=8)", "(EngineCore_1 pid=6) (VllmWorker rank=0 pid=9)"),
    ],
)
def test_processes_that_are_two_ranks(first, second):
    text = "".join(f"{prefix} INFO 01-01 00:00:00 Loading weights took 1.00 s\n" for prefix in (first, second))
    apart = [each for each in parse_log(text + INIT, "a.txt").processes if "load_weights" in each.seconds]
    assert len(apart) == 2
    assert "found load_weights twice" in complaint(text + text + INIT)


@pytest.mark.parametrize("name", ["EngineCore_DP0", "EngineCore", "VllmWorker rank=0", "Worker_TP1"])
def test_a_restarted_process_is_no_second_rank(name):
    text = INIT.replace("EngineCore_DP0", name)
    again = text.replace("pid=12", "pid=99")
    assert f"found init_engine twice in {name} (9.00 s, then 9.00 s)" in complaint(text + again)


def test_maxima_of_two_ranks_are_no_contradiction():
    text = (
        "(Worker_TP0 pid=1) Loading weights took 5.00 seconds\n"
        "(Worker_TP0 pid=1) Initializing Model took 1.00 seconds\n"
        "(Worker_TP0 pid=1) Model loading took 1.0 GiB and 6.100000 seconds\n"
        "(Worker_TP1 pid=2) Loading weights took 3.00 seconds\n"
        "(Worker_TP1 pid=2) Initializing Model took 3.00 seconds\n"
        "(Worker_TP1 pid=2) Model loading took 1.0 GiB and 6.050000 seconds\n"
    )
    [loading, *_] = parse_log(text + INIT, "LOG").residuals()
    assert loading.seconds == pytest.approx(0.05)
    [loading, *_] = parse_log(text.replace("6.05", "5.05") + INIT, "LOG").residuals()
    assert loading.is_broken


def test_a_draft_model_loads_weights_of_its_own():
    loading = f"{ENGINE}Loading weights took 1.00 seconds\n"
    draft = f"{ENGINE}Loading drafter model...\n"
    assert parse_log(loading + draft + loading + INIT, "a.txt").phases["load_weights"] == 2.0
    assert "found load_weights twice" in complaint(loading + loading + INIT)


# ---------------------------------------------------------------- facts


def test_facts_of_the_studied_log():
    assert log_of().facts == {
        "model_gib": 3.4654,
        "kv_gib": 7.59,
        "kv_tokens": 41424,
        "max_concurrency": 5.05,
        "graph_gib": 0.38,
        "free_gib": 38.66,
        "requested_gib": 11.85,
        "fresh_count": 0,
        "cached_count": 1,
        "version": "0.9.2",
    }


@pytest.mark.parametrize(
    ("name", "facts"),
    [
        ("vllm-0.7-v0.txt", {"kv_blocks": 72649, "kv_gib": 31.04, "model_gib": 2.8875, "version": "0.7.3"}),
        ("vllm-0.10-prefixes.txt", {"free_gib": 78.74, "requested_gib": 71.24, "fresh_count": 1, "cached_count": 0}),
        ("vllm-0.10-two-ranks.txt", {"kv_tokens": 32272, "kv_gib": 5.91, "graph_gib": 0.63, "cached_count": 1}),
        ("vllm-2026-06-compilation.txt", {"profiling_run_s": 0.92, "requested_gib": 39.6, "kv_tokens": 1397216}),
        ("vllm-0.32-driver.txt", {"kv_tokens": 131072, "max_concurrency": 256.0, "kv_gib": 1.0, "version": "0.32.0"}),
    ],
)
def test_facts_in_the_words_of_other_families(name, facts):
    assert log_of(name).facts.items() >= facts.items()


def test_blocks_of_the_oldest_words_and_a_graph_that_gave_memory_back():
    text = "# GPU blocks: 5691, # CPU blocks: 2048\nGraph capturing finished in 3 secs, took -0.02 GiB\n"
    assert parse_log(text + INIT, "a.txt").facts == {"kv_blocks": 5691, "graph_gib": -0.02}


# ---------------------------------------------------------------- what is no log of one whole start


@pytest.mark.parametrize("name", EXPECTED)
def test_two_starts_in_one_file(name):
    message = complaint(text_of(name) * 2)
    assert " twice" in message
    assert "give each start a file of its own" in message


@pytest.mark.parametrize("name", EXPECTED)
def test_a_start_that_did_not_finish_says_how_far_it_came(name):
    lines = text_of(name).splitlines(keepends=True)
    end = next(number for number, line in enumerate(lines) if "init engine" in line)
    assert "the start did not finish; expected" in complaint("".join(lines[:end]))


def test_a_cut_log_names_its_last_phase_and_the_cause():
    text = text_of("vllm-0.8.txt").partition("INFO 04-02 14:20:33 [backends.py:415]")[0]
    assert "a.txt: ends after model_loading; the start did not finish; expected" in complaint(text)
    text += (
        "ERROR 04-02 14:20:40 [core.py:343] ValueError: No available memory for the cache blocks. Try increasing it.\n"
        "RuntimeError: Engine core initialization failed. See root cause above.\n"
    )
    assert (
        "the start did not finish (ValueError: No available memory for the cache blocks. Try increasing it.); "
    ) in complaint(text)


def test_the_last_phase_is_that_of_the_log_not_of_a_table():
    text = "Graph capturing finished in 7 secs, took 0.1 GiB INFO 01-01 Loading weights took 1.00 s\n"
    assert "ends after load_weights" in complaint(text)


def test_a_log_that_tells_nothing_says_what_went_wrong_before():
    assert "found no line of a start, expected the log of one start of vLLM 0.8 to 0.32" in complaint("hello\n")
    assert "VLLM_LOGGING_LEVEL=DEBUG" in complaint("hello\n")
    assert "start (RuntimeError: Engine core initialization failed), expected" in complaint(
        "RuntimeError: Engine core initialization failed"
    )
    assert len(complaint("RuntimeError: " + "x" * 10_000)) < 500


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot be read (No such file or directory)"),
        ("folder", "cannot be read (Is a directory)"),
        (b"", "found an empty file"),
        (b" \n", "found an empty file"),
        (b"\x7fELF\x00\x01", "found bytes that are no UTF-8 text"),
        (text_of("vllm-0.8.txt").encode("utf-16"), "found bytes that are no UTF-8 text"),
        (b"\xff\xfe\xfd", "found no line of a start"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, content, words):
    file = tmp_path / "a.txt"
    if content == "folder":
        file.mkdir()
    elif content is not None:
        file.write_bytes(content)
    with pytest.raises(UnusableFile, match=r"^start-up log ") as error:
        read_log(file)
    assert words in str(error.value)


def test_a_character_that_is_cut_in_two_hides_nothing_else(tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes("Capturing █".encode()[:-1] + b"\n" + INIT.encode())
    assert read_log(file).phases == {"init_engine": 9.0}


def parses_or_says_why(text):
    log = parsed(text)
    if isinstance(log, StartupLog):
        assert "init_engine" in log.phases
        assert all(seconds >= 0 for seconds in log.phases.values())
        assert len(log.residuals()) == len(IDENTITIES)
    else:
        assert "\n" not in str(log)


def parsed(text):
    try:
        return parse_log(text, "a.txt")
    except UnusableFile as error:
        return error


@given(st.sampled_from(sorted(EXPECTED)), st.data())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_prefix_of_any_log_parses_or_is_refused_in_one_line(name, data):
    text = text_of(name)
    parses_or_says_why(text[: data.draw(st.integers(0, len(text)))])


@given(st.lists(st.sampled_from([line for name in EXPECTED for line in text_of(name).splitlines()]), max_size=30))
@settings(max_examples=100, deadline=None)
def test_any_mixture_of_lines_parses_or_is_refused_in_one_line(lines):
    parses_or_says_why("\n".join(lines))


@given(st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_any_text_parses_or_is_refused_in_one_line(text):
    parses_or_says_why(text)
    parses_or_says_why(text + INIT)


@pytest.mark.parametrize(
    "text",
    [
        "(EngineCore_DP0 pid=12) Loading weights took 1.0 seconds ",
        "(a pid=1 ",
        "init engine (",
        "Compiling a graph for compile range (",
        "Compiling a graph for shape ",
        "a.",
        "x.Y",
        "Error: ",
        "\x1b[",
        "1,",
    ],
)
@pytest.mark.parametrize("end", ["", INIT])
def test_a_line_without_end_takes_no_time_without_end(text, end):
    """Work in the square of its length would take minutes."""
    line = text * (300_000 // len(text))
    with limited(20.0), contextlib.suppress(UnusableFile):
        parse_log(f"{ENGINE}Loading weights took 1.0 seconds\n{line}\n{end}", "a.txt")
