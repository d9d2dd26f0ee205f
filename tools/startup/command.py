"""python -m tools startup: logs of vLLM's start-up, phase by phase."""

from pathlib import Path
from typing import Annotated

import typer

from tools import report as reports
from tools.files import write_all_atomically
from tools.startup.grid import contradictory, document, read_columns, startup_page
from tools.terminal import console, show_page, tell


def startup(
    logs: Annotated[list[Path], typer.Argument(metavar="LOG...", help="what vLLM printed, one file a start")],
    markdown: Annotated[Path | None, typer.Option(metavar="FILE", help="write Markdown here, not the terminal")] = None,
    json: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="write phases and facts here")] = None,
) -> None:
    """Lay logs of vLLM's start-up side by side, phase by phase. Exit code 3 when one of them contradicts itself."""
    if markdown is not None and markdown == json:
        raise typer.BadParameter(f"--markdown and --json are both {json}, expected a file each")
    columns = read_columns(logs)
    page, broken = startup_page(columns), contradictory(columns)
    files = {} if json is None else {json: document(columns)}
    if markdown is not None:
        files |= reports.documents(page, page.sentences, markdown)
    write_all_atomically(files, "report")
    if not files:
        show_page(console(page.tables), page)
    for sentence in broken if files else ():
        tell(sentence)
    raise typer.Exit(3 if broken else 0)
