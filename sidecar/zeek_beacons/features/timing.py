"""How much the gaps between check-ins spread, and how many of them are alike.

All are free of scale: a gap of 5 s and one of 5 h are judged alike. They are NaN below MIN_GAPS gaps.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from zeek_beacons.features.checkins import Checkins, Observations
from zeek_beacons.features.padded_rows import (
    PaddedRows,
    clear,
    held,
    longest_run,
    pick,
    quantile,
    share,
    total,
)
from zeek_beacons.pairs import Bools, Floats, Ints

MIN_GAPS = 3
TRIM = 0.1  # share of the gaps cut off at each end
STEPS = 1000  # of log gap to a factor of e: the resolution of the dominant interval, 0.1 %
DENSE = round(np.log(1.2) * STEPS)  # width of the window that holds most gaps
BLOCK = 24  # gaps in a block of block-wise regularity
MAX_BEATS = 8  # longer gaps are silences, not missed beats


def enough(block: Checkins) -> Bools:
    return block.gaps.count >= MIN_GAPS


def cv(rows: PaddedRows) -> Floats:
    """Coefficient of variation, std / mean; NaN for a zero mean or below MIN_GAPS values."""
    return clear(rows.std / rows.mean, (rows.count >= MIN_GAPS) & (rows.mean > 0))


def relative_mad(rows: PaddedRows) -> Floats:
    """Median absolute deviation / median; NaN for a zero median or below MIN_GAPS values."""
    return clear(rows.mad / rows.median, (rows.count >= MIN_GAPS) & (rows.median > 0))


def gap_cv(block: Checkins) -> Floats:
    """Std / mean of the gaps, 0 to 100. 1 for Poisson arrivals."""
    return cv(block.gaps)


def gap_trimmed_cv(block: Checkins) -> Floats:
    """Std / mean of the gaps without the TRIM shortest and longest, 0 to 100."""
    gaps = block.gaps
    cut = (gaps.count * TRIM).astype(np.int64)
    column = np.arange(gaps.values.shape[1])
    kept = (column >= cut[:, None]) & (column < (gaps.count - cut)[:, None])
    count = gaps.count - 2 * cut
    mean = total(gaps.ordered, kept) / count
    variance = total((gaps.ordered - mean[:, None]) ** 2, kept) / count
    return clear(np.sqrt(variance) / mean, enough(block) & (mean > 0))


def gap_mad(block: Checkins) -> Floats:
    """MAD / median of the gaps, 0 to 1 and little above."""
    return relative_mad(block.gaps)


def gap_iqr(block: Checkins) -> Floats:
    """(Q3 - Q1) / median of the gaps, 0 to 100."""
    low, high = block.gaps.quartiles
    return clear((high - low) / block.gaps.median, enough(block) & (block.gaps.median > 0))


def gap_bowley(block: Checkins) -> Floats:
    """Bowley's skewness of the gaps, (Q1 + Q3 - 2 Q2) / (Q3 - Q1), -1 to 1; 0 without spread (Bowley 1901)."""
    low, high = block.gaps.quartiles
    spread = high - low
    skew = (low + high - 2 * block.gaps.median) / np.where(spread > 0, spread, np.inf)
    return clear(skew, enough(block))


def near_median(tolerance: float) -> Callable[[Checkins], Floats]:
    """Share of the gaps within `tolerance` of their median, 0 to 1."""

    def feature(block: Checkins) -> Floats:
        return clear(share(block.gaps.near(block.gaps.median, tolerance), block.gaps.count), enough(block))

    return feature


