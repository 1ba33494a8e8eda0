"""Sizes over time: what goes out above the line, what comes in below it, both on a logarithmic scale."""

from __future__ import annotations

import numpy as np

from zeek_beacons.charts.axis import Scale, moment, time_axis
from zeek_beacons.charts.svg import LATEST, chart, dots, label, path, rule, short
from zeek_beacons.pairs import Floats

WIDTH, HEIGHT = 400, 200
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 8, 34
DOTS = 600  # each way
MOST = 1e15  # bytes


def sizes(times: Floats, out: Floats, into: Floats) -> str:
    """Bytes that connections sent (`out`) and got (`into`) at `times`, seconds; NaN where not known."""
    when = np.asarray(times, dtype=np.float64)
    known = np.isfinite(when)
    when = np.clip(when[known], 0.0, LATEST)
    ways = [np.asarray(way, dtype=np.float64)[known] for way in (out, into)]
    title = "Bytes of each connection"
    if not len(when) or not any(np.isfinite(way).any() for way in ways):
        return chart("sizes", WIDTH, HEIGHT, title, "no sizes known", [label(WIDTH / 2, HEIGHT / 2, "no sizes known")])
    highest = max(float(np.nanmax(np.clip(way, 0, MOST), initial=0.0)) for way in ways)
    middle, bottom = (TOP + HEIGHT - BOTTOM) / 2, HEIGHT - BOTTOM
    top = max(highest * 2, 20.0)
    up, down = Scale(1.0, top, middle, TOP, is_log=True), Scale(1.0, top, middle, bottom, is_log=True)
    across = Scale(float(when.min()), max(float(when.max()), float(when.min()) + 1.0), LEFT, WIDTH - RIGHT)
    parts = [*time_axis(across, TOP, bottom, 3)]
    marks = [size for size in (1e2, 1e4, 1e6, 1e8, 1e10, 1e12) if size <= top]
    for scale in (up, down):
        parts += [rule(LEFT, scale.at(mark), WIDTH - RIGHT, scale.at(mark)) for mark in marks]
        parts += [label(LEFT - 6, scale.at(mark) + 4, f"{short(mark)}B", "tick", "end") for mark in marks]
    parts.append(rule(LEFT, middle, WIDTH - RIGHT, middle, "ground"))
    parts.append(path(_dots(across, up, when, ways[0]), "dot out"))
    parts.append(path(_dots(across, down, when, ways[1]), "dot in"))
    parts += [
        label(LEFT + 4, TOP + 10, "out", "tick way", "start"),
        label(LEFT + 4, bottom - 4, "in", "tick way", "start"),
    ]
    told = f"from {moment(when.min())} to {moment(when.max())} UTC; {_told('out', ways[0])}; {_told('in', ways[1])}"
    return chart("sizes", WIDTH, HEIGHT, title, told, parts)


def _dots(across: Scale, scale: Scale, times: Floats, size: Floats) -> list[str]:
    known = np.isfinite(size)
    return dots(across.places(times[known]), scale.places(np.clip(size[known], 1.0, MOST)), DOTS)


def _told(way: str, size: Floats) -> str:
    known = np.clip(size[np.isfinite(size)], 0.0, MOST)
    if not len(known):
        return f"{way} not known"
    return f"{way} {short(known.min())}B to {short(known.max())}B, median {short(float(np.median(known)))}B"
