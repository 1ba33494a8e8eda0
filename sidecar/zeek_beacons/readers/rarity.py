"""How rare what a pair shows is at this site, as traits: what is counted are the pairs by address, by their newest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zeek_beacons.pairs import Bools, Floats, Ints
from zeek_beacons.readers.keys import HOST_BITS, PROTO_BITS, pack, unpack
from zeek_beacons.readers.traits import PairTraits, counted
from zeek_beacons.traits import read


@dataclass(frozen=True, slots=True, eq=False)
class Ends:
    """The ends of pairs as numbers, (n,)."""

    orig: Ints
    addr: Ints  # of the responder
    port: Ints
    proto: Ints
    by_name: Bools  # whether the responder is one by name
    outside: Bools  # whether it lies outside


def rarity(ends: Ends, shown: Sequence[PairTraits], agent: Ints) -> list[PairTraits]:
    """Traits of the pairs. `shown`: what is known of each; `agent`: the number of its user agent, -1: none."""
    by_address = ~ends.by_name
    ja3 = _ja3(shown, len(ends.orig))
    port = np.where(ends.outside, pack(ends.port, ends.proto, PROTO_BITS), -1)
    return [
        counted("ja3_hosts", _hosts(ja3, ends.orig, by_address)),
        counted("ja3_servers", _hosts(ja3, ends.addr, by_address)),
        counted("agent_servers", _hosts(agent, ends.addr, by_address)),
        counted("port_hosts", _hosts(port, ends.orig, by_address)),
    ]


def _ja3(shown: Sequence[PairTraits], pairs: int) -> Ints:
    """The number of the JA3 of each pair, -1: none."""
    found = np.full(pairs, -1, dtype=np.int64)
    numbers: dict[str, int] = {}
    for source in shown:
        known = [read(text).get("ja3") for text in source.found]
        of = [-1 if one is None else numbers.setdefault(one, len(numbers)) for one in known]
        given = np.array([*of, -1], dtype=np.int64)[source.number]
        found = np.where(given >= 0, given, found)
    return found


def _hosts(group: Ints, host: Ints, counts: Bools) -> Floats:
    """Different hosts among the pairs of each one's group (-1: none) that count; NaN where there are none."""
    counts = counts & (group >= 0)
    distinct = np.unique(pack(group[counts], host[counts], HOST_BITS))
    size = np.bincount(unpack(distinct, HOST_BITS)[0], minlength=int(group.max(initial=-1)) + 2).astype(np.float64)
    size[size == 0] = np.nan
    found: Floats = size[group]  # -1 is the last, which is empty
    return found
