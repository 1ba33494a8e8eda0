"""The beaconing study's detectors, from its public sources: 29 features of a flow, hardened rules, a random forest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from zeek_beacons.pairs import Floats
from zeek_beacons_lab.baselines.flows import Flow, cv, mad

BURST = 10.0  # seconds between two connections of one burst, at most


@dataclass(frozen=True)
class Measured:
    """A flow with the parts that several features share. Sizes that a log lacks count as none."""

    flow: Flow

    @cached_property
    def gaps(self) -> Floats:
        return self.flow.gaps

    @cached_property
    def median(self) -> float:
        return float(np.median(self.gaps)) if len(self.gaps) else 0.0

    @cached_property
    def bursts(self) -> Floats:
        """Connections in each burst of two or more."""
        runs = np.split(np.ones(len(self.flow.start)), np.flatnonzero(self.gaps > BURST) + 1)
        return np.array([len(run) for run in runs if len(run) > 1], dtype=np.float64)

    @cached_property
    def sleeps(self) -> Floats:
        return self.gaps[self.gaps > BURST]

    @cached_property
    def within(self) -> Floats:
        return self.gaps[self.gaps <= BURST]

    @property
    def burst_to_idle(self) -> float:
        return float(self.within.sum() / self.sleeps.sum()) if self.sleeps.sum() > 0 else float("nan")


def iqr(values: Floats) -> float:
    """Distance of the medians of the lower and the upper half, without the middle value of an odd number."""
    if len(values) < 2:
        return float("nan")
    ordered, half = np.sort(values), len(values) // 2
    return float(np.median(ordered[-half:]) - np.median(ordered[:half]))


def trimmed_cv(values: Floats) -> float:
    """CV without the lowest and the highest tenth."""
    cut = int(0.1 * len(values))
    kept = np.sort(values)[cut:-cut] if cut and len(values) - 2 * cut >= 2 else values
    return cv(kept) if len(values) > 1 else float("nan")


def near_median(values: Floats, tolerance: float) -> float:
    """Share within this part of the median."""
    if not len(values):
        return float("nan")
    median = np.median(values)
    return float((np.abs(values - median) <= tolerance * abs(median)).mean())


def dominant(values: Floats) -> float:
    """Largest share within 20 % of one of the values."""
    ordered = np.sort(values)
    held = np.searchsorted(ordered, 1.2 * ordered, "right") - np.searchsorted(ordered, 0.8 * ordered, "left")
    return float(held.max()) / len(values) if len(values) else float("nan")


def bins(values: Floats) -> Floats:
    """How many values fall into each filled bin; bins are a fifth of the median wide, at least 1."""
    width = max(1.0, 0.2 * abs(float(np.median(values)))) if len(values) else 1.0
    return np.unique(np.rint(values / width), return_counts=True)[1].astype(np.float64)


def similar(values: Floats) -> Floats:
    """Whether neighbours differ by at most 30 % of the larger one, (n - 1,)."""
    larger = np.maximum(np.maximum(values[1:], values[:-1]), 1e-12)
    return (np.abs(np.diff(values)) / larger <= 0.3).astype(np.float64)


def longest_run(alike: Floats) -> float:
    """Values in the longest run of similar neighbours."""
    return 1.0 + max((len(run) for run in "".join("x" if one else " " for one in alike).split()), default=0)


def span_to_median(values: Floats) -> float:
    median = float(np.median(values)) if len(values) else 0.0
    return float(np.ptp(values)) / median if median else float("nan")


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")


FEATURES: Mapping[str, Callable[[Measured], float]] = {
    "events": lambda m: float(len(m.flow.start)),
    "duration": lambda m: m.flow.span,
    "gap_cv": lambda m: cv(m.gaps),
    "gap_trimmed_cv": lambda m: trimmed_cv(m.gaps),
    "gap_iqr": lambda m: iqr(m.gaps),
    "gap_mad": lambda m: mad(m.gaps) if len(m.gaps) > 1 else float("nan"),
    "gap_near": lambda m: near_median(m.gaps, 0.2),
    "gap_within_10": lambda m: near_median(m.gaps, 0.1),
    "gap_within_20": lambda m: near_median(m.gaps, 0.2),
    "gap_within_30": lambda m: near_median(m.gaps, 0.3),
    "gap_dominant": lambda m: dominant(m.gaps),
    "gap_dominant_bin": lambda m: float(bins(m.gaps).max()) / len(m.gaps) if len(m.gaps) else float("nan"),
    "gap_bins": lambda m: float(len(bins(m.gaps))),
    "gap_adjacent": lambda m: _mean(similar(m.gaps)),
    "gap_longest_run": lambda m: longest_run(similar(m.gaps)),
    "gap_range": lambda m: span_to_median(m.gaps),
    "gap_deviation": lambda m: mad(m.gaps) / m.median if m.median else float("nan"),
    "periodicity": lambda m: near_median(m.gaps, 0.2) / (1 + trimmed_cv(m.gaps)),
    "bursts": lambda m: float(len(m.bursts)),
    "burst_size": lambda m: _mean(m.bursts),
    "burst_size_cv": lambda m: cv(m.bursts),
    "sleep_cv": lambda m: cv(m.sleeps),
    "burst_gaps_near": lambda m: near_median(m.within, 0.3),
    "burst_to_idle": lambda m: m.burst_to_idle,
    "size_cv": lambda m: cv(m.flow.size),
    "size_dominant_bin": lambda m: float(bins(m.flow.size).max()) / len(m.flow.size) if len(m.flow.size) else np.nan,
    "size_bins": lambda m: float(len(bins(m.flow.size))),
    "size_range": lambda m: span_to_median(m.flow.size),
    "size_near": lambda m: near_median(m.flow.size, 0.2),
}


def features(flow: Flow) -> Floats:
    """The 29 features, missing ones 0, as the study's models take them."""
    measured = Measured(flow)
    found: Floats = np.nan_to_num(np.array([compute(measured) for compute in FEATURES.values()]), posinf=0.0)
    return found


def rules(flow: Flow) -> float:
    """Sum of the hardened rules (alert at 2.2, in its high-precision form at 2.8)."""
    m = Measured(flow)
    n, span = len(flow.start), flow.span
    if n < 5:
        return 0.0
    mean, spread, sizes, steady = float(m.gaps.mean()), cv(m.gaps), cv(flow.size), iqr(m.gaps)
    fired = (
        (1.1, spread <= 0.3 and span >= 30 and (n >= 10 or spread <= 0.12)),
        (0.5, steady <= 0.5 * mean and (n >= 10 or steady <= 0.2 * mean)),
        (0.4, sizes <= 0.3),
        (0.2, span >= 30),
        (2.0, _sleeps_between_bursts(m)),
        (1.6, sizes <= 0.02 and span >= 120),
        (2.0, n >= 12 and span >= 600 and 20 <= mean <= 240),
        (0.5, n >= 8 and spread <= 0.18 and sizes <= 0.25),
    )
    return float(sum(weight for weight, holds in fired if holds))


def _sleeps_between_bursts(m: Measured) -> bool:
    """Two or more bursts with sleeps of half a minute between them, three where the sleeps are under two minutes."""
    bursts, sleep = len(m.bursts), _mean(m.sleeps)
    enough = bursts >= 2 and sleep >= 30 and (sleep >= 120 or bursts >= 3)
    return bool(enough and m.burst_to_idle <= 0.35)
