"""Fits the curve from fused scores to probabilities."""

from __future__ import annotations

from functools import partial

import numpy as np
from sklearn.linear_model import LogisticRegression

from zeek_beacons.pairs import Bools, Floats
from zeek_beacons.scoring.calibration import Calibration, table

REAL = 0.8  # chosen on captures, with .5 to 1 tried
BINS = 10  # of the calibration figures
EDGE = 1e-3  # scores are kept this far from 0 and 1


def calibrate(score: Floats, is_c2: Bools, real: Bools) -> Calibration:
    """The table for scores of rows that no model was trained on.

    By beta calibration (Kull, Silva Filho and Flach, 2017): a logistic regression on ln(s) and -ln(1 - s), of which
    neither may count against a beacon; 0.5 throughout where both would. C2 weighs one half, benign pairs the other,
    of which real ones REAL where there are any beside synthetic ones.
    """
    both = (~is_c2 & real).any() and (~is_c2 & ~real).any()
    share = np.where(is_c2 | ~both, 0.5, np.where(real, REAL, 1 - REAL) / 2)
    group = np.where(is_c2, 0, np.where(real, 1, 2))
    weight = share / np.bincount(group, minlength=3)[group] * len(score)
    for columns in ([0, 1], [0], [1]):
        fitted = LogisticRegression(C=1e6).fit(_inputs(score)[:, columns], is_c2, sample_weight=weight)
        if (fitted.coef_ >= 0).all():
            return table(partial(_probability, fitted, columns))
    return table(lambda scores: np.full(len(scores), 0.5))


def calibration_figures(probability: Floats, is_c2: Bools) -> dict[str, object]:
    """How far what was said lies from what was so, both classes weighing the same; {} without both.

    `bins`: of equal mass, by rising probability: mean of what was said, share of C2, mass.
    """
    if is_c2.all() or not is_c2.any():
        return {}
    weight = np.where(is_c2, 0.5 / is_c2.sum(), 0.5 / (~is_c2).sum())
    order = np.argsort(probability, kind="stable")
    middle = np.cumsum(weight[order]) - weight[order] / 2
    bin_of = np.minimum((middle * BINS).astype(np.int64), BINS - 1)
    mass = np.bincount(bin_of, weight[order], BINS)
    filled = mass > 0
    said, so = (
        np.bincount(bin_of, weight[order] * values[order], BINS)[filled] / mass[filled]
        for values in (probability, is_c2)
    )
    mass = mass[filled]
    bins = [[round(float(cell), 4) for cell in row] for row in zip(said, so, mass, strict=True)]
    return {"expected_calibration_error": round(float((mass * np.abs(said - so)).sum()), 4), "bins": bins}


def _probability(fitted: LogisticRegression, columns: list[int], score: Floats) -> Floats:
    probability: Floats = fitted.predict_proba(_inputs(score)[:, columns])[:, 1]
    return probability


def _inputs(score: Floats) -> Floats:
    kept = np.clip(score, EDGE, 1 - EDGE)
    return np.stack([np.log(kept), -np.log1p(-kept)], axis=1)
