"""The timeline: every check-in as a mark, its height the wait before it. A timer is a level row of marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zeek_beacons.charts.axis import Scale, log_waits, moment, time_axis, value_axis, wait_text
from zeek_beacons.charts.svg import LATEST, chart, clean, dots, element, label, number, path, rule, within
from zeek_beacons.pairs import Floats

MARKS = 800  # drawn one by one; beyond that those that fall on one place are one
LEFT, RIGHT, TOP, BOTTOM = 52, 10, 10, 34
HEIGHT = 190
RUG = 16  # height of the row of strokes below
LONGEST = 10 * 365 * 86_400.0


@dataclass(frozen=True, slots=True)
class View:
    """What of a timeline is shown, seconds since the epoch, and in which width."""

    begin: float
    end: float
    width: int = 960


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a timeline that is a link."""

    begin: float
    end: float
    href: str


def timeline(
    times: Floats,
    view: View,
    sleep: float | None = None,
    stretch: tuple[float, float] | None = None,
    slices: Sequence[Slice] = (),
) -> str:
    """Check-ins at `times`, seconds, in order.

    `sleep`: the wait that a line marks; `stretch`: begin and end of what speaks for the pair.
    """
    starts = clean(times, 0.0, LATEST)
    waits = np.diff(starts, prepend=np.nan)
    begin, end = sorted((within(view.begin), within(view.end)))
    inside = (starts >= begin) & (starts <= end)
    shown, waited = starts[inside], waits[inside]
    right, bottom = view.width - RIGHT, HEIGHT - BOTTOM
    across = Scale(begin, max(end, begin + 1.0), LEFT, right)
    up = _wait_scale(waited, sleep, bottom - RUG - 8)
    parts = [*_shade(across, stretch, bottom), *time_axis(across, TOP, bottom, view.width // 110)]
    parts.append(value_axis(up, LEFT, right, log_waits(up.low, up.high), wait_text))
    if sleep is not None and up.low <= sleep <= up.high:
        parts.append(rule(LEFT, up.at(sleep), right, up.at(sleep), "sleep"))
    parts.append(path(_strokes(across.places(shown), bottom), "mark rug"))
    parts.append(path(_dots(across, up, shown, waited), "dot"))
    parts.append(label(LEFT - 6, TOP + 3, "wait", "tick unit", "end"))
    links = "".join(_link(one, across, bottom) for one in slices)
    return chart(
        "timeline", view.width, HEIGHT, "Check-ins and the wait before each", _told(shown, waited), parts, links
    )


def _wait_scale(waits: Floats, sleep: float | None, bottom: float) -> Scale:
    """A logarithmic scale on which all waits have room, at least a factor of eight."""
    known = clean(waits, 0.001, LONGEST)
    if not len(known):
        known = np.array([sleep if sleep and 0.001 <= sleep <= LONGEST else 60.0])
    low, high = float(known.min()) / 1.5, float(known.max()) * 1.5
    middle = float(np.median(known))
    return Scale(min(low, middle / 2.8), max(high, middle * 2.8), bottom, TOP + 4, is_log=True)


def _shade(across: Scale, stretch: tuple[float, float] | None, bottom: float) -> list[str]:
    if stretch is None or not np.isfinite(stretch).all():
        return []
    left, right = (float(x) for x in across.places(np.array(sorted(stretch))))
    return [element("rect", x=left, y=TOP, width=max(right - left, 1), height=bottom - TOP, cls="stretch")]


def _strokes(places: Floats, bottom: float) -> list[str]:
    down = f" {number(bottom)}v-{RUG}"
    return [f"M{number(x)}{down}" for x in _distinct(places)]


def _dots(across: Scale, up: Scale, times: Floats, waits: Floats) -> list[str]:
    known = np.isfinite(waits)
    return dots(across.places(times[known]), up.places(np.maximum(waits[known], up.low)), MARKS)


def _distinct(places: Floats) -> list[float]:
    """Places that can be told apart."""
    kept: list[float] = (places if len(places) <= MARKS else np.unique(np.round(places))).tolist()
    return kept


def _link(one: Slice, across: Scale, bottom: float) -> str:
    left, right = across.at(one.begin), across.at(one.end)
    area = element("rect", x=left, y=TOP, width=max(right - left, 0), height=bottom - TOP, cls="slice")
    return element("a", area, href=one.href, tabindex="-1", aria_hidden="true")


def _told(times: Floats, waits: Floats) -> str:
    if not len(times):
        return "no check-ins in this part"
    known = waits[np.isfinite(waits)]
    text = f"{len(times)} from {moment(times[0])} to {moment(times[-1])} UTC"
    if not len(known):
        return text
    middle, most = wait_text(float(np.median(known))), wait_text(float(known.max()))
    return f"{text}, half of the waits at most {middle}, the longest {most}"
