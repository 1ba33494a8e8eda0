"""Laws of waiting: how a timer turns sleep and jitter into the wait before the next check-in.

Each law is (rng, sleep, jitter, size) -> seconds, and has a known mean, so that a kind can be given a mean gap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from zeek_beacons.pairs import Floats
from zeek_beacons_lab.traffic.series import Rng


def fixed(rng: Rng, sleep: float, jitter: float, size: int) -> Floats:
    """Always the sleep; what varies is only how long each check-in takes."""
    return np.full(size, sleep)


def shortened(rng: Rng, sleep: float, jitter: float, size: int) -> Floats:
    """Uniform in [sleep * (1 - jitter), sleep]: jitter only ever takes away."""
    return sleep * (1.0 - jitter * rng.random(size))


def lengthened(rng: Rng, sleep: float, jitter: float, size: int) -> Floats:
    """Uniform in [sleep, sleep * (1 + jitter)]: jitter only ever adds."""
    return sleep * (1.0 + jitter * rng.random(size))


def symmetric(rng: Rng, sleep: float, jitter: float, size: int) -> Floats:
    """Uniform in [sleep * (1 - jitter), sleep * (1 + jitter)]."""
    return sleep * (1.0 + jitter * (2.0 * rng.random(size) - 1.0))


def stepped(rng: Rng, sleep: float, jitter: float, size: int) -> Floats:
    """Symmetric in whole percents: even percents lengthen, odd ones shorten (Mythic's poseidon does this)."""
    percent = rng.integers(0, max(1, round(100 * jitter)), size)
    return sleep * (1.0 + np.where(percent % 2 == 0, percent, -percent) / 100.0)


def gaussian(rng: Rng, sleep: float, jitter: float, size: int) -> Floats:
    """Normal with a standard deviation of jitter * sleep / 2, never under a tenth of the sleep."""
    waits: Floats = np.maximum(sleep * (1.0 + 0.5 * jitter * rng.standard_normal(size)), 0.1 * sleep)
    return waits


def exponential(rng: Rng, sleep: float, jitter: float, size: int) -> Floats:
    """Memoryless: a Poisson process."""
    return rng.exponential(sleep, size)


@dataclass(frozen=True, slots=True)
class Law:
    waits: Callable[[Rng, float, float, int], Floats]
    skew: float = 0.0  # the mean wait is sleep * (1 + skew * jitter)

    def sleep_for(self, period: float, jitter: float) -> float:
        """The sleep that makes waits of `period` seconds on average."""
        return period / (1.0 + self.skew * jitter)


LAWS: Mapping[str, Law] = {
    "fixed": Law(fixed),
    "shortened": Law(shortened, -0.5),
    "lengthened": Law(lengthened, 0.5),
    "symmetric": Law(symmetric),
    "stepped": Law(stepped),
    "gaussian": Law(gaussian),
    "exponential": Law(exponential),
}
