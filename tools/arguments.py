"""Arguments that several verbs take."""

from pathlib import Path
from typing import Annotated

import typer

ROOT = Path("baselines")
RunFile = Annotated[Path, typer.Argument(metavar="RUN", help="a run file, as the suite writes it to runs/")]
Baselines = Annotated[Path, typer.Option("--baselines", metavar="DIR", help="folder of the stored baselines")]
