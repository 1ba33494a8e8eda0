"""What held from when to when: runs of one value each, by key, to be asked for a time."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.pairs import Ints


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Times in which one value was the newest, columns (n,)."""

    key: Ints
    since: Ints  # microseconds
    until: Ints  # microseconds, the last at which it holds
    name: Ints  # number of the value

    def __len__(self) -> int:
        return len(self.key)

    def take(self, rows: NDArray[Any]) -> Self:
        """The runs at positions, or of a mask."""
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))


def no_runs() -> Runs:
    """None at all."""
    nothing = np.zeros(0, dtype=np.int64)
    return Runs(nothing, nothing, nothing, nothing)


def joined(runs: Runs) -> Runs:
    """Runs by key, time and name without those that go on with the one before, or that a later one of the moment ends.

    Of those of one moment the last one counts.
    """
    if not len(runs):
        return runs
    key, since = runs.key, runs.since
    runs = runs.take(np.append((key[1:] != key[:-1]) | (since[1:] != since[:-1]), True))
    key, since, until, name = runs.key, runs.since, runs.until, runs.name
    begins = np.append(True, (key[1:] != key[:-1]) | (name[1:] != name[:-1]) | (since[1:] > until[:-1]))
    first = np.flatnonzero(begins)
    return Runs(key[first], since[first], until[np.append(first[1:], len(runs)) - 1], name[first])


class Timeline:
    """Runs by key and time."""

    def __init__(self, runs: Runs) -> None:
        self.runs = runs
        self._keys, self._first = np.unique(runs.key, return_index=True)
        self._behind = np.append(self._first[1:], len(runs))

    def newest(self, key: Ints, at: Ints) -> Ints:
        """Where the newest run of each key is that began by a time (microseconds), -1 where none did."""
        found = np.full(len(key), -1, dtype=np.int64)
        if not len(self.runs):
            return found
        place = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        known = self._keys[place] == key
        first = self._first[place[known]]
        last = _last_not_after(self.runs.since, first, self._behind[place[known]], at[known])
        found[known] = np.where(last >= first, last, -1)
        return found

    def name(self, key: Ints, at: Ints) -> Ints:
        """The number of the value that held for each key at a time, -1 where none did."""
        newest = self.newest(key, at)
        began = np.flatnonzero(newest >= 0)
        holds = began[at[began] <= self.runs.until[newest[began]]]
        found = np.full(len(key), -1, dtype=np.int64)
        found[holds] = self.runs.name[newest[holds]]
        return found

    def next(self, key: Ints, at: Ints) -> Ints:
        """When the next run of each key begins behind a time, the end of time where none does."""
        begins = np.full(len(key), np.iinfo(np.int64).max)
        if not len(self.runs):
            return begins
        place = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        after = self._first[place] + self.begun(key, at)
        some = (self._keys[place] == key) & (after < self._behind[place])
        begins[some] = self.runs.since[after[some]]
        return begins

    def begun(self, key: Ints, at: Ints) -> Ints:
        """How many runs of each key had begun by a time."""
        newest = self.newest(key, at)
        some = newest >= 0
        count = np.zeros(len(key), dtype=np.int64)
        count[some] = newest[some] - self._first[np.searchsorted(self._keys, key[some])] + 1
        return count


def ranks(names: Ints, values: list[str]) -> Ints:
    """The place of names, by number, in the alphabet, which settles ties."""
    distinct, inverse = np.unique(names, return_inverse=True)
    texts = [values[code] for code in distinct.tolist()]
    rank = np.empty(len(texts), dtype=np.int64)
    rank[sorted(range(len(texts)), key=texts.__getitem__)] = np.arange(len(texts))
    return rank[inverse]


def _last_not_after(since: Ints, first: Ints, behind: Ints, start: Ints) -> Ints:
    """In each stretch `first` to `behind` of sorted times the place of the last that is not after `start`."""
    low, high = first - 1, behind.copy()
    while (open_ := high - low > 1).any():
        middle = np.where(open_, (low + high) // 2, np.maximum(low, 0))
        early = since[middle] <= start
        low = np.where(open_ & early, middle, low)
        high = np.where(open_ & ~early, middle, high)
    return low
