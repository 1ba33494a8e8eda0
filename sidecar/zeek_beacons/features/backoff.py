"""Back-off: waits that grow by one factor, again and again from the start, as a client tries a dead server.

5, 10, 20, 40 s and again is no timer by its waits, but one by their ratios: the logarithm of each wait less that of the
wait before is nearly one number, but for the resets. Such a pair is measured as the timer that its ratios are: each
wait is the median one times its ratio's distance from the common factor, and the resets are left out.
"""

from __future__ import annotations

import numpy as np

from zeek_beacons.features.checkins import Checkins
from zeek_beacons.features.padded_rows import PaddedRows, clear, pick, quantile
from zeek_beacons.pairs import Bools, Floats

LEAST_RATIOS = 9
SHORTEST = 0.05  # seconds: shorter waits have no ratio
STEPS = 1000  # of a log ratio of 1: the resolution
DENSE = 0.2  # width of the window of log ratios around the common factor
LEAST_SHARE = 0.6  # of the ratios inside it
LEAST_FACTOR = np.log(1.3)


def ratios(block: Checkins) -> PaddedRows:
    """Log of each wait less that of the wait before, in the place of the later one, (m, width)."""
    waits = block.gaps.values
    logs = np.log(np.where(waits > SHORTEST, waits, np.nan))
    values = np.full(waits.shape, np.nan)
    values[:, 1:] = logs[:, 1:] - logs[:, :-1]
    return PaddedRows(values)


def growth(block: Checkins) -> Floats:
    """The factor by which waits grow, or shrink, before they start again; NaN where they do neither."""
    return block.growth


def factor(block: Checkins) -> Floats:
    """The common factor's logarithm, (m,), NaN where the waits are no back-off."""
    found = block.memo(ratios)
    ordered, count = found.ordered, found.count
    rows, width = ordered.shape
    steps = np.where(np.isnan(ordered), 2.0**30, np.floor(ordered * STEPS)).astype(np.int64)
    key = (steps + (np.arange(rows) << 40)[:, None]).ravel()
    within = np.searchsorted(key, key + round(DENSE * STEPS), side="right").reshape(rows, width)
    within -= np.arange(rows * width).reshape(rows, width)
    within[np.arange(width) >= count[:, None]] = 0
    begin = within.argmax(axis=-1)
    size = pick(within, begin)
    centre = quantile(ordered, size, 0.5, begin)
    sure = (count >= LEAST_RATIOS) & (size >= LEAST_SHARE * count) & (np.abs(centre) >= LEAST_FACTOR)
    return clear(centre, sure)


def evened(block: Checkins, growing: Floats) -> tuple[Floats, Bools]:
    """Start of each check-in as if the waits did not grow, and which check-ins remain, (m, width) each.

    `growing`: the common factor's logarithm; a row without one stays as it is.
    """
    times, kept = block.times.copy(), block.own.copy()
    rows = np.flatnonzero(~np.isnan(growing))
    if len(rows):
        off = block.memo(ratios).values[rows] - growing[rows, None]
        even = np.abs(off) <= DENSE
        waits = np.where(even, block.gaps.median[rows, None] * np.exp(np.where(even, off, 0.0)), 0.0)
        ends = np.cumsum(waits, axis=-1)
        kept[rows, 1:] &= even[:, :-1]
        times[rows, 1:] = np.where(block.own[rows, 1:], ends[:, :-1], np.nan)
    return times, kept
