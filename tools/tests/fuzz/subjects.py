"""What is damaged, and which verbs then read it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools.__main__ import VIEWS
from tools.export.command import Target
from tools.tests.fuzz.verbs import Answer, in_process, on_its_own
from tools.tests.fuzz.world import BASELINES, STORE, TRAINED
from tools.tests.mutations import OF_BYTES, OF_JSON, OF_TEXT, OF_VERSIONED, PLACES, ZIPPED
from tools.tests.samples import SLUG

STORED = ("--baselines", f"./{BASELINES}")


@dataclass(frozen=True)
class Subject:
    """A file of one format.

    file      in the world; one of those that a pattern finds
    verbs     arguments of `python -m tools`; what begins with ./ lies in the world
    kinds     of damage: see tools.tests.mutations
    writes    what a verb that does its work may change, by the beginnings of the names
    derived   what also a verb that then refuses may have changed: a store learns of runs before it is asked
    """

    format: str
    file: str
    verbs: tuple[tuple[str, ...], ...]
    kinds: tuple[str, ...] = OF_VERSIONED
    writes: tuple[str, ...] = ("out/",)
    derived: tuple[str, ...] = (f"{STORE}/",)
    ask: Callable[["Subject", tuple[str, ...], Path], Answer] | None = None

    def answer(self, verb: tuple[str, ...], world: Path) -> Answer:
        return self.ask(self, verb, world) if self.ask else in_process(placed(verb, world))

    def as_process(self, verb: tuple[str, ...], world: Path) -> Answer:
        return on_its_own(placed(verb, world))


def placed(verb: tuple[str, ...], world: Path) -> list[str]:
    return [f"{world}/{each[2:]}" if each.startswith("./") else each for each in verb]


def judging(file: str) -> tuple[tuple[str, ...], ...]:
    """All that reads a run and its baselines, and writes none of them."""
    compared = ("compare", file, *STORED)
    reported = ("report", file, *STORED)
    return (
        (*compared, "--format", "json"),
        (*compared, "--format", "json"),
        (*compared, "--strict"),
        (*compared, "--format", "markdown", "--require-baseline"),
        *((*reported, "--view", view) for view in VIEWS),
        (*reported, "--html", "./out/out.html"),
        (*reported, "--html", "./out/out.html", "--ab", "./ab.json", "--history", f"./{STORE}"),
        (*reported, "--pull-request", "./out/out.md"),
        (*reported, "--annotations"),
        (*reported, "--markdown", "./out/out.md"),
        *(("export", file, *STORED, "--to", target, "--output", "./out/out.json") for target in Target),
    )


def storing(*files: str) -> tuple[tuple[str, ...], ...]:
    """All that writes baselines."""
    plain = ("refresh", *files, *STORED)
    return (
        plain,
        (*plain, "--reason", "the fuzzer's"),
        (*plain, "--append", "--reason", "the fuzzer's"),
        (*plain, "--anchor", "--markdown", "./out/out.md"),
        (*plain, "-k", "attention", "--reason", "the fuzzer's"),
    )


WRITES = ("out/", f"{BASELINES}/")
SUBJECTS = (
    Subject("run", "run.json", (*judging("./run.json"), ("kernels", "./run.json", "./other.json"))),
    Subject("run", "run.json", (*storing("./run.json"), *storing("./run.json", "./other.json")), writes=WRITES),
    Subject(
        "run",
        "run.json",
        (
            ("durations", "./run.json", *STORED),
            ("memory-diff", f"./run.json::{TRAINED}", "./stats.json"),
            ("memory-diff", "./run.json", "./stats.json"),
        ),
        writes=(f"{BASELINES}/{SLUG}/durations/",),
    ),
    Subject(
        "run",
        "shard1.json",
        (
            ("merge", "./shard1.json", "./shard2.json", "--output", "./out/out.json"),
            ("merge", "./shard2.json", "./shard1.json", "--output", "./out/out.json", "--with-holes"),
        ),
    ),
    Subject("run", "runs/*.json", (("history", "./runs", "--store", f"./{STORE}"),), writes=(f"{STORE}/",)),
    Subject("baseline", f"{BASELINES}/*/*.json", judging("./run.json")),
    Subject("baseline", f"{BASELINES}/*/*.json", storing("./run.json"), writes=WRITES),
    Subject(
        "A/B",
        "ab.json",
        (
            ("report", "./run.json", *STORED, "--ab", "./ab.json"),
            ("report", "./run.json", *STORED, "--ab", "./ab.json", "--html", "./out/out.html"),
            ("report", "./run.json", *STORED, "--ab", "./ab.json", "--pull-request", "./out/out.md"),
            ("export", "./run.json", *STORED, "--ab", "./ab.json", "--to", "junit"),
        ),
    ),
    Subject(
        "log",
        "*.txt",
        (
            ("startup", "./start.txt", "./cold.txt"),
            ("startup", "./start.txt", "./cold.txt", "--markdown", "./out/out.md", "--json", "./out/out.json"),
        ),
        OF_TEXT,
    ),
    Subject(
        "snapshot",
        "stats.json",
        (
            ("memory-diff", "./stats.json", "./other_stats.json"),
            ("memory-diff", "./other_stats.json", "./stats.json", "--markdown", "./out/out.md"),
        ),
        OF_JSON,
    ),
    Subject(
        "trials",
        "trials.json.gz",
        (("validate-gate", "./trials.json.gz"), ("validate-gate", "./trials.json.gz", "--markdown", "./out/out.md")),
        (ZIPPED, ZIPPED, ZIPPED, PLACES),
    ),
    Subject(
        "durations",
        f"{BASELINES}/{SLUG}/durations/cases.json",
        (("durations", "./run.json", *STORED),),
        OF_JSON,
        writes=(f"{BASELINES}/{SLUG}/durations/",),
    ),
    Subject(
        "history",
        f"{STORE}/store.json",
        (
            ("history", "./runs", "--store", f"./{STORE}"),
            ("report", "./run.json", *STORED, "--html", "./out/out.html", "--history", f"./{STORE}"),
        ),
        writes=("out/", f"{STORE}/"),
    ),
    Subject(
        "history",
        f"{STORE}/*.parquet",
        (
            ("history", "./runs", "--store", f"./{STORE}", "--html", "./out/out.html"),
            ("history", "./runs", "--store", f"./{STORE}", "--metric", "*"),
            ("report", "./run.json", *STORED, "--html", "./out/out.html", "--history", f"./{STORE}"),
        ),
        OF_BYTES,
        writes=("out/", f"{STORE}/"),
    ),
)
