"""CSV for Apache Otava, which looks for change points: a row a run, a column a metric; and the tests that read it.

Source: the CSV importer of apache-otava 0.8 (`otava.importer.CsvImporter`). It wants a time and a number in every row,
so that a metric has a column only where each of the runs has it, and it needs many rows to find anything.
"""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

from tools.export.figures import Figure, figures, fitted
from tools.files import UnusableFile
from tools.records import Run
from tools.tables import printable

FIXED = ("time", "commit")
LONGEST_KEY = 480  # YAML takes 1,024 characters, and each could need a backslash


def export(runs: Sequence[Run]) -> str:
    """Rows in the order of time. Raises UnusableFile for runs of several devices, whose numbers make no series."""
    refuse_several_devices(runs)
    columns = shared_columns(runs)
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    writer.writerow([*FIXED, *columns])
    for run in sorted(runs, key=lambda run: run.created_utc):
        values = {column(figure): figure.metric.value for figure in figures(run)}
        writer.writerow([printable(run.created_utc), printable(run.commit), *(repr(values[each]) for each in columns)])
    return written.getvalue()


def tests(runs: Sequence[Run], file: Path) -> str:
    """The configuration for `otava analyze CASE --config-file`: a test a case. YAML, of which JSON is a part.

    Metrics are named as here, alike in every test. (`otava validate` wants them unique, for the sake of Graphite.)
    """
    columns, found = set(shared_columns(runs)), dict[str, dict[str, dict[str, object]]]()
    for figure in figures(runs[0]):
        if column(figure) in columns:
            direction = 1 if figure.higher_is_better else -1
            metric = {"column": column(figure), "direction": direction, "scale": 1.0}
            found.setdefault(key(figure.case), {})[key(figure.name)] = metric
    made = {
        case: {"type": "csv", "file": str(file), "time_column": "time", "attributes": ["commit"], "metrics": metrics}
        for case, metrics in found.items()
    }
    return json.dumps({"tests": made}, indent=1, ensure_ascii=False) + "\n"


def key(name: str) -> str:
    return fitted(printable(name), LONGEST_KEY)


def refuse_several_devices(runs: Sequence[Run]) -> None:
    slugs = sorted({run.fingerprint.slug for run in runs})
    if len(slugs) > 1:
        raise UnusableFile(f"runs of {len(slugs)} devices, {', '.join(slugs)}: expected one; export them one by one")


def shared_columns(runs: Sequence[Run]) -> list[str]:
    """What every run has, as the first one has it."""
    shared = set.intersection(*({column(figure) for figure in figures(run)} for run in runs))
    return [name for figure in figures(runs[0]) if (name := column(figure)) in shared]


def column(figure: Figure) -> str:
    return printable(f"{figure.case}: {figure.name}")
