"""A run as one HTML file for people: what to look at first, then everything else. Needs no network and no server."""

from collections.abc import Mapping
from typing import Any

from tools.page.concerns import concerns
from tools.page.dossiers import dossiers
from tools.page.drawings import symbol
from tools.page.exhibits import exhibits
from tools.page.fronts import galleries
from tools.page.rooflines import rooflines
from tools.page.rows import COLUMNS, case_rows, sorting
from tools.page.shell import page, safe
from tools.page.subject import Subject
from tools.page.summary import summary
from tools.report import next_steps
from tools.verdict import Verdict

__all__ = ["Subject", "html"]


def html(subject: Subject) -> str:
    """The whole document. Raises UnusableFile without jinja2."""
    told, rows = summary(subject), case_rows(subject)
    alarming, left_out = concerns(subject)
    names: Mapping[str, Any] = {
        "summary": told,
        "steps": next_steps(subject.run, subject.findings, subject.file, subject.own),
        "concerns": alarming,
        "left_out": left_out,
        "galleries": galleries(subject.run),
        "rooflines": rooflines(subject.run),
        "columns": COLUMNS,
        "rows": rows,
        "paths": sorted({row.path for row in rows}),
        "statuses": sorted({row.status for row in rows}),
        "verdicts": list(Verdict),
        "has_course": any(row.spark for row in rows),
        "exhibits": list(exhibits(subject)),
        "drawing": safe,
        "symbol": lambda series: safe(symbol(series)),
    }
    blobs = {"sorting": sorting(rows), "dossiers": dossiers(subject, [row.case for row in rows])}
    return page("report", title(subject, told.headline), blobs, **names)


def title(subject: Subject, headline: str) -> str:
    return f"{headline}: {subject.run.fingerprint.slug} at {subject.run.commit}"
