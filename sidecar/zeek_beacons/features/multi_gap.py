"""Waits over k check-ins: a retry ladder of 2, 4, 8 s that repeats every 80 s is periodic over its steps, not its gaps.

`wait(k)[j] = start[j + k] - start[j]`, overlapping. NaN below MIN_GAPS waits.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from zeek_beacons.features.checkins import Checkins
from zeek_beacons.features.padded_rows import PaddedRows, clear, share
from zeek_beacons.features.timing import MIN_GAPS, relative_mad
from zeek_beacons.pairs import Floats

STEPS = (2, 3, 4)
GAIN = 0.3  # share of the waits that a ladder must make regular
LADDER = 0.3  # how far below averaging the spread of a ladder's sums must lie


def waits(block: Checkins) -> dict[int, PaddedRows]:
    """Seconds from each check-in to the k-th next."""
    return {k: PaddedRows(block.times[:, k:] - block.times[:, :-k]) for k in STEPS}


def step_mad(k: int) -> Callable[[Checkins], Floats]:
    """MAD / median of the sums of k consecutive gaps, 0 to 1 and little above."""

    def feature(block: Checkins) -> Floats:
        return relative_mad(block.memo(waits)[k])

    return feature


def near_share(rows: PaddedRows) -> Floats:
    return clear(share(rows.near(rows.median, 0.1), rows.count), rows.count >= MIN_GAPS)


def near_shares(block: Checkins) -> Floats:
    """Share of the waits near their median, for each of STEPS, (len(STEPS), m)."""
    return np.stack([near_share(rows) for rows in block.memo(waits).values()])


def ladder_period(block: Checkins) -> Floats:
    """Median sum of as many gaps as repeat together, seconds; NaN where adding up wins no more than averaging does.

    Averaging k independent gaps divides MAD / median by sqrt(k).
    """
    sums = block.memo(waits)
    best = np.fmax(block.memo(near_shares), -1.0).argmax(axis=0)
    row = np.arange(len(best))
    medians, mads = (np.stack(values)[best, row] for values in ([r.median for r in sums.values()], spreads(sums)))
    averaged = relative_mad(block.gaps) / np.sqrt(np.array(STEPS)[best])
    return clear(medians, (block.memo(step_gain) >= GAIN) & (mads < LADDER * averaged))


def spreads(sums: dict[int, PaddedRows]) -> list[Floats]:
    return [relative_mad(rows) for rows in sums.values()]


def step_gain(block: Checkins) -> Floats:
    """Regularity won by adding up 2, 3 or 4 gaps: share of the waits within 10 % of their median less that of the gaps.

    -1 to 1, best of the three. Sums of independent gaps win a little by averaging, a ladder nearly all.
    """
    best: Floats = np.fmax.reduce(block.memo(near_shares))
    gain: Floats = best - near_share(block.gaps)
    return gain
