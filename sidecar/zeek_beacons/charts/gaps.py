"""The waits between check-ins as a histogram, and on it the law that was fitted to them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from zeek_beacons.charts.axis import Scale, round_marks, value_axis, wait_text
from zeek_beacons.charts.svg import chart, clean, label, number, path, short
from zeek_beacons.pairs import Floats

WIDTH, HEIGHT = 400, 200
LEFT, RIGHT, TOP, BOTTOM = 40, 12, 16, 24
BARS = 40
POINTS = 120  # of the curve
FAR = 40.0  # standard deviations, beyond which a density is nothing
LONGEST = 10 * 365 * 86_400.0


@dataclass(frozen=True, slots=True)
class GapLaw:
    """A fitted distribution of waits: a core around the timer, and a rest spread as by chance."""

    kind: str  # one of features.JITTER_KINDS
    low: float  # edges of the core, seconds
    high: float
    mean: float  # of the core, seconds
    std: float
    share: float  # of the waits that are its core, 0 to 1


def gap_histogram(waits: Floats, law: GapLaw | None = None) -> str:
    """How often each wait occurred, seconds."""
    known = clean(waits, 0.0, LONGEST)
    title = "How long it waits"
    if not len(known):
        return chart("gaps", WIDTH, HEIGHT, title, "no waits known", [label(WIDTH / 2, HEIGHT / 2, "no waits known")])
    low, high = _range(known)
    counts, edges = np.histogram(known, bins=_bars(known, low, high), range=(low, high))
    curve = _curve(known, law, low, high, float(edges[1] - edges[0]))
    tallest = max(float(counts.max()), 1.0)
    top = max(tallest, min(float(curve[1].max()) if curve is not None else 0.0, 1.5 * tallest)) * 1.05
    across = Scale(low, high, LEFT, WIDTH - RIGHT)
    up = Scale(0.0, top, HEIGHT - BOTTOM, TOP)
    whole = [mark for mark in round_marks(top, 3) if mark == int(mark)]
    parts = [value_axis(up, LEFT, WIDTH - RIGHT, whole, short)]
    parts += [label(across.at(mark), HEIGHT - 8, wait_text(mark)) for mark in _marks(low, high)]
    parts.append(path(_columns(across, up, edges, counts), "mark bar"))
    if curve is not None:
        parts.append(path(_line(across.places(curve[0]), up.places(curve[1])), "law"))
    longer = int((known > high).sum())
    if longer:
        parts.append(label(WIDTH - RIGHT, TOP - 4, f"{short(longer)} longer", "tick", "end"))
    return chart("gaps", WIDTH, HEIGHT, title, _told(known, law, longer), parts)


def _range(waits: Floats) -> tuple[float, float]:
    """From which wait to which the histogram goes: nine of ten, and room beside them."""
    few, many = (float(value) for value in np.quantile(waits, [0.03, 0.92]))
    width = max(many - few, 0.15 * many, 0.01)
    return max(0.0, few - 0.5 * width), many + 0.6 * width


def _bars(waits: Floats, low: float, high: float) -> int:
    inside = int(((waits >= low) & (waits <= high)).sum())
    return int(np.clip(2 * math.sqrt(max(inside, 1)), 12, BARS))


def _curve(waits: Floats, law: GapLaw | None, low: float, high: float, step: float) -> tuple[Floats, Floats] | None:
    """The law as waits and how many of a bar's width it expects there."""
    if law is None or not np.isfinite([law.low, law.high, law.mean, law.std, law.share]).all():
        return None
    x, core = _core(law, np.linspace(low, high, POINTS), step)
    mean = max(float(waits.mean()), 1e-6)
    share = 0.0 if law.kind == "exponential" else min(max(law.share, 0.0), 1.0)
    return x, len(waits) * step * (share * core + (1 - share) * np.exp(-x / mean) / mean)


def _core(law: GapLaw, x: Floats, step: float) -> tuple[Floats, Floats]:
    """Waits and the density of the core there; one without width is as wide as a bar."""
    if law.kind == "gaussian" and law.std > 0:
        wide = max(float(law.std), step / 4)
        away = np.clip(x - law.mean, -FAR * wide, FAR * wide) / wide
        return x, np.exp(-0.5 * away**2) / (wide * math.sqrt(2 * math.pi))
    low, high = (min(max(edge, 0.0), LONGEST) for edge in (law.low, law.high))
    middle, half = (low + high) / 2, max((high - low) / 2, step / 2)
    edge = np.array([middle - half, middle - half, middle + half, middle + half])
    flat = 1 / (2 * half) if edge[0] <= x[-1] and edge[-1] >= x[0] else 0.0
    top = np.array([flat if edge[0] < x[0] else 0.0, flat, flat, flat if edge[-1] > x[-1] else 0.0])
    before, after = x[x < edge[0]], x[x > edge[-1]]
    density = np.concatenate([np.zeros(len(before)), top, np.zeros(len(after))])
    return np.concatenate([before, np.clip(edge, x[0], x[-1]), after]), density


def _columns(across: Scale, up: Scale, edges: Floats, counts: Floats) -> list[str]:
    x, y = across.places(edges), up.places(counts.astype(np.float64))
    ground = up.begin
    wide = max(float(x[1] - x[0]) - 1, 0.5)
    return [
        f"M{number(left)} {number(ground)}V{number(top)}h{number(wide)}V{number(ground)}z"
        for left, top, count in zip(x[:-1].tolist(), y.tolist(), counts.tolist(), strict=True)
        if count
    ]


def _line(x: Floats, y: Floats) -> list[str]:
    points = zip(x.tolist(), y.tolist(), strict=True)
    return [f"{'L' if place else 'M'}{number(one)} {number(other)}" for place, (one, other) in enumerate(points)]


def _marks(low: float, high: float) -> list[float]:
    """Round waits between two, three to five of them."""
    unit = next((size for size in (86_400.0, 3600.0, 60.0) if high >= 2 * size), 1.0)
    step = round_marks((high - low) / unit, 4)
    width = step[1] * unit if len(step) > 1 else high
    return [place * width for place in range(math.ceil(low / width), math.floor(high / width) + 1)][:8]


def _told(waits: Floats, law: GapLaw | None, longer: int) -> str:
    few, middle, many = (float(value) for value in np.quantile(waits, [0.1, 0.5, 0.9]))
    text = (
        f"{len(waits)} waits, eight of ten between {wait_text(few)} and {wait_text(many)}, median {wait_text(middle)}"
    )
    text += f"; {longer} longer ones are not drawn" if longer else ""
    return f"{text}; fitted law: {law.kind}" if law is not None else text
