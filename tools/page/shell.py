"""One HTML file that needs nothing else: style, script and data are in it, and its policy lets nothing else in."""

import base64
import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.files import UnusableFile
from tools.tables import printable

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER = Path(__file__).parent
THEME = "theme"  # its css and js belong to every page


def page(template: str, title: str, blobs: Mapping[str, Any], **names: Any) -> str:
    """The template `<template>.html.jinja` of this folder with its `.css` and `.js`. Whatever is not Markup is escaped.

    blobs  id of a script element -> what it holds as JSON
    Raises UnusableFile without jinja2.
    """
    from_file = environment()
    style, script = (both(template, kind) for kind in ("css", "js"))
    told = {"policy": policy(style, script), "style": safe(style), "script": safe(script)}
    data = {name: safe(in_script(value)) for name, value in blobs.items()}
    return from_file.get_template(f"{template}.html.jinja").render(title=title, blobs=data, **told, **names)


def environment() -> "Environment":
    try:
        from jinja2 import Environment, FileSystemLoader, StrictUndefined
    except ImportError as error:
        raise UnusableFile(f"HTML: found no jinja2 ({error}); python -m pip install jinja2") from error
    return Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        finalize=visible,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def visible(value: Any) -> Any:
    """Text with its control characters made visible; what is HTML already (Markup) stays as it is."""
    return printable(value) if type(value) is str or isinstance(value, StrEnum) else value


def safe(text: str) -> Any:
    """Text that is HTML already. Only for what this package wrote itself."""
    from markupsafe import Markup

    return Markup(text)


def both(template: str, kind: str) -> str:
    """The theme's file and the template's own."""
    files = [FOLDER / f"{name}.{kind}" for name in (THEME, template)]
    return "\n" + "\n".join(file.read_text(encoding="utf-8") for file in files if file.is_file())


def policy(style: str, script: str) -> str:
    """Content security policy: this style, this script, pictures in the file; no network, frames or forms."""
    only = {"style-src": sha256(style), "script-src": sha256(script), "img-src": "data:"}
    shut = "; ".join(f"{name} 'none'" for name in ("default-src", "base-uri", "form-action"))
    return "; ".join([shut, *(f"{name} {source}" for name, source in only.items())])


def sha256(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def in_script(value: Any) -> str:
    """JSON that cannot end the script element it stands in, nor open a comment there."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text
