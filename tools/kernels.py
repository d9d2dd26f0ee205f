"""What became of GPU kernels when they were compiled: a table an architecture, of one run or of two side by side."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from tools.compare import Finding, software_differences, worst
from tools.quantities import binary_size
from tools.records import Record, Run, path_of
from tools.report import Page
from tools.tables import Table
from tools.verdict import SEVERITY, Verdict

BLANK = "–"
PREFIX = "kernels_"
COMMAND = "no kernel was compiled; pytest perf_tests/test_kernel_static.py does it"
WIDTHS = (256, 128, 64, 32, 16, 8)

Values = Mapping[str, float]


@dataclass(frozen=True)
class Side:
    """The numbers of one compilation; none where it has no status `ok`."""

    status: str = ""
    values: Values = field(default_factory=dict)


NOTHING = Side()


def kernels_view(run: Run, findings: Sequence[Finding]) -> Page:
    """Each kernel, before and now where its baseline says otherwise: also where that is of another compiler."""
    records = kernels_of(run)
    if not records:
        return Page((), (COMMAND,))
    by_case = {name: [finding for finding in findings if finding.case == name] for name in records}
    before = {name: stored(record, by_case[name]) for name, record in records.items()}
    now = {name: side(record) for name, record in records.items()}
    verdicts = {name: worst(found) if found else Verdict.NEW for name, found in by_case.items()}
    return Page(tables(before, now, verdicts), failures(records))


def stored(record: Record, findings: Sequence[Finding]) -> Side:
    """The run's numbers, with the baseline's where these differ."""
    other = {f.metric: f.baseline for f in findings if isinstance(f.baseline, int | float)}
    status = next((str(f.baseline) for f in findings if f.metric == "status" and f.baseline), record.status)
    return Side(status, {name: other.get(name, metric.value) for name, metric in record.metrics.items()})


def side_by_side(a: Run, b: Run) -> Page:
    """All kernels of either run, `a -> b` where they differ; the sentences name the versions that differ."""
    left, right = kernels_of(a), kernels_of(b)
    if not left and not right:
        return Page((), (COMMAND,))
    names = sorted(left.keys() | right.keys())
    before, now = ({name: side(found.get(name)) for name in names} for found in (left, right))
    return Page(tables(before, now, {}), compilers(left, right))


def kernels_of(run: Run) -> dict[str, Record]:
    return {record.case: record for record in run.records if record.path.startswith(PREFIX)}


def side(record: Record | None) -> Side:
    if record is None:
        return NOTHING
    return Side(record.status, {name: metric.value for name, metric in record.metrics.items()})


def tables(before: Mapping[str, Side], now: Mapping[str, Side], verdicts: Mapping[str, Verdict]) -> tuple[Table, ...]:
    """A table a path, that is an architecture and compiler; the worst first where there are verdicts."""
    paths = sorted({path_of(name) for name in now}, key=natural)
    return tuple(table(path, before, now, verdicts) for path in paths)


def natural(path: str) -> tuple[str, int]:
    """kernels_sm90 before kernels_sm100."""
    word = path.rstrip("0123456789")
    return word, int(path.removeprefix(word) or 0)


def table(path: str, before: Mapping[str, Side], now: Mapping[str, Side], verdicts: Mapping[str, Verdict]) -> Table:
    names = [name for name in now if path_of(name) == path]
    if verdicts:
        names.sort(key=lambda name: (SEVERITY[verdicts[name]], name))
    columns = (*(["verdict"] if verdicts else []), "kernel", "status", *COLUMNS)
    rows = tuple(row(name, before[name], now[name], verdicts.get(name)) for name in names)
    return Table(path, columns, rows, frozenset({"verdict", "kernel", "status"}))


def row(name: str, before: Side, now: Side, verdict: Verdict | None) -> tuple[str, ...]:
    cells = (moved(told(before.values), told(now.values)) for told in COLUMNS.values())
    kernel = name.partition("/")[2]
    return (*([verdict] if verdict else []), kernel, moved(before.status or BLANK, now.status or BLANK), *cells)


def moved(before: str, now: str) -> str:
    return now if before == now else f"{before} → {now}"


def failures(records: Mapping[str, Record]) -> tuple[str, ...]:
    """Why some have no numbers: a reason that several share is told once."""
    shared: dict[str, list[str]] = {}
    for name, each in records.items():
        if each.status != "ok":
            shared.setdefault(f"{each.status}: {each.reason}", []).append(name)
    return tuple(f"{first(names)}: {reason}" for reason, names in shared.items())


def first(names: Sequence[str]) -> str:
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")


def compilers(left: Mapping[str, Record], right: Mapping[str, Record]) -> tuple[str, ...]:
    """Each difference of software once, and what only one of the two has."""
    differ = {
        text
        for name in left.keys() & right.keys()
        for text in software_differences(right[name].software, left[name].software)
    }
    sides = {"first": sorted(left.keys() - right.keys()), "second": sorted(right.keys() - left.keys())}
    alone = [f"only in the {which} run: {first(names)}" for which, names in sides.items() if names]
    reasons = [text for records in (left, right) for text in failures(records)]
    return (*sorted(differ), *alone, *dict.fromkeys(reasons))


def count(*metrics: str) -> Callable[[Values], str]:
    """Their sum; blank where any is missing."""

    def told(values: Values) -> str:
        return f"{sum(values[name] for name in metrics):,.0f}" if all(name in values for name in metrics) else BLANK

    return told


def bytes_of(*metrics: str) -> Callable[[Values], str]:
    def told(values: Values) -> str:
        return binary_size(sum(values[name] for name in metrics)) if all(name in values for name in metrics) else BLANK

    return told


def by_width(kind: str) -> Callable[[Values], str]:
    """Instructions by the bits that one of them moves: `128b 4, 8b 1`."""

    def told(values: Values) -> str:
        found = {bits: values.get(f"global_{kind}_{bits}bit_count", 0) for bits in WIDTHS}
        return ", ".join(f"{bits}b {number:.0f}" for bits, number in found.items() if number) or BLANK

    return told


def share(metric: str) -> Callable[[Values], str]:
    return lambda values: f"{values[metric]:.0%}" if metric in values else BLANK


def seconds(metric: str) -> Callable[[Values], str]:
    return lambda values: f"{values[metric]:.2f} s" if metric in values else BLANK


COLUMNS: Mapping[str, Callable[[Values], str]] = {
    "registers": count("register_count"),
    "spilled": bytes_of("spill_store_bytes", "spill_load_bytes"),
    "stack": bytes_of("stack_bytes"),
    "shared": bytes_of("shared_static_bytes", "shared_dynamic_bytes"),
    "occupancy": share("occupancy_fraction"),
    "instructions": count("instruction_count"),
    "tensor core": count("tensor_core_count"),
    "fp32 FMA": count("fp32_multiply_add_count"),
    "global loads": by_width("load"),
    "global stores": by_width("store"),
    "local": count("local_load_count", "local_store_count"),
    "PTX": bytes_of("ptx_bytes"),
    "cubin": bytes_of("cubin_bytes"),
    "compile": seconds("compile_s"),
}
