"""The log of a start of vLLM, 0.8 to 0.32, as phases in seconds: the words changed with nearly every version."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tools.files import UnusableFile, reason
from tools.startup.nesting import Residual, Timings, residuals
from tools.startup.phases import PHASES

WHAT = "start-up log"
EXPECTED = "expected the log of one start of vLLM 0.8 to 0.32 (VLLM_LOGGING_LEVEL=DEBUG for all rows)"

NUMBER = r"(\d{1,9}(?:\.\d{1,9})?)"
TOOK = r"(?:took|takes)"
SECONDS = r"(?:seconds|secs|sec|s)\b"
MODEL = r"(?:Model loading|Loading model weights)"
SHAPE = r"(?:general shape|dynamic shape|shape \S+|compile range \(.{0,200}?\))"

# What stock vLLM does not print, but patched versions and drivers around it do: `<any prefix> Init Tokenizer took ..`.
# (`Initializing model took` is stock by 0.32.)
PATCHED = {
    "model_init": "Initializing [Mm]odel",  # 0.32 prints it, with a small m
    "kv_cache_init": "Initializing KV Cache",
    "tokenizer_init": "Init Tokenizer",
    "actual_total_time": "initialize_engine",
    "imports": "Imports",
    "warm_up": "Warm-?up",
    "first_token": "First token",
}

PATTERNS: Mapping[str, re.Pattern[str]] = {
    phase: re.compile(pattern, re.ASCII)
    for phase, pattern in {
        "load_weights": rf"\bLoading weights {TOOK} {NUMBER} {SECONDS}",
        # 0.8 says only the size: `Loading model weights took 14.9595 GB`
        "model_loading": rf"\b{MODEL} {TOOK} [\d.]+ Gi?B(?: memory)? and {NUMBER} {SECONDS}",
        "dynamo_transform_time": rf"\bDynamo bytecode transform time: {NUMBER} {SECONDS}",
        "graph_compile_general_shape": rf"\bCompiling a graph for {SHAPE} {TOOK} {NUMBER} {SECONDS}",
        "graph_compile_cached": (
            rf"\bDirectly load the compiled graph(?:\(s\)|s)? for {SHAPE} from the cache, {TOOK} {NUMBER} {SECONDS}"
        ),
        "torch.compile": rf"\btorch\.compile(?: and initial profiling run)? {TOOK} {NUMBER} {SECONDS} in total",
        "kv_cache_profiling": rf"\bMemory profiling {TOOK} {NUMBER} {SECONDS}",
        "graph_capturing": rf"\bGraph capturing finished in {NUMBER} {SECONDS}",
        "init_engine": rf"\binit engine \([^)]{{0,200}}\) {TOOK} {NUMBER} {SECONDS}",
        **{phase: rf"\b{words} {TOOK} {NUMBER} {SECONDS}" for phase, words in PATCHED.items()},
    }.items()
}

# One for each shape, range or part of a model (a draft beside the model): they add up. All others are told once.
COMPILES = frozenset({"dynamo_transform_time", "graph_compile_general_shape", "graph_compile_cached", "torch.compile"})
DRAFT = ("Loading drafter model", "Loading draft model")  # a second model in one start, whose weights add up, too
END = "init_engine"  # the last that the engine itself tells of a start


class UnusableLog(UnusableFile):
    """Not the log of one whole start. One line, as of any UnusableFile."""


Pick = Callable[[Iterable[float]], float]


class FactLine(NamedTuple):
    """pattern: the fact is its first group; pick: of several ranks, or lines of one, the one that counts."""

    pattern: re.Pattern[str]
    pick: Pick = max


COUNT = r"(\d[\d,]{0,18})"
FACT_LINES: Mapping[str, FactLine] = {
    "model_gib": FactLine(re.compile(rf"\b{MODEL} {TOOK} {NUMBER} Gi?B")),
    "kv_gib": FactLine(
        re.compile(
            rf"(?:Available KV cache memory: |reserved for KV Cache is |(?:Auto|Explicitly) set \(){NUMBER}(?: ?GiB|/)"
        ),
        min,
    ),
    "kv_tokens": FactLine(re.compile(rf"\w KV cache size: {COUNT} tokens"), min),
    "kv_blocks": FactLine(re.compile(rf"# (?:GPU|cuda) blocks: {COUNT}(?![\d,])"), min),
    "max_concurrency": FactLine(re.compile(rf"Maximum concurrency for [\d,]+ tokens per request: {NUMBER}x"), min),
    "graph_gib": FactLine(re.compile(r"Graph capturing finished in [\d.]+ secs?, took (-?\d{1,9}\.\d{1,9}) GiB")),
    "free_gib": FactLine(re.compile(rf"Initial free memory:? {NUMBER} ?GiB"), min),
    "requested_gib": FactLine(
        re.compile(rf"[Rr]equested (?:GPU )?memory: (?:[\d.]+ \(util\), )?{NUMBER} ?GiB"),
    ),
    "profiling_run_s": FactLine(re.compile(rf"Initial profiling/warmup run {TOOK} {NUMBER} {SECONDS}")),
}
VERSION = re.compile(r"Initializing an? (?:V[01] )?LLM engine \(v([\w.+-]{1,60})\)")
LINES_COUNTED = {"fresh_count": "graph_compile_general_shape", "cached_count": "graph_compile_cached"}
FACTS = ("version", *FACT_LINES, *LINES_COUNTED)

# `(EngineCore_DP0 pid=12)`, `(EngineCore_1 pid=7) (VllmWorker rank=1 pid=9)`, `(RayWorkerWrapper pid=3, ip=10.0.0.2)`
PROCESS = re.compile(r"\((?P<name>\w+(?: rank=\d+)?) (?P<pid>pid=\d+)[^()]*\)")
COLOUR = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
COMPILES_APART = re.compile(r"\btorch\.compile(?: and initial profiling run)? took ")
ERROR = re.compile(r"\b((?:\w+\.){0,10}[A-Z]\w*(?:Error|Exception): .*)")
HERALD = re.compile(
    r"initialization failed|failed to start"
)  # `Engine core initialization failed. See root cause above`
LONGEST_ERROR = 200


@dataclass(frozen=True)
class StartupLog:
    """One start of vLLM as its log tells it.

    timings         of the start: of several ranks that tell a phase, the slowest
    facts           name -> number, or the version: sizes in GiB, tokens and blocks of the KV cache, graphs
    processes       what each process told by itself
    compiles_apart  the log is in the words of versions that may compile before memory is profiled
    """

    name: str
    timings: Timings
    facts: Mapping[str, float | str] = field(default_factory=dict)
    processes: tuple[Timings, ...] = ()
    compiles_apart: bool = False

    @property
    def phases(self) -> Mapping[str, float]:
        """Phase -> seconds, in the order of PHASES; what did not happen, or was not told, is not there."""
        return {phase: self.timings.seconds[phase] for phase in PHASES if phase in self.timings.seconds}

    @property
    def resolution(self) -> Mapping[str, float]:
        """Phase -> seconds that its last printed digit is worth: 0.01 for `2.07`, 1.0 for `18 secs`."""
        return self.timings.resolution

    def residuals(self) -> list[Residual]:
        return residuals(self.timings, self.processes, self.compiles_apart)


class Told(NamedTuple):
    """A phase in a line of the log. text: the number as printed."""

    process: str
    phase: str
    text: str


def read_log(path: Path) -> StartupLog:
    """Raises UnusableLog for a file that cannot be read, is no text or is not the log of one whole start."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnusableLog(
            f"{WHAT} {path}: cannot be read ({reason(error)}); give an existing, readable file"
        ) from error
    if not content.strip():
        raise UnusableLog(f"{WHAT} {path}: found an empty file, {EXPECTED}; keep its output in a file and start anew")
    if b"\0" in content:
        raise UnusableLog(f"{WHAT} {path}: found bytes that are no UTF-8 text, {EXPECTED}; keep its output as text")
    return parse_log(content.decode(errors="replace"), str(path))


