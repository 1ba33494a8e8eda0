"""Which other pairs a candidate may form a group with (see `zeek_beacons.groups`): a sketch of each, in memory.

A candidate comes alone, and its group only shows with the pairs that came before. Of these a sketch is kept, by what
members of a group share. It picks the few that are worth loading from the history; whether they are a group is decided
there, where everything is measured. After a restart a pair is known again from its next candidate on.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Hashable, Mapping
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from zeek_beacons.groups import LEAST_CONNECTIONS, MOST, PACE_ALIKE
from zeek_beacons.keys import Key

MOST_PAIRS = 50_000  # beyond, those that came least lately are forgotten
COMPARED = 64  # newest pairs of a bucket that a candidate is held against
SENT_ALIKE, RECEIVED_ALIKE = 1.1, 1.5  # between the median sizes: wider than a group's, as these are sketches


class Sketch(NamedTuple):
    """What a pair was like when it last came."""

    buckets: tuple[Hashable, ...]
    sent: float  # median bytes, -1 where not known
    received: float
    wait: float  # mean, seconds


class Neighbours:
    """Sketches of the pairs that came last."""

    def __init__(self, most: int = MOST_PAIRS) -> None:
        self._most = most
        self._sketches: OrderedDict[Key, Sketch] = OrderedDict()  # those that came last at the end
        self._buckets: defaultdict[Hashable, dict[Key, None]] = defaultdict(dict)

    def note(self, key: Key, row: Mapping[str, Any]) -> None:
        """Takes note of a pair, a mapping as for `Pairs.build`; of one with few connections it keeps nothing."""
        if key in self._sketches:
            self._forget(key)
        start = row["start"]
        if len(start) < LEAST_CONNECTIONS:
            return
        wait = float(np.ptp(start)) / (len(start) - 1)
        shared = (key[0], key[3], row["service"])
        buckets = (("port", *shared, key[2]), ("server", *shared, row["addr"]))
        self._sketches[key] = Sketch(buckets, _median(row["orig_bytes"]), _median(row["resp_bytes"]), wait)
        for bucket in buckets:
            self._buckets[bucket][key] = None
        if len(self._sketches) > self._most:
            self._forget(next(iter(self._sketches)))

    def of(self, key: Key) -> list[Key]:
        """Pairs like this one that it may form a group with, the newest first: as many as a group holds."""
        own = self._sketches.get(key)
        if own is None:
            return []
        found: dict[Key, None] = {}
        for bucket in own.buckets:
            alike = (other for other in islice(reversed(self._buckets[bucket]), COMPARED) if self._alike(own, other))
            found |= dict.fromkeys(islice((other for other in alike if other != key), MOST))
        return list(found)

    def _alike(self, own: Sketch, key: Key) -> bool:
        other = self._sketches[key]
        return (
            _within(own.sent, other.sent, SENT_ALIKE)
            and _within(own.received, other.received, RECEIVED_ALIKE)
            and _within(own.wait, other.wait, PACE_ALIKE)
        )

    def _forget(self, key: Key) -> None:
        for bucket in self._sketches.pop(key).buckets:
            del self._buckets[bucket][key]
            if not self._buckets[bucket]:
                del self._buckets[bucket]


def _median(sizes: Any) -> float:
    known = np.sort(sizes[sizes == sizes])
    half = len(known) // 2
    return float(known[half] + known[-half - 1]) / 2 if len(known) else -1.0


def _within(one: float, other: float, ratio: float) -> bool:
    return one == other or 0 < max(one, other) <= ratio * min(one, other)
