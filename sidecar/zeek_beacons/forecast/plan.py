"""What is asked of a forecast, and how the windows of an input are shared out to training, calibration and judging."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeek_beacons.errors import ConfigError, InputError
from zeek_beacons.forecast.models.forecaster import Stretch
from zeek_beacons.forecast.windows import Axis

TRAINING = 0.75  # of the baseline; its rest sets the threshold
SHORTEST, LONGEST = 10.0, 86_400.0  # seconds a window


@dataclass(frozen=True, slots=True)
class ForecastPlan:
    """The options of a forecast. Raises ConfigError where they cannot be."""

    window: float = 300.0  # seconds
    train_hours: float = 12.0  # the baseline, from the first connection on
    persistence: int = 4  # windows that a surprise has to last
    false_alerts_per_host_day: float = 0.1
    anomaly_threshold: float | None = None  # in place of what the calibration says
    refit_hours: float = 24.0  # how often what is normal is measured again
    most: int = 2000  # series of each level that are forecast
    model: str = "light"
    seed: int = 1

    def __post_init__(self) -> None:
        _check("--window", self.window, SHORTEST, LONGEST)
        _check("--train-hours", self.train_hours, 0, 10_000)
        _check("--persistence", self.persistence, 1, 1000)
        _check("--false-alerts-per-host-day", self.false_alerts_per_host_day, 0, 1e6)
        _check("--refit-hours", self.refit_hours, 0, 10_000)
        _check("--most", self.most, 1, 1_000_000)
        if self.anomaly_threshold is not None:
            _check("--anomaly-threshold", self.anomaly_threshold, 0, 1e6)


def _check(name: str, value: float, low: float, high: float) -> None:
    """Above 0 and from `low` to `high`."""
    if not (np.isfinite(value) and value > 0 and low <= value <= high):
        raise ConfigError(f"{name} is {value:g}, expected {f'{low:g} to' if low else 'above 0, at most'} {high:g}")


@dataclass(frozen=True, slots=True)
class Shares:
    """The axis in parts."""

    train: Stretch
    calibration: Stretch
    judged: Stretch

    @property
    def baseline(self) -> Stretch:
        """Training and calibration together."""
        return Stretch(0, self.calibration.end)


def shares(axis: Axis, plan: ForecastPlan, needed: int) -> Shares:
    """The axis shared out. `needed`: windows of training that the model asks for. Raises InputError."""
    total, hours = len(axis), plan.train_hours
    end = int(np.searchsorted(axis.window, axis.window[0] + np.ceil(hours * 3600 / plan.window)))
    training = int(end * TRAINING)
    held_back = end - training
    if total == 1:
        raise InputError("input", f"one window of {plan.window:g} s only: there is nothing to forecast")
    if training < needed or held_back < plan.persistence:
        gaps = f"; {axis.gaps} gaps of up to {axis.longest_gap / 3600:.1f} h count as not watched" if axis.gaps else ""
        least = int(np.ceil(max(needed / TRAINING, plan.persistence / (1 - TRAINING))))
        raise InputError(
            "input",
            f"not enough baseline: the first {hours:g} h hold {end} windows of {plan.window:g} s, model {plan.model} "
            f"needs {least}{gaps}; take a longer --train-hours, a shorter --window, or begin later with --from",
        )
    if total - end < plan.persistence:
        raise InputError(
            "input",
            f"nothing to judge: {total} windows of {plan.window:g} s, of which the baseline of {hours:g} h takes {end} "
            f"and --persistence needs {plan.persistence} more",
        )
    return Shares(Stretch(0, training), Stretch(training, end), Stretch(end, total))


def fits(parts: Shares, plan: ForecastPlan) -> list[tuple[Stretch, Stretch]]:
    """What is judged, in parts, each with the windows that say what is normal then: as many as the baseline has."""
    step = max(plan.persistence, int(plan.refit_hours * 3600 / plan.window))
    length = len(parts.baseline)
    return [
        (Stretch(begin - length, begin), Stretch(begin, min(begin + step, parts.judged.end)))
        for begin in range(parts.judged.begin, parts.judged.end, step)
    ]