def dominant(block: Checkins) -> Floats:
    """The dominant interval: middle of the window [x, 1.2 x] that holds most gaps, seconds."""
    gaps = block.gaps
    rows, width = gaps.values.shape
    steps = np.floor(np.log(np.maximum(gaps.ordered, 1e-6)) * STEPS)
    steps[np.isnan(steps)] = 2.0**30
    key = (steps.astype(np.int64) + (np.arange(rows) << 40)[:, None]).ravel()
    within = np.searchsorted(key, key + DENSE, side="right").reshape(rows, width)
    within -= np.arange(rows * width).reshape(rows, width)
    within[~(np.arange(width) < gaps.count[:, None])] = 0
    begin = within.argmax(axis=-1)
    middle: Floats = pick(gaps.ordered, begin + np.maximum(pick(within, begin) - 1, 0) // 2)
    return middle


def middle_between(rows: PaddedRows, low: Floats, high: Floats) -> tuple[Floats, Ints, Ints]:
    """Median of the values in [low, high], how many are below, and how many inside."""
    below = held(rows.ordered < low[:, None])
    inside = held(rows.ordered <= high[:, None]) - below
    return quantile(rows.ordered, inside, 0.5, below), below, inside


def base(block: Checkins) -> Floats:
    """The base interval, seconds: the median of the gaps around the dominant interval, missed beats left out."""
    found = block.memo(dominant)
    for _ in range(2):
        found, _below, _inside = middle_between(block.gaps, 0.6 * found, 1.6 * found)
    return clear(found, found > 0)


def near_dominant(tolerance: float) -> Callable[[Checkins], Floats]:
    """Share of the gaps within `tolerance` of the dominant interval, 0 to 1."""

    def feature(block: Checkins) -> Floats:
        return clear(share(block.gaps.near(block.memo(dominant), tolerance), block.gaps.count), enough(block))

    return feature


def beats(block: Checkins) -> Floats:
    """Each gap in base intervals, rounded, (m, width)."""
    rounded: Floats = np.rint(block.gaps.values / block.memo(base)[:, None])
    return rounded


def off_beat(block: Checkins) -> Floats:
    """How far each gap is from a multiple (1 to MAX_BEATS) of the base interval, in base intervals, else inf."""
    number = block.memo(beats)
    off = np.abs(block.gaps.values / block.memo(base)[:, None] - number)
    return np.where((number >= 1) & (number <= MAX_BEATS), off, np.inf)


def near_folded(tolerance: float) -> Callable[[Checkins], Floats]:
    """Share of the gaps within `tolerance` base intervals of a multiple (1 to 8) of it: missed beats forgiven, 0 to 1.

    The tolerance does not grow with the multiple, so chance alone gives Poisson arrivals about 2 x `tolerance`.
    """

    def feature(block: Checkins) -> Floats:
        near = block.memo(off_beat) <= tolerance
        return clear(share(near, block.gaps.count), enough(block) & ~np.isnan(block.memo(base)))

    return feature


def folded_spread(block: Checkins) -> Floats:
    """Root mean square distance of the gaps from a multiple of the base interval, in base intervals, 0 to 0.5."""
    off = block.memo(off_beat)
    counted = np.isfinite(off) & block.gaps.valid
    count = held(counted)
    return clear(np.sqrt(total(off * off, counted) / count), count >= MIN_GAPS)


def missed_share(block: Checkins) -> Floats:
    """Share of the gaps that are 2 to 8 base intervals long within 30 % of one, 0 to 1."""
    missed = (block.memo(off_beat) <= 0.3) & (block.memo(beats) >= 2)
    return clear(share(missed, block.gaps.count), enough(block) & ~np.isnan(block.memo(base)))


def adjacent_similarity(block: Checkins) -> Floats:
    """Share of the neighbouring gaps that differ by at most 20 % of the longer one, 0 to 1."""
    left, right = block.gaps.values[:, :-1], block.gaps.values[:, 1:]
    alike = np.abs(left - right) <= 0.2 * np.maximum(left, right)
    return clear(share(alike, block.gaps.count - 1), enough(block))


def longest_regular_run(block: Checkins) -> Floats:
    """Longest run of gaps within 30 % of the base interval, as a share of all gaps, 0 to 1."""
    run = longest_run(block.gaps.near(block.memo(base), 0.3))
    return clear(run / block.gaps.count, enough(block) & ~np.isnan(block.memo(base)))


def in_blocks(block: Checkins) -> tuple[Floats, Floats]:
    """Medians of CV and of MAD / median over blocks of BLOCK gaps, (m,) each.

    A last block below 8 gaps counts only where it is the only one.
    """
    gaps = block.gaps
    rows, width = gaps.values.shape
    parts = -(-width // BLOCK)
    padded = np.full((rows, parts * BLOCK), np.nan)
    padded[:, :width] = gaps.values
    cells = PaddedRows(padded.reshape(rows * parts, BLOCK))
    counted = (cells.count.reshape(rows, parts) >= 8) | ((np.arange(parts) == 0) & enough(block)[:, None])

    def middle(values: Floats) -> Floats:
        return PaddedRows(np.where(counted, values.reshape(rows, parts), np.nan)).median

    return middle(cv(cells)), middle(relative_mad(cells))


def block_cv(block: Checkins) -> Floats:
    """Median over blocks of 24 gaps of std / mean, 0 to 100: regular for a while is regular."""
    return block.memo(in_blocks)[0]


def block_mad(block: Checkins) -> Floats:
    """Median over blocks of 24 gaps of MAD / median, 0 to 100."""
    return block.memo(in_blocks)[1]


def raw_gap_cv(block: Observations) -> Floats:
    """Std / mean of the gaps between connections, 0 to 100."""
    return cv(block.gaps)


def raw_gap_mad(block: Observations) -> Floats:
    """MAD / median of the gaps between connections, 0 to 100."""
    return relative_mad(block.gaps)


def raw_near_median(block: Observations) -> Floats:
    """Share of the gaps between connections within 20 % of their median, 0 to 1."""
    gaps = block.gaps
    return clear(share(gaps.near(gaps.median, 0.2), gaps.count), gaps.count >= MIN_GAPS)
