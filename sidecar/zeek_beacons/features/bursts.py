"""Burst shape: how check-ins clump, and whether the clumps themselves come regularly."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from zeek_beacons.features.checkins import Checkins
from zeek_beacons.features.padded_rows import (
    PaddedRows,
    clear,
    held,
    share,
    tally,
    total,
)
from zeek_beacons.features.presence import place
from zeek_beacons.features.timing import MIN_GAPS, cv
from zeek_beacons.pairs import Floats, Ints

BREAK = 4.0  # a gap above this many medians ends a burst
FANO_CHECKINS = 4  # mean check-ins in a bin of the Fano factor


class Bursts(NamedTuple):
    """Runs of check-ins between gaps above BREAK medians."""

    intervals: PaddedRows  # seconds between the first check-ins of neighbouring bursts, where a burst begins
    sizes: PaddedRows  # check-ins in each burst but the last, in the same places
    number: Ints  # (m,) bursts


def bursts(block: Checkins) -> Bursts:
    begins = np.zeros(block.times.shape, dtype=np.bool_)
    begins[:, 0] = block.count > 0
    begins[:, 1:] = block.gaps.values[:, :-1] > (BREAK * block.gaps.median)[:, None]
    column = np.arange(block.times.shape[1], dtype=np.int32)
    latest = np.maximum.accumulate(np.where(begins, column, np.int32(0)), axis=-1)
    before = np.zeros_like(latest)
    before[:, 1:] = latest[:, :-1]
    begins[:, 0] = False
    started = np.take_along_axis(block.times, before.astype(np.int64), axis=-1)
    return Bursts(
        PaddedRows(np.where(begins, block.times - started, np.nan)),
        PaddedRows(np.where(begins, (column - before).astype(np.float64), np.nan)),
        held(begins) + 1,
    )


def burst_interval_cv(block: Checkins) -> Floats:
    """Std / mean of the time between bursts, 0 to 100. NaN below 4 bursts."""
    return cv(block.memo(bursts).intervals)


def burst_size_cv(block: Checkins) -> Floats:
    """Std / mean of the check-ins in a burst, 0 to 100. NaN below 4 bursts."""
    return cv(block.memo(bursts).sizes)


def burst_share(block: Checkins) -> Floats:
    """Bursts / check-ins, 0 to 1: near 0 for an unbroken rhythm. NaN below MIN_GAPS gaps."""
    return clear(block.memo(bursts).number / block.count, block.gaps.count >= MIN_GAPS)


def short_gap_share(block: Checkins) -> Floats:
    """Share of the gaps below a tenth of the mean, 0 to 1; 0.095 for Poisson arrivals."""
    short = block.gaps.values < (0.1 * block.gaps.mean)[:, None]
    return clear(share(short, block.gaps.count), block.gaps.count >= MIN_GAPS)


def memory(block: Checkins) -> Floats:
    """Correlation of neighbouring gaps, -1 to 1 (Goh and Barabasi 2008). NaN below 5 gaps or without spread."""
    return own_width(_memory, block)


def own_width(feature: Callable[[Checkins], Floats], block: Checkins) -> Floats:
    """A feature whose sums depend on the width of the block, of each pair in a block of its own width."""
    found = np.empty(len(block.times))
    for rows, part in block.by_width():
        found[rows] = feature(part)
    return found


def _memory(block: Checkins) -> Floats:
    left, right = block.gaps.values[:, :-1], block.gaps.values[:, 1:]
    both = ~np.isnan(right)
    count = block.gaps.count - 1
    left = left - (total(left, both) / count)[:, None]
    right = right - (total(right, both) / count)[:, None]
    spread = np.sqrt(total(left * left, both) * total(right * right, both))
    noise = 1e-9 * block.gaps.mean**2 * count
    return clear(total(left * right, both) / spread, (count >= 4) & (spread > noise))


def fano(block: Checkins) -> Floats:
    """log10 of variance / mean of counts in bins of about 4 check-ins, -3 to 6; 0 for Poisson.

    NaN below 16 check-ins.
    """
    return own_width(_fano, block)


def _fano(block: Checkins) -> Floats:
    used = np.maximum(block.count // FANO_CHECKINS, 1)
    bins = -(-block.times.shape[1] // FANO_CHECKINS)
    counts = tally(np.minimum(place(block, used), (used - 1)[:, None]), block.own, bins)
    mean = block.count / used
    own_bins = np.arange(bins) < used[:, None]
    variance = total((counts - mean[:, None]) ** 2, own_bins) / used
    return clear(np.log10(np.maximum(variance / mean, 1e-3)), (block.count >= 4 * FANO_CHECKINS) & (block.span > 0))


def checkin_size_cv(block: Checkins) -> Floats:
    """Std / mean of the connections in a check-in, 0 to 100. NaN below MIN_GAPS check-ins."""
    return cv(block.size)


def single_share(block: Checkins) -> Floats:
    """Share of the check-ins that are one connection, 0 to 1."""
    return share(block.size.values == 1, block.size.count)


def collapse_ratio(block: Checkins) -> Floats:
    """Check-ins / connections, 0 to 1."""
    return block.count / block.size.total
