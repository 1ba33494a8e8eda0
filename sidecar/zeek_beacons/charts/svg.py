"""The parts of an SVG: elements, texts that cannot break it, numbers as short as they may be."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache
from html import escape

import numpy as np

from zeek_beacons.pairs import Floats

LATEST = 253_402_300_799.0  # the last second that a calendar of four digits has


def text_of(value: str) -> str:
    """A text inside an element or attribute; what XML does not allow becomes a question mark."""
    return escape(value if value.isprintable() else "".join(c if c.isprintable() else "?" for c in value))


def number(value: float) -> str:
    """At most one digit behind the point."""
    return f"{value:.1f}".removesuffix(".0")


def element(tag: str, content: str = "", **attributes: str | float) -> str:
    """One element. `content` is markup; `_` in an attribute's name stands for `-`, `cls` for `class`."""
    written = "".join([f' {_name(name)}="{_value(value)}"' for name, value in attributes.items()])
    return f"<{tag}{written}>{content}</{tag}>" if content else f"<{tag}{written}/>"


def label(x: float, y: float, content: str, cls: str = "tick", anchor: str = "middle") -> str:
    """A text at a place. `anchor`: `start`, `middle` or `end`."""
    return element("text", text_of(content), x=x, y=y, cls=cls, text_anchor=anchor)


def rule(x: float, y: float, to_x: float, to_y: float, cls: str = "grid") -> str:
    return path([f"M{number(x)} {number(y)}L{number(to_x)} {number(to_y)}"], cls)


def path(steps: Iterable[str], cls: str) -> str:
    """One path of many steps; nothing where there are none."""
    drawn = "".join(steps)
    return f'<path d="{drawn}" class="{cls}"/>' if drawn else ""


def chart(kind: str, width: int, height: int, title: str, told: str, parts: Iterable[str], links: str = "") -> str:
    """A whole chart: its picture under a title with the same in words, and links on top of it."""
    drawn = f"<title>{text_of(title)}</title><desc>{text_of(told)}</desc>{''.join(parts)}"
    picture = element("g", drawn, role="img", aria_label=f"{title}: {told}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="chart {kind}" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}">{picture}{links}</svg>'
    )


def clean(values: Floats, low: float, high: float) -> Floats:
    """Values inside of what can be drawn; those that are no numbers are left out."""
    known = np.asarray(values, dtype=np.float64).ravel()
    kept: Floats = np.clip(known[np.isfinite(known)], low, high)
    return kept


def dots(x: Floats, y: Floats, most: int) -> list[str]:
    """Dots at places, as steps of a path; where they are too many, those that fall into one square are one."""
    places, square = np.stack([x, y]), 1
    while places.shape[1] > most:
        square *= 2
        places = np.unique(np.round(places / square) * square, axis=1)
    return [f"M{number(one)} {number(other)}h0" for one, other in places.T.tolist()]


def within(seconds: float) -> float:
    """A time that a calendar has; what is no number is its beginning."""
    return min(max(seconds, 0.0), LATEST) if math.isfinite(seconds) else 0.0


def short(count: float) -> str:
    """A count as a person would say it: `950`, `1.2k`, `3M`."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.2g}{unit}" if count < 9.95 * size else f"{count / size:.0f}{unit}"
    return f"{count:.0f}"


@cache
def _name(attribute: str) -> str:
    return "class" if attribute == "cls" else attribute.replace("_", "-")


def _value(value: str | float) -> str:
    if isinstance(value, str):
        return text_of(value)
    return number(value) if math.isfinite(value) else "0"
