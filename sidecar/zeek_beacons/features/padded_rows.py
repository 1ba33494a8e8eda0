"""Ragged rows as dense blocks, and the statistics of their rows.

Rows of similar length share a block `(m, width)`, padded with NaN at the end. The width is a function of the row's own
length and every reduction runs along the contiguous last axis, so a row gives the same bits alone and in a batch; where
few rows share a wider block, see `shared`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.pairs import Bools, Floats, Ints

LADDER = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)
UNROLLED = 128  # values that numpy adds up without cutting them in two first
SPARE = 2**11  # elements of padding that few rows may take on to share a wider block
CHUNK = 2**16  # elements of a block: 512 kB an array, several of them stay in the cache of a core

T = TypeVar("T")


def widths(counts: Ints) -> Ints:
    """The block width of rows with `counts` values: the ladder, then on by its own steps (x 1.5, x 1.33)."""
    ladder = steps_to(int(counts.max(initial=0)))
    return ladder[np.searchsorted(ladder, counts)]


def steps_to(top: int) -> Ints:
    steps = list(LADDER)
    while steps[-1] < top:
        steps.append(steps[-2] * 2)
    return np.array(steps, dtype=np.int64)


def chunks(counts: Ints, least: int = 1) -> Iterator[tuple[Ints, int]]:
    """Positions of rows of one width, at most CHUNK elements together (or one row); rows below `least` are left out."""
    chosen = np.flatnonzero(counts >= least)
    ladder = steps_to(int(counts.max(initial=0)))
    place = np.searchsorted(ladder, counts[chosen])
    for step in np.flatnonzero(np.bincount(place)):
        rows, width = chosen[place == step], int(ladder[step])
        most = max(1, CHUNK // width)
        for begin in range(0, len(rows), most):
            yield rows[begin : begin + most], width


def shared(counts: Ints) -> Iterator[tuple[Ints, int]]:
    """The same rows in fewer blocks: few rows of one width share a block with those of the next wider one.

    A row has the same sums there: numpy adds up to 128 values in eight columns, which further zeros do not change where
    all widths are multiples of eight. What depends on a row's own width otherwise has to ask for it, see `widths`.
    """
    held: list[tuple[Ints, int]] = []
    for rows, width in chunks(counts):
        if held and width <= UNROLLED and width % 8 == 0 and held[-1][1] % 8 == 0:
            before, narrow = held[-1]
            if len(before) * (width - narrow) <= SPARE and (len(before) + len(rows)) * width <= CHUNK:
                held[-1] = np.concatenate([before, rows]), width
                continue
        held.append((rows, width))
    yield from held


def positions(begins: Ints, counts: Ints, width: int) -> tuple[Ints, Bools]:
    """Where the values of each row lie in the flat column, (m, width), and which of them are the row's own."""
    column = np.arange(width)
    own = column < counts[:, None]
    return begins[:, None] + np.minimum(column, np.maximum(counts - 1, 0)[:, None]), own


def lay(values: NDArray[Any], where: tuple[Ints, Bools]) -> Floats:
    """A flat column as a block, NaN where a row has no more values."""
    index, own = where
    block: Floats = np.where(own, values[index], np.nan)
    return block