def parse_log(text: str, name: str) -> StartupLog:
    """name: stands in messages. Raises UnusableLog for what is not the log of one whole start."""
    lines = COLOUR.sub("", text).splitlines()
    told = list(phase_lines(lines))
    check_whole(told, lines, name)
    processes = tuple(derived(each) for each in timings_by_process(told, repeated_in(lines), name).values())
    start = with_total(derived(slowest(processes)))
    apart = any(COMPILES_APART.search(line) for line in lines)
    return StartupLog(name, start, facts_of(lines, told), processes, apart)


def phase_lines(lines: Iterable[str]) -> Iterator[Told]:
    """In the order of the log. Progress bars have no line end of their own, so a line may hold more than one phase."""
    for line in lines:
        found = [(match, phase) for phase, pattern in PATTERNS.items() for match in pattern.finditer(line)]
        speakers = [(match.end(), name_of(match)) for match in PROCESS.finditer(line)] if found else []
        for match, phase in sorted(found, key=lambda each: each[0].start()):
            # the rank in whose name it is printed; "" without a name
            process = " ".join(name for end, name in speakers if end <= match.start())
            yield Told(process, phase, match[1])


def name_of(match: re.Match[str]) -> str:
    """A restarted engine has another pid and is the same rank, so a pid is kept only where nothing else tells them."""
    return match["name"] if is_rank(match["name"]) else f"{match['name']} {match['pid']}"


