"""Figures of merit, in numpy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeek_beacons.pairs import Bools, Floats


@dataclass(frozen=True, slots=True)
class Counts:
    """Outcomes of alerts held against labels; a figure is None where its denominator is 0."""

    hits: int
    false_alerts: int
    misses: int

    @property
    def precision(self) -> float | None:
        """Share of the alerts that are beacons."""
        return _share(self.hits, self.hits + self.false_alerts)

    @property
    def recall(self) -> float | None:
        """Share of the beacons that alert."""
        return _share(self.hits, self.hits + self.misses)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall."""
        return _share(2 * self.hits, 2 * self.hits + self.false_alerts + self.misses)


def roc_auc(score: Floats, positive: Bools) -> float | None:
    """Chance that a positive scores above a negative, ties counting half (Mann-Whitney); None without both."""
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return None
    values, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    del values
    ranks = np.cumsum(counts) - (counts - 1) / 2
    return float((ranks[inverse][positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