class once(Generic[T]):  # noqa: N801
    """A property computed at first use: `functools.cached_property` without the lock that all objects share in 3.11."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self.compute, self.name = compute, compute.__name__

    def __get__(self, owner: Any, _kind: type) -> T:
        value = self.compute(owner)
        owner.__dict__[self.name] = value
        return value


@dataclass(frozen=True, eq=False)
class PaddedRows:
    """A block of rows: `values` (m, width), NaN for padding and for missing values."""

    values: Floats

    @once
    def valid(self) -> Bools:
        return ~np.isnan(self.values)

    @once
    def count(self) -> Ints:
        """Values that are there, (m,)."""
        return held(self.valid)

    @once
    def ordered(self) -> Floats:
        """Ascending, NaN last."""
        return np.sort(self.values, axis=-1)

    @once
    def total(self) -> Floats:
        return total(self.values, self.valid)

    @once
    def mean(self) -> Floats:
        return self.total / self.count

    @once
    def std(self) -> Floats:
        """Population standard deviation."""
        away = self.values - self.mean[:, None]
        away *= away
        std: Floats = np.sqrt(total(away, self.valid) / self.count)
        return std

    @once
    def median(self) -> Floats:
        return middle(self.ordered, self.count)

    @once
    def mad(self) -> Floats:
        """Median absolute deviation from the median, not scaled."""
        away = np.sort(np.abs(self.values - self.median[:, None]), axis=-1)
        return middle(away, self.count)

    @once
    def quartiles(self) -> tuple[Floats, Floats]:
        return quantile(self.ordered, self.count, 0.25), quantile(self.ordered, self.count, 0.75)

    def near(self, centre: Floats, tolerance: float) -> Bools:
        """Values within `tolerance` times `centre` of it, (m, width)."""
        off = np.abs(self.values - centre[:, None])
        near: Bools = off <= (tolerance * centre)[:, None]
        return near


@dataclass(frozen=True, eq=False)
class RowBlock:
    """What the features of one block share: `memo` computes an intermediate once for all of them."""

    kept: dict[Hashable, Any] = field(default_factory=dict, init=False, repr=False)

    def memo(self, compute: Callable[[Any], T]) -> T:
        if compute not in self.kept:
            self.kept[compute] = compute(self)
        return cast("T", self.kept[compute])


def held(chosen: Bools) -> Ints:
    """How many of each row are chosen, (m,)."""
    number: Ints = np.add.reduce(chosen, axis=-1, dtype=np.int64)
    return number


def total(values: Floats, chosen: Bools) -> Floats:
    """Sum of the chosen values of each row."""
    summed: Floats = np.add.reduce(np.where(chosen, values, 0.0), axis=-1)
    return summed


def share(chosen: Bools, count: Ints) -> Floats:
    """Chosen values per value, NaN for an empty row."""
    return held(chosen) / count


def pick(values: NDArray[Any], column: Ints) -> NDArray[Any]:
    """`values[i, column[i]]`."""
    picked: NDArray[Any] = values[np.arange(len(values)), column]
    return picked


def middle(ordered: Floats, count: Ints) -> Floats:
    """Median of the first `count` ascending values, NaN for none."""
    row = np.arange(len(ordered))
    median: Floats = (ordered[row, (count - 1) >> 1] + ordered[row, count >> 1]) * 0.5
    return median


def quantile(ordered: Floats, count: Ints, q: float, begin: Ints | int = 0) -> Floats:
    """Quantile of `count` ascending values from column `begin`, linear between neighbours, NaN for none."""
    last = np.maximum(count - 1, 0)
    position = last * q
    low = position.astype(np.int64)
    row = np.arange(len(ordered))
    below, above = ordered[row, begin + low], ordered[row, begin + np.minimum(low + 1, last)]
    between: Floats = below + (above - below) * (position - low)
    return clear(between, count > 0)


def longest_run(chosen: Bools) -> Ints:
    """Longest run of chosen neighbours in each row."""
    column = np.arange(1, chosen.shape[1] + 1, dtype=np.int32)
    last_not = np.maximum.accumulate(np.where(chosen, np.int32(0), column), axis=-1)
    longest: Ints = (column - last_not).max(axis=-1, initial=0).astype(np.int64)
    return longest


def clear(values: Floats, where: Bools) -> Floats:
    """`values`, NaN where they rest on too little."""
    return np.where(where, values, np.nan)


def tally(column: Ints, own: Bools, bins: int) -> Ints:
    """How many of a row's own values fall into each of `bins` columns, (m, bins)."""
    rows = len(column)
    flat = (column + np.arange(rows)[:, None] * bins)[own]
    return np.bincount(flat, minlength=rows * bins).reshape(rows, bins)