def is_rank(name: str) -> bool:
    return name.startswith("EngineCore") or any(char.isdigit() for char in name)


def check_whole(told: list[Told], lines: list[str], name: str) -> None:
    if not told:
        raise UnusableLog(f"{WHAT} {name}: found no line of a start{last_error(lines)}, {EXPECTED}; give such a log")
    if all(each.phase != END for each in told):
        raise UnusableLog(
            f"{WHAT} {name}: ends after {told[-1].phase}; the start did not finish{last_error(lines)}; {EXPECTED} "
            "up to `init engine ... took`; start anew"
        )


def last_error(lines: list[str]) -> str:
    """` (ValueError: ...)`: the last that says what is wrong, not only that something is; "" without any."""
    found = [match[1] for line in lines if (match := ERROR.search(line))]
    causes = [error for error in found if not HERALD.search(error)] or found
    return f" ({causes[-1][:LONGEST_ERROR].strip()})" if causes else ""


def repeated_in(lines: Iterable[str]) -> frozenset[str]:
    """The phases that one process may tell several times in one start."""
    return COMPILES | {"load_weights"} if any(words in line for line in lines for words in DRAFT) else COMPILES


def timings_by_process(told: Iterable[Told], repeated: frozenset[str], name: str) -> dict[str, Timings]:
    """Raises UnusableLog where a process tells a phase a second time: two starts in one file."""
    texts: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for process, phase, text in told:
        before = texts[process][phase]
        if before and phase not in repeated:
            where = f" in {process}" if process else ""
            raise UnusableLog(
                f"{WHAT} {name}: found {phase} twice{where} ({before[0]} s, then {text} s), {EXPECTED}; "
                "give each start a file of its own"
            )
        before.append(text)
    return {process: timings(phases) for process, phases in texts.items()}


def timings(texts: Mapping[str, list[str]]) -> Timings:
    """texts: phase -> the numbers as printed, which add up, and so does their rounding."""
    seconds = {phase: sum(map(float, numbers)) for phase, numbers in texts.items()}
    return Timings(seconds, {phase: sum(map(last_digit, numbers)) for phase, numbers in texts.items()})


def last_digit(number: str) -> float:
    """`2.07` -> 0.01, `18` -> 1.0."""
    return 10.0 ** -len(number.partition(".")[2])


def slowest(processes: Iterable[Timings]) -> Timings:
    """Of each phase the largest over processes: the start waits for it."""
    found: dict[str, tuple[float, float]] = {}
    for each in processes:
        for phase, value in each.seconds.items():
            found[phase] = max(found.get(phase, (0.0, 0.0)), (value, each.resolution[phase]))
    return Timings(
        {phase: seconds for phase, (seconds, _) in found.items()},
        {phase: resolution for phase, (_, resolution) in found.items()},
    )


def derived(told: Timings) -> Timings:
    """With load_weights, where a loader does not print it: what model_loading has beside model_init."""
    if "load_weights" in told.seconds or not {"model_loading", "model_init"} <= told.seconds.keys():
        return told
    left = max(0.0, told.seconds["model_loading"] - told.seconds["model_init"])  # less shows in the identity
    return extended(told, "load_weights", left, ("model_loading", "model_init"))


def with_total(told: Timings) -> Timings:
    """With total_time, which no version prints, where all that it consists of is told."""
    parts = ("model_loading", "init_engine", "tokenizer_init")
    if any(part not in told.seconds for part in parts):
        return told
    return extended(told, "total_time", sum(told.seconds[part] for part in parts), parts)


def extended(told: Timings, phase: str, seconds: float, sources: tuple[str, ...]) -> Timings:
    resolution = sum(told.resolution[source] for source in sources)
    return Timings({**told.seconds, phase: seconds}, {**told.resolution, phase: resolution})


def facts_of(lines: list[str], told: list[Told]) -> dict[str, float | str]:
    """What a log tells beside times: numbers of `FACT_LINES`, lines of compiled and loaded graphs, the version."""
    found: dict[str, float | str] = {}
    for name, (pattern, pick) in FACT_LINES.items():
        numbers = [number(match[1]) for line in lines for match in pattern.finditer(line)]
        if numbers:
            found[name] = pick(numbers)
    if any(each.phase in COMPILES for each in told):
        found |= {name: most_lines(told, phase) for name, phase in LINES_COUNTED.items()}
    if version := next((match[1] for line in lines if (match := VERSION.search(line))), None):
        found["version"] = version
    return found


def number(text: str) -> float:
    return float(text) if "." in text else int(text.replace(",", ""))


def most_lines(told: list[Told], phase: str) -> int:
    """In the process that has most of them: each rank compiles the same graphs."""
    processes = [each.process for each in told if each.phase == phase]
    return max((processes.count(process) for process in set(processes)), default=0)
