"""All series of one kind, forecast and scored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.forecast.cells import Active
from zeek_beacons.forecast.models.forecaster import Expected, Forecaster, SeriesBatch, Stretch
from zeek_beacons.forecast.persistence import Scores, held, surprising, threshold
from zeek_beacons.forecast.plan import ForecastPlan, Shares, fits
from zeek_beacons.forecast.windows import AGGREGATES, SiteWindows
from zeek_beacons.pairs import Bools, Floats, Ints

ROOM = 4_000_000  # numbers of a batch
# A series that is as its forecast says scores about .8: below this nothing is a surprise, however steady it was before.
LEAST_THRESHOLD = 0.5
UNLIKELY = 0.3  # tail probability above which a window is none either: it had such values in its baseline
FAR = 20.0  # deviations beyond which an aggregate is no more surprising


@dataclass(frozen=True, slots=True, eq=False)
class LevelScores:
    """The series of a level over the judged windows. NaN where a series is too new to be forecast."""

    level: str
    active: Active  # all series of local hosts that the level has
    rows: Ints  # (n,) of `active`: those that are forecast
    first: Ints  # (all,) place on the axis at which each was first seen
    residual: Scores  # (n, judged)
    tail: Scores
    held: Scores
    above: Bools  # (n, judged) where a series held at the threshold or above
    threshold: float
    left_out: int  # series beyond the most that are forecast

    @property
    def forecast(self) -> int:
        """How many series were forecast in any window."""
        return int(np.isfinite(self.residual).any(axis=1).sum())


@dataclass(frozen=True, slots=True, eq=False)
class LevelSeries:
    """Those of a level that are forecast, in batches."""

    windows: SiteWindows
    level: str
    active: Active
    rows: Ints
    first: Ints

    @classmethod
    def of(cls, windows: SiteWindows, level: str, most: int) -> LevelSeries:
        """The `most` series of local hosts with the most active windows, then the most connections."""
        active = _of_local(windows, level)
        rows = np.sort(active.ranking()[:most])
        first = windows.axis.place(windows.cells[level].window[active.begin]).astype(np.int64)
        return cls(windows, level, active, rows, first)

    def seen_before(self, place: int) -> Ints:
        """Positions among `rows` of series that were there before this place on the axis."""
        return np.flatnonzero(self.first[self.rows] < place)

    def batches(self, positions: Ints) -> Iterator[tuple[Ints, SeriesBatch]]:
        """These series, some at a time."""
        axis = self.windows.axis
        size = max(1, ROOM // (len(axis) * len(AGGREGATES)))
        hour = (axis.start // 3600 % 24).astype(np.int64)
        for begin in range(0, len(positions), size):
            some = positions[begin : begin + size]
            values = self.windows.values(self.level, self.active, self.rows[some])
            yield some, SeriesBatch(values, axis.calendar(), hour, axis.width)

    def calm(self, model: Forecaster, parts: Shares, plan: ForecastPlan) -> tuple[Scores, int]:
        """Held scores over the calibration stretch, of series seen in training; and how many those are."""
        found = [np.zeros((0, len(parts.calibration)), np.float32)]
        window = self.windows.axis.window[parts.calibration.windows]
        for _, batch in self.batches(self.seen_before(parts.train.end)):
            residual, _ = surprise(batch, model.expect(batch, parts.train, parts.calibration), parts.calibration)
            found.append(held(residual, window, plan.persistence))
        scores = np.concatenate(found)
        return scores, len(scores)

    def scored(
        self, model: Forecaster, parts: Shares, plan: ForecastPlan, limit: float, advance: Callable[[int], None]
    ) -> LevelScores:
        """All series over the judged windows, part by part, each part by what was normal before it."""
        shape = (len(self.rows), len(parts.judged))
        residual, tail, lasting = (np.full(shape, np.nan, np.float32) for _ in range(3))
        above = np.zeros(shape, np.bool_)
        schedule = fits(parts, plan)
        window = self.windows.axis.window[parts.judged.windows]
        for some, batch in self.batches(self.seen_before(schedule[-1][1].begin)):
            odd = np.zeros(batch.values.shape[:2], np.bool_)
            for known, ahead in schedule:
                at = slice(ahead.begin - parts.judged.begin, ahead.end - parts.judged.begin)
                expected = model.expect(batch, known, ahead, odd)
                is_new = self.first[self.rows[some]] >= ahead.begin
                residual[some, at], tail[some, at] = (
                    np.where(is_new[:, None], np.nan, values) for values in surprise(batch, expected, ahead)
                )
                lasting[some] = held(residual[some], window, plan.persistence)
                unlikely = (
                    plan.anomaly_threshold is not None or -held(-tail[some], window, plan.persistence) <= UNLIKELY
                )
                above[some] = (np.nan_to_num(lasting[some], nan=-1) >= limit) & unlikely
                odd[:, parts.judged.windows] |= surprising(above[some], plan.persistence)
            advance(len(some))
        kept = self.active, self.rows, self.first
        left_out = len(self.active.key) - len(self.rows)
        return LevelScores(self.level, *kept, residual, tail, lasting, above, limit, left_out)


def surprise(batch: SeriesBatch, expected: Expected, ahead: Stretch) -> tuple[Scores, Scores]:
    """How far each window is from its forecast, (n, m): mean distance in deviations, and the tail probability.

    The probability is that of the most unlikely aggregate, times their number: at least as rare by chance.
    """
    distance = np.abs(batch.values[:, ahead.windows] - expected.mean) / expected.std
    residual: Scores = np.minimum(distance, FAR).mean(axis=2, dtype=np.float32)
    tail: Scores = np.minimum(expected.tail.min(axis=2) * expected.tail.shape[2], 1).astype(np.float32)
    return residual, tail


def level_threshold(calm: Scores, plan: ForecastPlan, allowed: float) -> float:
    """The threshold in force at a level."""
    if plan.anomaly_threshold is not None:
        return plan.anomaly_threshold
    return float(np.maximum(threshold(calm, plan.persistence, allowed), LEAST_THRESHOLD))


def _of_local(windows: SiteWindows, level: str) -> Active:
    active = Active.of(windows.cells[level])
    host = active.key if level == "host" else active.key >> 32
    kept = np.isin(host, np.fromiter(windows.local, np.int64, len(windows.local)))
    return Active(*(getattr(active, name)[kept] for name in ("key", "begin", "windows", "connections")))


def host_days(windows: SiteWindows, stretch: Stretch) -> float:
    """Days watched, over all local hosts that had a connection in these windows."""
    axis, cells = windows.axis, windows.cells["host"]
    place = axis.place(cells.window)
    inside = (place >= stretch.begin) & (place < stretch.end)
    hosts = set(np.unique(cells.key[inside]).tolist()) & windows.local
    return len(hosts) * len(stretch) * axis.width / 86_400


def seen(values: Floats | NDArray[np.float32]) -> float:
    """The highest number, NaN without any."""
    known = values[np.isfinite(values)]
    return float(known.max()) if len(known) else float("nan")
