"""How far each window of a series was from its forecast, as a line, with the threshold and what lasted above it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from zeek_beacons.charts.axis import Scale, moment, round_marks, time_axis, value_axis
from zeek_beacons.charts.svg import LATEST, chart, element, label, number, path, rule, within
from zeek_beacons.pairs import Floats

LEFT, RIGHT, TOP, BOTTOM = 52, 10, 10, 34
WIDTH, HEIGHT = 960, 170
MARKS = 900  # windows drawn one by one; of more, the highest of those that fall on one place
HIGHEST = 1e6


def surprise(
    times: Floats, scores: Floats, threshold: float, alerts: Sequence[tuple[float, float]] = (), width: float = 300.0
) -> str:
    """`scores` of windows that begin at `times`, seconds, in order; NaN where there is no forecast.

    `alerts`: begin and end of each stretch that is marked; `width`: seconds a window, beyond which a line is broken.
    """
    known = np.isfinite(times) & np.isfinite(scores)
    at, score = np.clip(times[known], 0.0, LATEST), np.clip(scores[known], 0.0, HIGHEST)
    limit = min(max(threshold, 0.0), HIGHEST) if np.isfinite(threshold) else None
    begin, end = (float(at.min()), float(at.max())) if len(at) else (0.0, 1.0)
    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    across = Scale(begin, max(end, begin + 1.0), LEFT, right)
    top = max(float(score.max()) if len(score) else 0.0, 1.2 * (limit or 0.0), 1e-3)
    up = Scale(0.0, top, bottom, TOP)
    parts = [_shade(across, one, bottom) for one in alerts if np.isfinite(one).all()]
    parts += time_axis(across, TOP, bottom, WIDTH // 110)
    parts.append(value_axis(up, LEFT, right, round_marks(top, 4), lambda value: f"{value:.3g}"))
    parts.append(path(_line(across, up, *_fewer(at, score), width), "law"))
    if limit is not None:
        parts.append(rule(LEFT, up.at(limit), right, up.at(limit), "sleep"))
    parts.append(label(LEFT - 6, TOP + 3, "score", "tick unit", "end"))
    return chart("surprise", WIDTH, HEIGHT, "How far each window was from its forecast", _told(at, score, limit), parts)


def _shade(across: Scale, stretch: tuple[float, float], bottom: float) -> str:
    left, right = (across.at(within(edge)) for edge in sorted(stretch))
    return element("rect", x=left, y=TOP, width=max(right - left, 1), height=bottom - TOP, cls="stretch")


def _fewer(at: Floats, score: Floats) -> tuple[Floats, Floats]:
    """As many windows as can be told apart."""
    if len(at) <= MARKS:
        return at, score
    step = -(-len(at) // MARKS)
    begins = np.arange(0, len(at), step)
    return at[begins], np.maximum.reduceat(score, begins)


def _line(across: Scale, up: Scale, at: Floats, score: Floats, width: float) -> list[str]:
    if not len(at):
        return []
    usual = max(2.5 * width, 2.5 * float(np.median(np.diff(at)))) if len(at) > 1 else width
    broken = np.diff(at, prepend=-np.inf) > usual
    points = zip(across.places(at), up.places(score), broken, strict=True)
    return [f"{'M' if apart else 'L'}{number(x)} {number(y)}" for x, y, apart in points]


def _told(at: Floats, score: Floats, limit: float | None) -> str:
    if not len(at):
        return "no window was forecast"
    above = "" if limit is None else f", {int((score >= limit).sum())} at the threshold of {limit:.3g} or above"
    first, last = moment(float(at[0])), moment(float(at[-1]))
    return f"{len(at)} windows from {first} to {last} UTC, up to {score.max():.3g}{above}"
