"""Figures of merit, in numpy alone. A score that is NaN must be made a number before it comes here."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeek_beacons.pairs import Bools, Floats, Ints


def average_precision(score: Floats, positive: Bools) -> float | None:
    """Precision averaged over the recalls it is reached at, ties taken together; None without positives."""
    if not positive.any():
        return None
    values, place = np.unique(-score, return_inverse=True)
    hits = np.bincount(place, positive, len(values))
    precision = np.cumsum(hits) / np.cumsum(np.bincount(place, minlength=len(values)))
    return float((precision * hits).sum() / hits.sum())


def limit(negative: Floats, allowed: int) -> float:
    """The score that alerts must exceed so that at most `allowed` of these negatives alert."""
    if allowed >= len(negative):
        return -np.inf
    return float(np.sort(negative)[::-1][allowed])


def tpr_at(score: Floats, positive: Bools, fpr: float) -> float | None:
    """Share of the positives found where at most this share of the negatives alerts; None without both."""
    if positive.all() or not positive.any():
        return None
    bound = limit(score[~positive], int(fpr * (~positive).sum() + 1e-9))
    return float((score[positive] > bound).mean())


def precision_at(score: Floats, positive: Bools, count: int) -> float | None:
    """Share of positives among the `count` highest scores, expected over the order of ties; None with fewer rows."""
    if len(score) < count:
        return None
    edge = np.sort(score)[::-1][count - 1]
    above, tied = score > edge, score == edge
    return float((positive[above].sum() + positive[tied].mean() * (count - above.sum())) / count)


def mean_by_group(values: Floats | Bools, group: Ints) -> float | None:
    """Mean over the groups of the mean in each; None without rows."""
    if not len(values):
        return None
    count = np.bincount(group)
    total = np.bincount(group, values)
    return float((total[count > 0] / count[count > 0]).mean())


def equal_weights(group: Ints, positive: Bools) -> Floats:
    """Weights that give each group's positives the same sum, and each group's negatives too, (n,)."""
    cell = 2 * group + positive
    weights: Floats = 1.0 / np.bincount(cell)[cell]
    return weights


@dataclass(frozen=True, slots=True, eq=False)
class Reliability:
    """Bins of equal mass, by rising score: what was said and what was so. Each class weighs half."""

    said: Floats  # (b,) mean score
    so: Floats  # (b,) share of positives
    mass: Floats  # (b,) sums to 1

    @property
    def ece(self) -> float:
        """Expected calibration error: mean distance of what was said from what was so."""
        return float((self.mass * np.abs(self.said - self.so)).sum())


def reliability(score: Floats, positive: Bools, bins: int) -> Reliability:
    """Reliability of scores as probabilities with both classes at equal weight; equal scores share a bin.

    Raises ValueError without pairs of both classes.
    """
    if positive.all() or not positive.any():
        raise ValueError("reliability: pairs of one class only")
    _, place = np.unique(score, return_inverse=True)
    weight = np.where(positive, 0.5 / positive.sum(), 0.5 / (~positive).sum())
    mass = np.bincount(place, weight)
    middle = np.cumsum(mass) - mass / 2
    bin_of = np.minimum((middle * bins).astype(np.int64), bins - 1)[place]
    total = np.bincount(bin_of, weight, bins)
    filled = total > 0
    said = np.bincount(bin_of, weight * score, bins)[filled] / total[filled]
    so = np.bincount(bin_of, weight * positive, bins)[filled] / total[filled]
    return Reliability(said, so, total[filled].astype(np.float64))
