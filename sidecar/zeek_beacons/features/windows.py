"""Regularity inside windows: C2 that works in office hours, pauses or changes its pace is regular for a while.

Windows of 1, 6 and 24 hours stand side by side from the first check-in on, and the whole is one more. Only gaps inside
a window count, and only windows with MIN_CHECKINS check-ins.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from zeek_beacons.features.checkins import gaps
from zeek_beacons.features.padded_rows import (
    PaddedRows,
    RowBlock,
    clear,
    lay,
    once,
    positions,
    share,
)
from zeek_beacons.pairs import Bools, Floats, Ints

HOURS: Mapping[str, float] = {"1h": 3600.0, "6h": 21600.0, "24h": 86400.0, "all": np.inf}  # seconds
LENGTHS = tuple(HOURS)
MIN_CHECKINS = 6
REGULAR = 0.35  # MAD / median of a window that counts as regular
SAME = 0.25  # how far the median gap of a window may lie from that of the median window


@dataclass(frozen=True, eq=False)
class Windows(RowBlock):
    """The windows of `m` pairs, in order of length, then time; padding is NaN."""

    length: Floats  # (m, width) index into LENGTHS
    median: Floats  # (m, width) median gap, seconds
    mad: Floats  # (m, width) MAD / median of the gaps
    cv: Floats  # (m, width) std / mean of the gaps

    def of(self, values: Floats, length: str) -> PaddedRows:
        return PaddedRows(np.where(self.length == LENGTHS.index(length), values, np.nan))

    @once
    def medians(self) -> dict[str, PaddedRows]:
        return {length: self.of(self.median, length) for length in LENGTHS}


@dataclass(frozen=True, eq=False)
class FlatWindows:
    """All windows of all pairs, flat, ordered by pair, then length, then time."""

    counts: Ints  # (n,) windows of each pair
    length: Floats
    median: Floats
    mad: Floats
    cv: Floats


def slices(start: Floats, counts: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Pair, length, first check-in and number of check-ins of every window, given the check-ins of all pairs, flat."""
    owner = np.repeat(np.arange(len(counts)), counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    since = start - start[first] if len(start) else start
    found = []
    for place, seconds in enumerate(HOURS.values()):
        number = np.floor(since / seconds)
        begins = np.ones(len(start), dtype=np.bool_)
        begins[1:] = (number[1:] != number[:-1]) | (owner[1:] != owner[:-1])
        begin = np.flatnonzero(begins)
        held = np.diff(begin, append=len(start))
        kept = held >= MIN_CHECKINS
        begin, held = begin[kept], held[kept]
        found.append((owner[begin], np.full(len(begin), place), begin, held))
    pair, length, begin, held = (np.concatenate(columns) for columns in zip(*found, strict=True))
    order = np.lexsort((begin, length, pair))
    return pair[order], length[order], begin[order], held[order]


def regularity_of(start: Floats, begin: Ints, held: Ints, width: int) -> tuple[Floats, Floats, Floats]:
    """Median gap, MAD / median and std / mean of windows of one width."""
    rows = gaps(lay(start, positions(begin, held, width)))
    return rows.median, clear(rows.mad / rows.median, rows.median > 0), clear(rows.std / rows.mean, rows.mean > 0)


def flat_windows(pair: Ints, length: Ints, measured: tuple[Floats, Floats, Floats], pairs: int) -> FlatWindows:
    return FlatWindows(np.bincount(pair, minlength=pairs), length.astype(np.float64), *measured)


def windows(flat: FlatWindows, begins: Ints, counts: Ints, width: int) -> Windows:
    """The windows of some pairs as a block."""
    where = positions(begins, counts, width)
    return Windows(*(lay(column, where) for column in (flat.length, flat.median, flat.mad, flat.cv)))


def best_in(length: str) -> Callable[[Windows], Floats]:
    """Regularity of the most regular window of a length, 1 - MAD / median, 0 to 1. NaN without a window."""

    def feature(block: Windows) -> Floats:
        return regularity(np.fmin.reduce(block.of(block.mad, length).values, axis=-1))

    return feature


def regularity(mad: Floats) -> Floats:
    return np.maximum(1 - mad, 0)


def window_cv(length: str) -> Callable[[Windows], Floats]:
    """Median over the windows of a length of std / mean, 0 to 100."""

    def feature(block: Windows) -> Floats:
        return block.of(block.cv, length).median

    return feature


def agree(length: str) -> Callable[[Windows], Floats]:
    """Share of the windows of a length that are regular at one pace, 0 to 1.

    Regular: MAD / median at most 0.35; one pace: median gap within 25 % of that of the median window.
    """

    def feature(block: Windows) -> Floats:
        paces = block.medians[length]
        alike: Bools = paces.near(paces.median, SAME) & (block.mad <= REGULAR)
        return share(alike, paces.count)

    return feature


def best_window(block: Windows) -> Floats:
    """Median regularity (1 - MAD / median) of the windows of the best length, 0 to 1. NaN without a window."""
    return regularity(np.fmin.reduce(list(block.memo(typical).values())))


def best_window_length(block: Windows) -> Floats:
    """The length of the windows that are most regular: 0 1 h, 1 6 h, 2 24 h, 3 all; the longest among equals."""
    medians = np.stack([np.nan_to_num(mad, nan=np.inf) for mad in block.memo(typical).values()][::-1], axis=-1)
    return clear(len(LENGTHS) - 1.0 - medians.argmin(axis=-1), np.isfinite(medians.min(axis=-1)))


def typical(block: Windows) -> dict[str, Floats]:
    """MAD / median of the median window of each length."""
    return {length: block.of(block.mad, length).median for length in LENGTHS}
