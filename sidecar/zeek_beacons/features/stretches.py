"""Stretches: parts of a pair's history that may be a beacon of their own.

An implant runs while its machine is on, pauses for days, and changes its pace when its operator comes: regular as long
as that lasts, and lost in the whole. Two kinds of parts are measured beside the whole: sessions, between pauses of more
than PAUSE medians of the waits and LEAST_PAUSE seconds; and, of a long history, the CALM waits in a row that vary
least. More of the same therefore does not weaken a beacon.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeek_beacons.features.checkins import FlatCheckins
from zeek_beacons.features.padded_rows import PaddedRows, chunks, lay, pick, positions
from zeek_beacons.pairs import Floats, Ints, Pairs

PAUSE = 8.0  # medians
LEAST_PAUSE = 900.0  # seconds
LEAST_CHECKINS = 12  # of a session
LEAST_SPAN = 600.0  # seconds: what is shorter is a burst of work rather than a habit
MOST = 3  # sessions of a pair, those with most check-ins
CALM = 40  # waits
CALMEST = 0.5  # std / mean of these waits, at most; Poisson arrivals have 40 such in a row once in 100,000 times
LONG = 60  # check-ins of a history whose calmest stretch is no longer nearly all of it


@dataclass(frozen=True, slots=True, eq=False)
class Stretches:
    """`k` stretches of `n` pairs."""

    pairs: Pairs  # k, each as if nothing else of its pair had been seen
    owner: Ints  # (k,) the pair's position
    first: Ints  # (k,) which of the pair's observations is the stretch's first


def stretches(pairs: Pairs, flat: FlatCheckins) -> Stretches:
    """The parts of these pairs that are worth measuring, given their check-ins."""
    waits = np.diff(flat.start, append=np.nan)
    last = flat.begins[flat.counts > 0] + flat.counts[flat.counts > 0] - 1
    waits[last] = np.inf
    owner = np.repeat(np.arange(len(flat.counts)), flat.counts)
    found = [_sessions(waits, owner, flat), _calmest(waits, flat)]
    first, length = (np.concatenate(columns) for columns in zip(*found, strict=True))
    lasting = flat.start[first + length - 1] - flat.start[first] >= LEAST_SPAN
    first, length = first[lasting], length[lasting]
    of = owner[first]
    bounds = np.append(flat.at, len(pairs.start))
    end = np.where(first + length < (flat.begins + flat.counts)[of], bounds[first + length], pairs.offsets[of + 1])
    begin = flat.at[first]
    return Stretches(pairs.cut(of, begin, end - begin), of, begin - pairs.offsets[of])


def _sessions(waits: Floats, owner: Ints, flat: FlatCheckins) -> tuple[Ints, Ints]:
    """First check-in and number of check-ins of the longest sessions of pairs that have pauses."""
    limit = np.maximum(PAUSE * _medians(waits, flat), LEAST_PAUSE)
    begins = np.ones(len(owner), dtype=np.bool_)
    begins[1:] = waits[:-1] > limit[owner[:-1]]
    first = np.flatnonzero(begins)
    length = np.diff(first, append=len(owner))
    of = owner[first]
    alone = np.bincount(of, minlength=len(flat.counts))[of] == 1
    worth = np.flatnonzero(~alone & (length >= LEAST_CHECKINS))
    order = worth[np.lexsort((first[worth], -length[worth], of[worth]))]
    rank = np.arange(len(order)) - np.searchsorted(of[order], of[order])
    chosen = order[rank < MOST]
    return first[chosen], length[chosen]


def _medians(waits: Floats, flat: FlatCheckins) -> Floats:
    """Median wait of each pair, seconds, (n,); infinite for a pair without any."""
    number = np.maximum(flat.counts - 1, 0)
    medians = np.full(len(number), np.inf)
    for rows, width in chunks(number):
        medians[rows] = PaddedRows(lay(waits, positions(flat.begins[rows], number[rows], width))).median
    return medians


def _calmest(waits: Floats, flat: FlatCheckins) -> tuple[Ints, Ints]:
    """First check-in and number of check-ins of the CALM calmest waits in a row, by std / mean, of long histories."""
    first = np.full(len(flat.counts), -1, dtype=np.int64)  # -1: of a pair that has none
    number = flat.counts - 1
    for rows, width in chunks(number, LONG - 1):
        own = lay(waits, positions(flat.begins[rows], number[rows], width))
        sums, squares = _running(own), _running(own * own)
        mean = np.maximum(sums[:, CALM:] - sums[:, :-CALM], 1e-9) / CALM
        variance = (squares[:, CALM:] - squares[:, :-CALM]) / CALM / mean**2 - 1
        variance[np.isnan(variance)] = np.inf  # beyond the pair's own waits
        calmest = variance.argmin(axis=-1)
        calm = pick(variance, calmest) <= CALMEST**2
        first[rows[calm]] = (flat.begins[rows] + calmest)[calm]
    first = first[first >= 0]
    return first, np.full(len(first), CALM + 1, dtype=np.int64)


def _running(values: Floats) -> Floats:
    """Sums of the first 0, 1, ... values of each row, (m, width + 1)."""
    sums = np.zeros((len(values), values.shape[1] + 1))
    np.cumsum(values, axis=-1, out=sums[:, 1:])
    return sums
