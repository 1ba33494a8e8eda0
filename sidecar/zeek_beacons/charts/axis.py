"""Scales and their marks: from values to places on a chart."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np

from zeek_beacons.charts.svg import label, rule, within
from zeek_beacons.pairs import Floats

MINUTE, HOUR, DAY = 60, 3600, 86_400
# Seconds between two marks of a time axis.
STEPS = (
    *(1, 2, 5, 10, 15, 30),
    *(minutes * MINUTE for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * HOUR for hours in (1, 2, 3, 6, 12)),
    *(days * DAY for days in (1, 2, 4, 7, 14, 28, 56, 91, 182, 364)),
)
SMALLEST = 1e-300  # below it a value is nothing
# Waits at which a logarithmic axis has a mark.
ROUND_WAITS = (0.01, 0.1, 1, 10, MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY, 30 * DAY, 365 * DAY)
FINE_WAITS = (*(0.01, 0.02, 0.05, 0.1, 0.2, 0.5), *STEPS)


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from `low` to `high` on a line from `begin` to `end`; with `is_log` by their logarithms."""

    low: float
    high: float
    begin: float
    end: float
    is_log: bool = False

    def at(self, value: float) -> float:
        """Where one value lies: the same as `places`, for less."""
        low, high, on_scale = self.low, self.high, float(value)
        if self.is_log:
            low, high, on_scale = math.log(low), math.log(high), float(np.log(max(on_scale, low)))
        share = (on_scale - low) / (high - low) if high > low else 0.5
        return self.begin + min(max(share, 0.0), 1.0) * (self.end - self.begin)

    def places(self, values: Floats) -> Floats:
        """Where values lie; those beyond an end lie on it."""
        low, high = (math.log(self.low), math.log(self.high)) if self.is_log else (self.low, self.high)
        on_scale = np.log(np.maximum(values, self.low)) if self.is_log else values
        share = (on_scale - low) / (high - low) if high > low else np.full(len(values), 0.5)
        placed: Floats = self.begin + np.clip(share, 0.0, 1.0) * (self.end - self.begin)
        return placed


@lru_cache(maxsize=4096)  # the marks of many charts are the same times
def clock(seconds: float, form: str) -> str:
    """A time in UTC, in a form of strftime."""
    return datetime.fromtimestamp(within(seconds), UTC).strftime(form)


def day(seconds: float) -> str:
    """A date in UTC without its year: `31 Jan`."""
    return clock(seconds, "%d %b").removeprefix("0")


def moment(seconds: float) -> str:
    """A time in UTC as it stands in texts: `2026-01-31 14:05:09`."""
    return clock(seconds, "%Y-%m-%d %H:%M:%S")


def time_marks(begin: float, end: float, most: int) -> list[tuple[float, str, str]]:
    """Times of at most `most` marks, each with its label, and its date where the mark before had another one."""
    wanted = max(end - begin, 1.0) / max(most, 1)
    step = next((step for step in STEPS if step >= wanted), STEPS[-1] * math.ceil(wanted / STEPS[-1]))
    form = "%H:%M:%S" if step < MINUTE else "%H:%M"
    marks: list[tuple[float, str, str]] = []
    above = ""
    for place in range(math.ceil(begin / step), math.floor(end / step) + 1):
        at, year = place * step, clock(place * step, "%Y")
        date = year if step >= DAY else f"{day(at)} {year}"
        marks.append((at, day(at) if step >= DAY else clock(at, form), "" if date == above else date))
        above = date
    return marks


def time_axis(scale: Scale, top: float, bottom: float, most: int) -> Iterator[str]:
    """A time axis below a chart from `top` to `bottom`, with a line up at each mark."""
    for seconds, told, date in time_marks(scale.low, scale.high, most):
        x = scale.at(seconds)
        yield rule(x, top, x, bottom)
        yield label(x, bottom + 15, told)
        if date:
            yield label(x, bottom + 29, date, "tick date")


def value_axis(scale: Scale, left: float, right: float, marks: list[float], told: Callable[[float], str]) -> str:
    """Lines across a chart at some values, each with its label on the left."""
    lines = ((scale.at(value), told(value)) for value in marks)
    return "".join(rule(left, y, right, y) + label(left - 6, y + 4, text, "tick", "end") for y, text in lines)


def round_marks(high: float, most: int) -> list[float]:
    """Round values from 0 to `high`, at most `most` of them above 0."""
    raw = high / max(most, 1)
    if not raw > SMALLEST:
        return [0.0]
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= raw * (1 - 1e-9))
    return [place * step for place in range(int(high / step * (1 + 1e-9)) + 1)]


def log_waits(low: float, high: float) -> list[float]:
    """Round waits between two, more of them where the two are close."""
    coarse, fine = ([wait for wait in waits if low <= wait <= high] for waits in (ROUND_WAITS, FINE_WAITS))
    return coarse if len(coarse) > 2 else fine[:: -(-len(fine) // 5) or 1]


def wait_text(seconds: float) -> str:
    """A wait in the unit a person would use, short: `0.5 s`, `90 s`, `5 min`, `2 h`, `3 d`."""
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= (2 if unit == "min" else 1) * size or (unit == "min" and seconds == size):
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"
