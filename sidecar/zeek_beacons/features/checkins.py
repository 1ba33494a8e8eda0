"""The blocks features are computed from: a pair's connections, and its check-ins.

An implant often opens several connections at once. Connections that follow each other within CHAIN seconds are one
check-in, which starts with the first of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from zeek_beacons.features.padded_rows import (
    PaddedRows,
    RowBlock,
    lay,
    once,
    positions,
    quantile,
    widths,
)
from zeek_beacons.pairs import Bools, Bytes, Floats, Ints, Pairs

CHAIN = 1.5  # seconds between the starts of connections that belong to one check-in
STEADY = 4.0  # gaps whose 97.5 % quantile stays below this many medians are one stream, however fast


@dataclass(frozen=True, eq=False)
class Observations(RowBlock):
    """Connections of `m` pairs, in order of start."""

    start: Floats  # (m, width) seconds since the pair's first connection
    duration: PaddedRows  # seconds
    orig_bytes: PaddedRows
    resp_bytes: PaddedRows
    state: Bytes  # (m, width) index into STATES, 0 for padding
    own: Bools  # (m, width) not padding
    count: Ints  # (m,)

    @once
    def gaps(self) -> PaddedRows:
        return gaps(self.start)

    @once
    def opens(self) -> Bools:
        """Connections that open a check-in, (m, width).

        The window is CHAIN seconds; in a steady stream of connections (a beacon of 1 s) at most half a median gap.
        """
        raw = self.gaps
        steady = quantile(raw.ordered, raw.count, 0.975) <= STEADY * raw.median
        window = np.where(steady, np.minimum(raw.median / 2, CHAIN), CHAIN)
        opened = np.empty(self.start.shape, dtype=np.bool_)
        opened[:, 0] = self.count > 0
        np.greater(raw.values[:, :-1], window[:, None], out=opened[:, 1:])
        return opened


@dataclass(frozen=True, eq=False)
class Checkins(RowBlock):
    """Check-ins of `m` pairs, in order of start."""

    times: Floats  # (m, width) seconds since the pair's first check-in
    first: Floats  # (m,) seconds since the epoch
    size: PaddedRows  # connections in each check-in
    count: Ints  # (m,)
    growth: Floats  # (m,) factor by which waits grow before they start again, evened out in `times`; NaN for none

    @once
    def gaps(self) -> PaddedRows:
        return gaps(self.times)

    @once
    def own(self) -> Bools:
        """Not padding, (m, width)."""
        return np.arange(self.times.shape[1]) < self.count[:, None]

    @once
    def width(self) -> Ints:
        """How wide a block of its own would be, for each pair, (m,): never wider than this one."""
        return widths(self.count)

    def by_width(self) -> Iterator[tuple[Ints, Checkins]]:
        """The block in parts by the pairs' own widths, each with its rows; the block itself where there is one."""
        for width in np.unique(self.width).tolist():
            if width == self.times.shape[1] and (self.width == width).all():
                yield np.arange(len(self.times)), self
                continue
            rows = np.flatnonzero(self.width == width)
            size = PaddedRows(self.size.values[rows, :width])
            yield rows, Checkins(self.times[rows, :width], self.first[rows], size, self.count[rows], self.growth[rows])

    @once
    def span(self) -> Floats:
        """Seconds from the first to the last check-in, (m,)."""
        span: Floats = self.times[np.arange(len(self.times)), np.maximum(self.count - 1, 0)]
        return span


@dataclass(frozen=True, eq=False)
class FlatCheckins:
    """Check-ins of `n` pairs, flat, ordered by pair, then start."""

    start: Floats  # seconds since the epoch
    size: Floats  # connections in each
    at: Ints  # which of all observations is the first of each
    counts: Ints  # (n,) of each pair
    growth: Floats  # (n,) see Checkins

    @once
    def begins(self) -> Ints:
        """Where each pair's check-ins begin, (n,)."""
        begins: Ints = np.cumsum(self.counts) - self.counts
        return begins

    def block(self, rows: Ints, width: int) -> Checkins:
        """The check-ins of some pairs as a block."""
        where = positions(self.begins[rows], self.counts[rows], width)
        times = lay(self.start, where)
        return Checkins(
            times=times - times[:, :1],
            first=times[:, 0],
            size=PaddedRows(lay(self.size, where)),
            count=self.counts[rows],
            growth=self.growth[rows],
        )


def gaps(times: Floats) -> PaddedRows:
    """Seconds from each start to the next, as wide as `times`."""
    values = np.full(times.shape, np.nan)
    np.subtract(times[:, 1:], times[:, :-1], out=values[:, :-1])
    return PaddedRows(values)


def observations(pairs: Pairs, rows: Ints, counts: Ints, width: int) -> Observations:
    """The connections of some pairs as a block; `counts` are theirs."""
    where = positions(pairs.offsets[rows], counts, width)
    start = lay(pairs.start, where)
    return Observations(
        start=start - start[:, :1],
        duration=PaddedRows(finite(lay(pairs.duration, where))),
        orig_bytes=PaddedRows(finite(lay(pairs.orig_bytes, where))),
        resp_bytes=PaddedRows(finite(lay(pairs.resp_bytes, where))),
        state=np.where(where[1], pairs.state[where[0]], 0).astype(np.uint8),
        own=where[1],
        count=counts,
    )


def finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)
