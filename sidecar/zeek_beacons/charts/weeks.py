"""Weeks by hour: a row a week (or a day, where there is little room), a cell an hour, the darker the busier."""

from __future__ import annotations

import numpy as np

from zeek_beacons.charts.axis import DAY, HOUR, clock, day
from zeek_beacons.charts.svg import LATEST, chart, label, number, path
from zeek_beacons.pairs import Floats, Ints

WEEK = 7 * DAY
MONDAY = 4 * DAY  # the first Monday since the epoch
LEVELS = 5
ROWS = 28  # shown, the newest
LEFT, TOP = 52, 20
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def weeks(hours: Floats, counts: Floats, narrow: bool = False) -> str:
    """Counts by hour: `hours` are the hours' begins, seconds since the epoch. `narrow`: a row a day."""
    begins, many = _by_hour(hours, counts)
    across, period = (24, DAY) if narrow else (168, WEEK)
    width = 360 if narrow else 960
    wide, tall = (width - LEFT - 10) / across, 12 if narrow else 16
    row = (begins - MONDAY) // period
    newest = int(row.max()) if len(row) else 0
    kept = row > newest - ROWS
    first = int(row[kept].min()) if kept.any() else 0
    place, column = row[kept] - first, (begins[kept] - MONDAY) % period // HOUR
    rows = newest - first + 1 if kept.any() else 1
    level = _levels(many[kept])
    parts = list(_headings(narrow, wide))
    parts += [
        label(LEFT - 6, TOP + (at + 0.5) * tall + 4, day((first + at) * period + MONDAY), "tick", "end")
        for at in range(rows)
        if rows <= 12 or at % 2 == 0
    ]
    parts.append(path([_cell(LEFT, at, across * wide, tall) for at in range(rows)], "heat level-0"))
    for step in range(1, LEVELS + 1):
        runs = _runs(place[level == step] * across + column[level == step], across)
        cells = [_cell(LEFT + at % across * wide, at // across, long * wide, tall) for at, long in runs]
        parts.append(path(cells, f"heat level-{step}"))
    told = _told(begins, many)
    return chart("weeks", width, int(TOP + rows * tall + 6), "Connections by hour", told, parts)


def _by_hour(hours: Floats, counts: Floats) -> tuple[Ints, Floats]:
    """Begins of distinct hours with any connections, and how many."""
    when, many = np.asarray(hours, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    known = np.isfinite(when) & np.isfinite(many) & (many > 0)
    begins = (np.clip(when[known], MONDAY, LATEST) // HOUR * HOUR).astype(np.int64)
    distinct, where = np.unique(begins, return_inverse=True)
    summed: Floats = np.bincount(where.ravel(), np.minimum(many[known], 1e12), len(distinct)).astype(np.float64)
    return distinct, summed


def _levels(counts: Floats) -> Ints:
    """From 1 to LEVELS, by the root of the count: few are told from none."""
    if not len(counts):
        return np.zeros(0, dtype=np.int64)
    share = np.sqrt(counts / counts.max())
    levels: Ints = np.clip(np.ceil(share * LEVELS), 1, LEVELS).astype(np.int64)
    return levels


def _runs(cells: Ints, across: int) -> list[tuple[int, int]]:
    """Cells that follow each other in a row, counted through all rows: the first of each run, and how many they are."""
    new = np.ones(len(cells), dtype=np.bool_)
    new[1:] = (np.diff(cells) != 1) | (cells[1:] % across == 0)
    begins = np.flatnonzero(new)
    lengths = np.diff(np.append(begins, len(cells)))
    return list(zip(cells[begins].tolist(), lengths.tolist(), strict=True))


def _cell(x: float, row: int, wide: float, tall: float) -> str:
    return f"M{number(x)} {number(TOP + row * tall)}h{number(wide)}v{number(tall - 2)}h-{number(wide)}z"


def _headings(narrow: bool, wide: float) -> list[str]:
    if narrow:
        return [label(LEFT + hour * wide, TOP - 6, f"{hour:02}:00") for hour in (0, 6, 12, 18)]
    return [label(LEFT + (day * 24 + 12) * wide, TOP - 6, name) for day, name in enumerate(DAYS)]


def _told(hours: Ints, counts: Floats) -> str:
    if not len(hours):
        return "none known"
    busiest = int(hours[np.argmax(counts)])
    day = clock(float(hours[0]), "%Y-%m-%d"), clock(float(hours[-1]), "%Y-%m-%d")
    return (
        f"{counts.sum():.0f} in {len(hours)} hours from {day[0]} to {day[1]}, "
        f"the busiest {clock(busiest, '%Y-%m-%d %H:00')} UTC with {counts.max():.0f}"
    )
