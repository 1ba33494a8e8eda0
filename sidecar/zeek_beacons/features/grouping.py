"""Check-ins that take several connections, seconds apart: told from waits by each pair's own two scales.

An implant's check-in may be one connection, or a request and its answers some seconds later; then the gaps between its
connections are of two kinds. Their logarithms are cut in two where the variance between both parts is largest (Otsu
1979), and the cut is moved to the emptiest place between the middles of the parts. Short gaps lie inside a check-in
then. The cut is believed where it leaves a clear valley and what remains is a calmer rhythm, else each connection stays
a check-in of its own: one process is not split because its waits vary.
"""

from __future__ import annotations

import numpy as np

from zeek_beacons.features.checkins import Checkins, gaps
from zeek_beacons.features.padded_rows import clear, pick
from zeek_beacons.features.timing import cv
from zeek_beacons.pairs import Bools, Floats, Ints

LEAST_SHORT, LEAST_LONG = 2, 4  # gaps of each kind
APART = np.log(4.0)  # between the medians of both kinds, at least
VALLEY = np.log(1.5)  # between the longest short gap and the shortest long one, at least
LONGEST_INSIDE = 60.0  # seconds between connections of one check-in, at most
FEWER = 1.2  # times as many check-ins before as after, at least
CALMER = 0.7  # times the std / mean of the waits before, at most, after
SHORTEST = 1e-3  # seconds: shorter gaps count as this


def longest_inside(block: Checkins) -> Floats:
    """The longest gap inside a check-in, seconds, (m,), NaN where the gaps are of one kind.

    It is not asked here whether the rhythm gets calmer.
    """
    ordered, count = block.gaps.ordered, block.gaps.count
    rows, width = ordered.shape
    logs = np.log(np.maximum(ordered, SHORTEST))
    logs[np.isnan(logs)] = 0.0
    below = np.arange(1, width + 1)  # gaps in the lower part, by its last column
    above = count[:, None] - below
    lower = np.cumsum(logs, axis=-1)
    between = below * above * (lower / below - (lower[:, -1:] - lower) / np.maximum(above, 1)) ** 2
    between[above < 1] = -1.0
    size = between.argmax(axis=-1) + 1
    low, high = (size - 1) // 2, size + (count - size) // 2
    step = np.zeros((rows, width))
    step[:, :-1] = logs[:, 1:] - logs[:, :-1]
    column = np.arange(width)
    step[(column < low[:, None]) | (column >= np.minimum(high, count - 1)[:, None])] = -1.0
    last = step.argmax(axis=-1)
    short, long = last + 1, count - last - 1
    enough = (short >= LEAST_SHORT) & (long >= LEAST_LONG)
    first_long = np.minimum(last + 1, width - 1)
    halves = middle_of(logs, np.zeros_like(short), short), middle_of(logs, first_long, np.maximum(long, 1))
    clear_cut = (halves[1] - halves[0] >= APART) & (pick(step, last) >= VALLEY)
    inside = pick(ordered, last)
    return clear(inside, enough & clear_cut & (inside <= LONGEST_INSIDE))


def middle_of(ordered: Floats, begin: Ints, count: Ints) -> Floats:
    """Median of `count` ascending values from column `begin`."""
    row = np.arange(len(ordered))
    top = ordered.shape[1] - 1
    below, above = np.minimum(begin + ((count - 1) >> 1), top), np.minimum(begin + (count >> 1), top)
    median: Floats = (ordered[row, below] + ordered[row, above]) * 0.5
    return median


def opens(block: Checkins) -> Bools:
    """Which of the check-ins, so far one for each run of connections, open one, (m, width)."""
    longest = longest_inside(block)
    opened = block.own.copy()
    rows = np.flatnonzero(~np.isnan(longest))
    if not len(rows):
        return opened
    kept = opened[rows]
    kept[:, 1:] &= block.gaps.values[rows, :-1] > longest[rows, None]
    number = kept.sum(axis=-1)
    order = np.argsort(~kept, axis=-1, kind="stable")
    times = np.take_along_axis(block.times[rows], order, axis=-1)
    times[np.arange(kept.shape[1]) >= number[:, None]] = np.nan
    calmer = cv(gaps(times)) < CALMER * cv(block.gaps)[rows]
    believed = calmer & (block.count[rows] >= FEWER * number)
    opened[rows[believed]] = kept[believed]
    return opened
