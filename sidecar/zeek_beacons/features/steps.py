"""Waits over k check-ins: a retry ladder of 2, 4, 8 s that repeats every 80 s is periodic over its steps, not its gaps.

`wait(k)[j] = start[j + k] - start[j]`, overlapping. NaN below MIN_GAPS waits.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from zeek_beacons.features.blocks import Rows, clear, share
from zeek_beacons.features.checkins import Checkins
from zeek_beacons.features.timing import MIN_GAPS, relative_mad
from zeek_beacons.pairs import Floats

STEPS = (2, 3, 4)


def waits(block: Checkins) -> dict[int, Rows]:
    """Seconds from each check-in to the k-th next."""
    return {k: Rows(block.times[:, k:] - block.times[:, :-k]) for k in STEPS}


def step_mad(k: int) -> Callable[[Checkins], Floats]:
    """MAD / median of the sums of k consecutive gaps, 0 to 1 and little above."""

    def feature(block: Checkins) -> Floats:
        return relative_mad(block.memo(waits)[k])

    return feature


def near_share(rows: Rows) -> Floats:
    return clear(share(rows.near(rows.median, 0.1), rows.count), rows.count >= MIN_GAPS)


def step_gain(block: Checkins) -> Floats:
    """Regularity won by adding up 2, 3 or 4 gaps: share of the waits within 10 % of their median less that of the gaps.

    -1 to 1, best of the three. Sums of independent gaps win a little by averaging, a ladder nearly all.
    """
    best: Floats = np.fmax.reduce([near_share(rows) for rows in block.memo(waits).values()])
    gain: Floats = best - near_share(block.gaps)
    return gain
