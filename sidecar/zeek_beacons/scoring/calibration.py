"""From a fused score to a probability: a table of knots, straight lines between them.

The probability is that of a beacon where beacons and benign pairs are equally frequent. On a real network they are not:
it says how much more likely the evidence is under one than under the other, not how many alerts will be right.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from zeek_beacons.pairs import Bools, Floats

Calibration = tuple[tuple[float, float], ...]  # (score, probability), both rising from 0 to 1; () for none

BINS = 20
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


def fit(score: Floats, is_c2: Bools, weight: Floats) -> Calibration:
    """The table for scores of rows that no model was trained on: shares of C2 in bins of equal weight, made to rise.

    Rising by pooling neighbours that do not (Ayer et al. 1955, isotonic regression).
    """
    order = np.argsort(score, kind="stable")
    mass = np.cumsum(weight[order]) / weight.sum()
    part = np.minimum((mass * BINS).astype(np.int64), BINS - 1)
    weights: Floats = np.bincount(part, weight[order], BINS).astype(np.float64)
    centre: Floats = np.bincount(part, (weight * score)[order], BINS) / weights
    share: Floats = np.bincount(part, (weight * is_c2)[order], BINS) / weights
    knots = [(0.0, 0.0)]
    for x, y in zip(centre.tolist(), _rising(share, weights).tolist(), strict=True):
        x, y = round(x, 4), round(max(y, knots[-1][1] + LEAST_STEP), 4)
        if knots[-1][0] < x < 1.0 and y < 1.0:
            knots.append((x, y))
    return (*knots, (1.0, 1.0))


def _rising(values: Floats, weights: Floats) -> Floats:
    """The nearest values that never fall, by weighted squares."""
    blocks: list[list[float]] = []  # mean, weight, members
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        blocks.append([value, weight, 1])
        while len(blocks) > 1 and blocks[-2][0] >= blocks[-1][0]:
            mean, mass, members = blocks.pop()
            before = blocks[-1]
            before[0] = (before[0] * before[1] + mean * mass) / (before[1] + mass)
            before[1], before[2] = before[1] + mass, before[2] + members
    return np.repeat([block[0] for block in blocks], [int(block[2]) for block in blocks])
