"""Seasonal quantiles: what a series did in its baseline, by the hour of the day where the baseline has several days.

No learning beyond counting, numpy alone. What the transformer must beat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from zeek_beacons.forecast.models.forecaster import Expected, Masks, Numbers, SeriesBatch, Stretch
from zeek_beacons.forecast.windows import AGGREGATES, SHARES

LEVELS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0)
SEASONAL = 2 * 86_400  # seconds of baseline from which the hour of the day has examples of more than one day
NEIGHBOURS = 1  # hours on each side that count as the same hour
FEWEST = 12  # windows of an hour below which all hours speak for it
LEAST = 0.3  # smallest deviation of logarithms: a third more or less surprises nobody
LEAST_SHARE = 0.1  # and of shares


def least_deviation() -> Numbers:
    """Deviation of each aggregate below which a series counts as no steadier, (len(AGGREGATES),)."""
    least = np.full(len(AGGREGATES), LEAST, np.float32)
    least[SHARES] = LEAST_SHARE
    return least


@dataclass(frozen=True, slots=True, eq=False)
class _Season:
    """What windows of one season did in the baseline: (n, f), quantiles (len(LEVELS), n, f)."""

    mean: Numbers
    std: Numbers
    quantiles: Numbers
    count: int


class SeasonalQuantiles:
    """Mean, deviation and quantiles of each series and aggregate."""

    name = "light"
    needed = 24

    def __init__(self, seed: int = 0) -> None:
        """Draws nothing: `seed` is there for models that do."""

    def learn(self, batches: Callable[[], Iterable[SeriesBatch]], train: Stretch) -> dict[str, Any]:
        """Nothing that series have in common."""
        return {}

    def expect(self, batch: SeriesBatch, known: Stretch, ahead: Stretch, odd: Masks | None = None) -> Expected:
        """What the same season did in `known`."""
        values = batch.values[:, known.windows]
        if odd is not None and odd[:, known.windows].any():
            values = without(values, odd[:, known.windows])
        n, m, f = len(values), len(ahead), values.shape[2]
        found = Expected(*(np.zeros((n, m, f), np.float32) for _ in range(3)))
        hours = batch.hour[ahead.windows]
        is_seasonal = len(known) * batch.width >= SEASONAL
        everything = None if is_seasonal else _season(values)
        for hour in np.unique(hours).tolist():
            season = everything or _season(_of_hour(values, batch.hour[known.windows], hour))
            at = np.flatnonzero(hours == hour)
            found.mean[:, at], found.std[:, at] = season.mean[:, None], season.std[:, None]
            found.tail[:, at] = _tail(season, batch.values[:, ahead.begin + at])
        return found

    def save(self, folder: Path) -> None:
        """Nothing to keep: it is made anew in a second."""


def without(values: Numbers, odd: Masks) -> Numbers:
    """The values with those of odd windows replaced by each series' middle over the others."""
    kept = np.where(odd[:, :, None], np.nan, values)
    kept[odd.all(axis=1)] = values[odd.all(axis=1)]
    middle = np.nanmedian(kept, axis=1, keepdims=True)
    filled: Numbers = np.where(np.isnan(kept), middle, kept).astype(np.float32)
    return filled


def _of_hour(values: Numbers, hours: np.ndarray[Any, Any], hour: int) -> Numbers:
    """The windows at about this hour, all where they are few."""
    away = np.abs((hours - hour + 12) % 24 - 12)
    near = away <= NEIGHBOURS
    return values[:, near] if near.sum() >= FEWEST else values


def _season(values: Numbers) -> _Season:
    std = np.maximum(values.std(axis=1), least_deviation())
    quantiles = np.quantile(values, LEVELS, axis=1, method="inverted_cdf").astype(np.float32)
    return _Season(values.mean(axis=1), std, quantiles, values.shape[1])


def _tail(season: _Season, values: Numbers) -> Numbers:
    """Two-sided probability of values, (n, m, f); beyond all that was seen it falls with the distance."""
    above = np.zeros(values.shape, np.float32)  # P(X >= value)
    below = np.zeros(values.shape, np.float32)
    tolerance = 1e-6
    for level, quantile in zip(LEVELS, season.quantiles, strict=True):
        at_least = values <= quantile[:, None] + tolerance
        np.maximum(above, np.where(at_least, 1 - level, 0), out=above)
        np.maximum(below, np.where(values >= quantile[:, None] - tolerance, level, 0), out=below)
    rare = 1 / (season.count + 1)
    over = np.maximum(values - season.quantiles[-1][:, None], season.quantiles[0][:, None] - values)
    beyond = rare * np.exp(-np.maximum(over, 0) / season.std[:, None])
    seen = np.maximum(2 * np.minimum(above, below), 2 * rare)
    tail: Numbers = np.minimum(np.where(over > tolerance, beyond, seen), 1).astype(np.float32)
    return tail
