"""How well classes are told apart: curves, areas with intervals, and what the classifier rests on. In numpy alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.classify.columns import FEATURES
from zeek_beacons.metrics import roc_auc
from zeek_beacons.pairs import Bools, Floats, Strings

DRAWS = 200  # of the bootstrap
LEVEL = (0.025, 0.975)
PERMUTED_ROWS = 20_000

Interval = tuple[float, float]
Chance = Callable[[NDArray[np.float32]], Floats]


@dataclass(frozen=True, slots=True, eq=False)
class AreaCurve:
    """A curve, what it encloses, and where that lies in 95 of 100 draws of the groups; None with a single group."""

    x: Floats
    y: Floats
    area: float
    interval: Interval | None


def roc(score: Floats, positive: Bools, group: Strings, seed: int) -> AreaCurve:
    """False positive rate, true positive rate. Needs both classes. Groups are drawn as a whole."""
    hits, misses = _cumulated(score, positive)
    area = roc_auc(score, positive) or 0.0
    return AreaCurve(misses / misses[-1], hits / hits[-1], area, interval(roc_auc, score, positive, group, seed))


def precision_recall(score: Floats, positive: Bools, group: Strings, seed: int) -> AreaCurve:
    """Recall, precision; the area is the average precision."""
    hits, misses = _cumulated(score, positive)
    recall, precision = hits[1:] / hits[-1], hits[1:] / (hits[1:] + misses[1:])
    area = average_precision(score, positive) or 0.0
    return AreaCurve(recall, precision, area, interval(average_precision, score, positive, group, seed))


def average_precision(score: Floats, positive: Bools, weight: Floats | None = None) -> float | None:
    """Precision at each step of recall, weighted by the step; None without both classes."""
    if positive.all() or not positive.any():
        return None
    hits, misses = _cumulated(score, positive, weight)
    if not hits[-1]:
        return None
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(hits[1:] + misses[1:] > 0, hits[1:] / (hits[1:] + misses[1:]), 0.0)
    return float((np.diff(hits) * precision).sum() / hits[-1])


def interval(
    figure: Callable[[Floats, Bools, Floats | None], float | None],
    score: Floats,
    positive: Bools,
    group: Strings,
    seed: int,
    draws: int = DRAWS,
) -> Interval | None:
    """Where a figure lies in 95 of 100 draws of the groups with replacement; None where that says nothing."""
    names, at = np.unique(group.astype(str), return_inverse=True)
    if len(names) < 2:
        return None
    rng, found = np.random.default_rng(seed), []
    for _ in range(draws):
        weight = np.bincount(rng.integers(0, len(names), len(names)), minlength=len(names)).astype(np.float64)[at]
        if (weight[positive].sum() > 0) and (weight[~positive].sum() > 0):
            value = figure(score, positive, weight)
            found += [] if value is None else [value]
    if len(found) < draws // 2:
        return None
    low, high = np.quantile(found, LEVEL)
    return float(low), float(high)


def importances(chance: Chance, inputs: NDArray[np.float32], positive: Bools, seed: int) -> dict[str, float]:
    """By how much the area under the ROC falls when a family of columns is shuffled between rows, largest first."""
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(inputs))[:PERMUTED_ROWS]
    inputs, positive = inputs[rows], positive[rows]
    whole = roc_auc(chance(inputs), positive) or 0.0
    families: dict[str, list[int]] = {}
    for at, name in enumerate(FEATURES):
        families.setdefault(name.partition("=")[0], []).append(at)
    fall = {}
    for name, columns in families.items():
        shuffled = inputs.copy()
        shuffled[:, columns] = inputs[rng.permutation(len(inputs))][:, columns]
        fall[name] = whole - (roc_auc(chance(shuffled), positive) or 0.0)
    return dict(sorted(fall.items(), key=lambda item: -item[1]))


def _cumulated(score: Floats, positive: Bools, weight: Floats | None = None) -> tuple[Floats, Floats]:
    """Positives and negatives at or above each different score, from the highest on, beginning with none."""
    weight = np.ones(len(score)) if weight is None else weight
    values, place = np.unique(-score, return_inverse=True)
    up = np.bincount(place, weight * positive, len(values))
    down = np.bincount(place, weight * ~positive, len(values))
    return np.concatenate(([0.0], np.cumsum(up))), np.concatenate(([0.0], np.cumsum(down)))
