"""The template engine: everything escaped, every name made visible, nothing silently missing."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from zeek_beacons.pages.compiled import CompiledBeside
from zeek_beacons.pages.visible import visible
from zeek_beacons.pages.words import FILTERS

PLACE = Path(__file__).parent
STATIC = PLACE / "static"


@cache
def environment() -> Environment:
    """The one environment of all pages."""
    made = Environment(
        loader=FileSystemLoader(PLACE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        bytecode_cache=CompiledBeside(PLACE / "__pycache__", [PLACE / "environment.py", PLACE / "visible.py"]),
    )
    made.filters |= FILTERS | {"drawn": Markup}
    return made


def render(template: str, **values: Any) -> str:
    """A page from its template."""
    return environment().get_template(template).render(**values)


def _shown(value: Any) -> Any:
    """What a template prints: texts that are not markup become visible, None becomes nothing."""
    if value is None:
        return ""
    if isinstance(value, str) and not isinstance(value, Markup):
        return visible(value)
    return value
