"""Connections added up by series and window, while they are read: bounded memory, whatever comes in which order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.pairs import Bools, Floats, Ints

# Sums in float32, in this order.
SUMS = ("connections", "bytes", "packets", "timed", "duration", "tcp", "udp", "https", "dns", "small")
SQUARES = ("bytes", "duration")  # sums of squares, in float64: deviations are differences of large numbers
PENDING = 400_000  # rows of parts that wait before they are merged
PORT_BITS = 64


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """What happened in each window of each series that was not silent, sorted by series, then window; (n,) each."""

    key: Ints  # the series
    window: NDArray[np.int32]  # seconds since the epoch / width
    sums: NDArray[np.float32]  # (n, len(SUMS))
    squares: Floats  # (n, len(SQUARES))
    ports: NDArray[np.uint64]  # a bit for each of 64 classes of server ports

    def __len__(self) -> int:
        return len(self.key)

    @classmethod
    def empty(cls) -> Self:
        """No cells."""
        return cls(
            np.zeros(0, np.int64),
            np.zeros(0, np.int32),
            np.zeros((0, len(SUMS)), np.float32),
            np.zeros((0, len(SQUARES))),
            np.zeros(0, np.uint64),
        )

    def take(self, rows: Ints | Bools) -> Self:
        """Some of the cells."""
        return type(self)(self.key[rows], self.window[rows], self.sums[rows], self.squares[rows], self.ports[rows])

    def connections(self) -> NDArray[np.float32]:
        """Connections of each cell."""
        count: NDArray[np.float32] = self.sums[:, 0]
        return count


def added(parts: list[Cells]) -> Cells:
    """The parts as one; cells of the same series and window are added up."""
    key, window = (np.concatenate([getattr(part, name) for part in parts]) for name in ("key", "window"))
    order = np.lexsort((window, key))
    key, window = key[order], window[order]
    begins = _begins(key, window)
    if not len(begins):
        return Cells.empty()
    sums, squares = (
        _column_sums([getattr(part, name) for part in parts], order, begins) for name in ("sums", "squares")
    )
    ports = np.bitwise_or.reduceat(np.concatenate([part.ports for part in parts])[order], begins)
    return Cells(key[begins], window[begins], sums, squares, ports)


def _column_sums(parts: list[NDArray[Any]], order: Ints, begins: Ints) -> NDArray[Any]:
    """Sums of the rows between `begins`, one column at a time: a copy of all at once would double the memory."""
    found = np.empty((len(begins), parts[0].shape[1]), parts[0].dtype)
    for column in range(found.shape[1]):
        found[:, column] = np.add.reduceat(np.concatenate([part[:, column] for part in parts])[order], begins)
    return found


def _begins(key: Ints, window: NDArray[np.int32]) -> Ints:
    """Where a new series or window begins among sorted rows."""
    if not len(key):
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.concatenate(([True], (np.diff(key) != 0) | (np.diff(window) != 0))))


@dataclass(frozen=True, slots=True, eq=False)
class Active:
    """The series that have cells, by key, (k,) each."""

    key: Ints
    begin: Ints  # of their cells
    windows: Ints  # how many windows are not silent
    connections: Floats

    @classmethod
    def of(cls, cells: Cells) -> Self:
        """Those of sorted cells."""
        key, begin, windows = np.unique(cells.key, return_index=True, return_counts=True)
        totals = np.add.reduceat(cells.connections(), begin, dtype=np.float64) if len(begin) else np.zeros(0)
        return cls(key, begin.astype(np.int64), windows.astype(np.int64), totals)

    def ranking(self) -> Ints:
        """Most active windows first, then most connections, then the lowest key."""
        order: Ints = np.lexsort((self.key, -self.connections, -self.windows))
        return order


class Gatherer:
    """Adds parts up. Beyond `most` cells the series with the fewest active windows lose what they have so far."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.dropped = 0  # cells
        self._merged = Cells.empty()
        self._pending: list[Cells] = []

    def add(self, part: Cells) -> None:
        """Takes in a part, in any order."""
        self._pending.append(part)
        if sum(map(len, self._pending)) > PENDING:
            self._merge()

    def cells(self) -> Cells:
        """All of it."""
        self._merge()
        return self._merged

    def _merge(self) -> None:
        if self._pending:
            self._merged = added([self._merged, *self._pending])
            self._pending = []
        if len(self._merged) > self.most:
            self._prune()

    def _prune(self) -> None:
        """Keeps the most active series, up to three quarters of what there is room for."""
        active = Active.of(self._merged)
        order = active.ranking()
        kept = np.zeros(len(order), dtype=np.bool_)
        kept[order[np.cumsum(active.windows[order]) <= max(self.most * 3 // 4, active.windows[order[0]])]] = True
        rows = np.repeat(kept, active.windows)
        self.dropped += int((~rows).sum())
        self._merged = self._merged.take(rows)


def distinct(ports: NDArray[np.uint64]) -> Floats:
    """About how many ports set these bits, by how many classes are left empty; exact for up to seven classes."""
    filled = np.minimum(np.bitwise_count(ports), PORT_BITS - 1).astype(np.float64)
    count: Floats = np.rint(-PORT_BITS * np.log1p(-filled / PORT_BITS))
    return count
