"""What a forecaster is: it learns from the baseline's training stretch, and says what to expect of windows to come."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.float32]
Masks: TypeAlias = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Windows of the axis from `begin` to before `end`."""

    begin: int
    end: int

    def __len__(self) -> int:
        return self.end - self.begin

    @property
    def windows(self) -> slice:
        """Their places."""
        return slice(self.begin, self.end)


@dataclass(frozen=True, slots=True, eq=False)
class SeriesBatch:
    """Some series over the whole axis."""

    values: Numbers  # (n, w, len(AGGREGATES))
    calendar: Numbers  # (w, len(CALENDAR))
    hour: NDArray[np.int64]  # (w,) 0 to 23, UTC
    width: float  # seconds


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """A forecast of some windows, (n, m, len(AGGREGATES)) each, and how it bears what came."""

    mean: Numbers
    std: Numbers
    tail: Numbers  # two-sided probability of a value at least as far out as what came


class Forecaster(Protocol):
    """One kind of forecast. No window that is forecast, and none after it, may move what it says."""

    name: str
    needed: int  # windows of training below which it cannot learn

    def learn(self, batches: Callable[[], Iterable[SeriesBatch]], train: Stretch) -> dict[str, Any]:
        """Learns what all series have in common; what is worth telling of it comes back."""

    def expect(self, batch: SeriesBatch, known: Stretch, ahead: Stretch, odd: Masks | None = None) -> Expected:
        """A forecast of `ahead` from the windows in `known` and from what came before each.

        `odd`: (n, w) windows that were alerted on, which are no example of what is normal.
        """

    def save(self, folder: Path) -> None:
        """Keeps what was learned; a model without any of its own keeps nothing."""
