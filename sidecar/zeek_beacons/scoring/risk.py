"""Which host to look at first: the verdict's score with what is known of the process, and how unlike benign pairs are.

    supervised = 1 / (1 + exp(-(ln(s / (1 - s)) + weight)))   s: the score; weight: of the process, see process.py
    risk = SUPERVISED * supervised + (1 - SUPERVISED) * anomaly

A pair of too few connections has no score: where its process is known s is PRIOR. Without an anomaly model, or for a
pair that was not measured, the risk is the supervised one. Neither changes a verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np

from zeek_beacons.features import Features
from zeek_beacons.pairs import Bools, Floats, Ints, Pairs
from zeek_beacons.scoring import process
from zeek_beacons.scoring.anomaly import Anomaly
from zeek_beacons.scoring.context_term import log_odds

SUPERVISED = 0.7  # share in the fusion
PRIOR = 0.02  # score of a pair that has none: that few of a host's pairs are C2
DECIMALS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Risk:
    """Of `n` pairs; NaN where there is nothing to say."""

    held: Bools  # (n, facts) which facts about the process hold
    supervised: Floats
    anomaly: Floats
    fused: Floats

    @classmethod
    def of(cls, pairs: Pairs, score: Floats, features: Features, feature_row: Ints, anomaly: Anomaly | None) -> Self:
        """`score`: of the verdicts, NaN where there is none; `feature_row`: the row in `features`, -1 for none."""
        held = process.measure(pairs)
        start = np.where(np.isnan(score) & process.known(pairs), PRIOR, score)
        moved: Floats = 1 / (1 + np.exp(-(log_odds(start) + process.weight(held))))
        supervised: Floats = np.where(process.known(pairs), moved, start)
        unlike = np.full(len(pairs), np.nan)
        rows = np.flatnonzero(feature_row >= 0)
        if anomaly is not None:
            unlike[rows] = anomaly.risk(features.take(feature_row[rows]))
        fused: Floats = np.where(np.isnan(unlike), supervised, SUPERVISED * supervised + (1 - SUPERVISED) * unlike)
        return cls(held, np.round(supervised, DECIMALS), np.round(unlike, DECIMALS), np.round(fused, DECIMALS))
