"""From a fused score to a probability: a table of knots, straight lines between them.

The probability is that of a beacon where beacons and benign pairs are equally frequent. On a real network they are not:
it says how much more likely the evidence is under one than under the other, not how many alerts will be right.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from zeek_beacons.pairs import Floats

Calibration = tuple[tuple[float, float], ...]  # (score, probability), both rising from 0 to 1; () for none

KNOTS = 50
LEAST_STEP = 1e-4  # between neighbouring knots, so that calibration never makes a tie


def apply(table: Calibration, score: Floats) -> Floats:
    """The probabilities, (n,); the scores themselves where there is no table."""
    if not table:
        return score
    knots = np.array(table)
    probability: Floats = np.interp(score, knots[:, 0], knots[:, 1])
    return probability


def is_calibration(table: Calibration) -> bool:
    """Whether a table is empty, or rises strictly from (0, 0) to (1, 1)."""
    if not table:
        return True
    rises = all(low[0] < high[0] and low[1] < high[1] for low, high in pairwise(table))
    return rises and table[0] == (0.0, 0.0) and table[-1] == (1.0, 1.0)


def table(curve: Callable[[Floats], Floats]) -> Calibration:
    """Knots on a curve that maps scores in (0, 1) to probabilities and never falls."""
    scores = np.linspace(0, 1, KNOTS + 1)[1:-1]
    knots = [(0.0, 0.0)]
    for score, chance in zip(scores.tolist(), curve(scores).tolist(), strict=True):
        chance = round(max(chance, knots[-1][1] + LEAST_STEP), 4)
        if chance < 1.0:
            knots.append((round(score, 4), chance))
    return (*knots, (1.0, 1.0))
