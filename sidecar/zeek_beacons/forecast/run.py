"""From connections to alerts: the one place where a forecast can be read from top to bottom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from zeek_beacons.forecast import models
from zeek_beacons.forecast.findings import Finding, Standing, findings, standings
from zeek_beacons.forecast.level import LevelScores, LevelSeries, host_days, level_threshold
from zeek_beacons.forecast.models.forecaster import Forecaster, SeriesBatch
from zeek_beacons.forecast.plan import ForecastPlan, Shares, shares
from zeek_beacons.forecast.windows import LEVELS, SiteWindows, read
from zeek_beacons.readers.connection_table import ConnectionTable

Advance = Callable[[int, int], None]  # series done, series there are


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """What came of it."""

    plan: ForecastPlan
    windows: SiteWindows
    parts: Shares
    model: Forecaster
    learned: dict[str, Any]
    levels: dict[str, LevelScores]
    calibrated: dict[str, int]  # level -> series that its threshold was read from
    calibration_host_days: float
    judged_host_days: float
    alerts: list[Finding]
    standings: list[Standing]


def forecast(tables: Iterable[ConnectionTable], plan: ForecastPlan, advance: Advance | None = None) -> Forecast:
    """Windows, forecasts, thresholds, alerts. Raises InputError where there is too little to judge by."""
    model = models.load(plan.model, plan.seed)
    return judged(read(tables, plan.window), plan, model, advance)


def judged(windows: SiteWindows, plan: ForecastPlan, model: Forecaster, advance: Advance | None = None) -> Forecast:
    """The same from windows. Raises InputError."""
    parts = shares(windows.axis, plan, model.needed)
    series = {level: LevelSeries.of(windows, level, plan.most) for level in LEVELS}
    learned = model.learn(lambda: _training(series, parts), parts.train)
    quiet_days = host_days(windows, parts.calibration)
    allowed = plan.false_alerts_per_host_day * quiet_days / len(LEVELS)
    levels: dict[str, LevelScores] = {}
    calibrated: dict[str, int] = {}
    done, total = 0, sum(len(one.rows) for one in series.values())

    def count(number: int) -> None:
        nonlocal done
        done += number
        if advance is not None:
            advance(done, total)

    for level in LEVELS:
        calm, calibrated[level] = series[level].calm(model, parts, plan)
        limit = level_threshold(calm, plan, allowed)
        levels[level] = series[level].scored(model, parts, plan, limit, count)
    alerts = findings(windows, levels, parts, plan)
    return Forecast(
        plan,
        windows,
        parts,
        model,
        learned,
        levels,
        calibrated,
        quiet_days,
        host_days(windows, parts.judged),
        alerts,
        standings(windows, levels, parts),
    )


def _training(series: dict[str, LevelSeries], parts: Shares) -> Iterator[SeriesBatch]:
    """The series that were there in training."""
    for one in series.values():
        for _, batch in one.batches(one.seen_before(parts.train.end)):
            yield batch


def thresholds(found: Forecast) -> dict[str, float | None]:
    """The threshold in force by level; None where nothing could be forecast there."""
    return {
        level: round(scored.threshold, 4) if np.isfinite(scored.threshold) else None
        for level, scored in found.levels.items()
    }
