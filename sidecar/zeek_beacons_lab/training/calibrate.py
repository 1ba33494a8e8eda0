"""Fits the curve from fused scores to probabilities."""

from __future__ import annotations

from functools import partial

import numpy as np
from sklearn.linear_model import LogisticRegression

from zeek_beacons.pairs import Bools, Floats
from zeek_beacons.scoring.calibration import Calibration, table

REAL = 0.8  # chosen on captures, with .5 to 1 tried
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


def _probability(fitted: LogisticRegression, columns: list[int], score: Floats) -> Floats:
    probability: Floats = fitted.predict_proba(_inputs(score)[:, columns])[:, 1]
    return probability


def _inputs(score: Floats) -> Floats:
    kept = np.clip(score, EDGE, 1 - EDGE)
    return np.stack([np.log(kept), -np.log1p(-kept)], axis=1)
