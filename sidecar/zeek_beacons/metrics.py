"""Figures of merit for `score --truth`, in numpy alone. A score that is NaN must be made a number first."""

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
        return share(self.hits, self.hits + self.false_alerts)

    @property
    def recall(self) -> float | None:
        """Share of the beacons that alert."""
        return share(self.hits, self.hits + self.misses)

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall."""
        return share(2 * self.hits, 2 * self.hits + self.false_alerts + self.misses)


def roc_auc(score: Floats, positive: Bools, weight: Floats | None = None) -> float | None:
    """Chance that a positive scores above a negative, ties counting half (Mann-Whitney); None without both.

    With `weight`, positives and negatives are drawn by their weights.
    """
    if positive.all() or not positive.any():
        return None
    weight = np.ones(len(score)) if weight is None else weight
    values, place = np.unique(score, return_inverse=True)
    up = np.bincount(place, weight * positive, len(values))
    down = np.bincount(place, weight * ~positive, len(values))
    below = np.cumsum(down) - down / 2
    return float((up * below).sum() / (up.sum() * down.sum()))


def share(part: float, whole: float) -> float | None:
    """part / whole, None where there is no whole."""
    return part / whole if whole else None
