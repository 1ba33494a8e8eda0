"""One pair as the peers' formulas see it, and the step from a formula over one to scores of many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from zeek_beacons.pairs import Floats, Ints, Pairs


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """The connections of one pair, by start, and the time that the whole log covers (epoch seconds)."""

    start: Floats
    size: Floats  # bytes sent by the originator; empty where no connection has any
    log_begin: float
    log_end: float

    @property
    def gaps(self) -> Floats:
        return np.diff(self.start)

    @property
    def span(self) -> float:
        return float(np.ptp(self.start))

    def since(self, moment: float) -> Flow:
        """The connections from `moment` on."""
        kept = self.start >= moment
        size = self.size[kept] if len(self.size) else self.size
        return Flow(self.start[kept], size, max(self.log_begin, moment), self.log_end)


Formula = Callable[[Flow], float]


def flows(pairs: Pairs, rows: Ints) -> Iterator[Flow]:
    """These pairs of a log."""
    begin, end = (float(pairs.start.min()), float(pairs.start.max())) if len(pairs.start) else (0.0, 0.0)
    for low, high in zip(pairs.offsets[rows].tolist(), pairs.offsets[rows + 1].tolist(), strict=True):
        size = pairs.orig_bytes[low:high]
        known = np.isfinite(size)
        yield Flow(pairs.start[low:high], np.nan_to_num(size) if known.any() else size[:0], begin, end)


def cv(values: Floats) -> float:
    """Standard deviation / mean, NaN without a mean."""
    mean = float(values.mean()) if len(values) else 0.0
    return float(values.std()) / mean if mean else float("nan")


def mad(values: Floats) -> float:
    """Median distance from the median."""
    return float(np.median(np.abs(values - np.median(values))))
