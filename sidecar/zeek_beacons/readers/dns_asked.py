"""What each pair of channel `dns` asks for: names, types, and how many queries got no answer or no name.

Of the different names of a pair the first MOST_NAMES by their digest are held: a fair choice that does not depend on
their order. They are counted, and how random they are is told: bits a character of what stands left of the domain, over
all of them together, the dots left out.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import compress
from typing import TypeAlias

import numpy as np

from zeek_beacons.pairs import STATE_CODE, Pairs
from zeek_beacons.readers.channel_rows import ChannelRows
from zeek_beacons.readers.dns_queries import Queries
from zeek_beacons.traits import checked, line

MOST_NAMES = 128  # of a pair, told apart; Beacons::most_names
MOST_NAMES_HELD = 4_000_000  # of all pairs
MOST_TYPES = 16  # of a pair, told apart beside ADDRESS_TYPES; Beacons::most_types
SHOWN_TYPES = 4
ADDRESS_TYPES = ("A", "AAAA", "HTTPS", "SVCB")  # of queries for where a server is
OTHER = ""  # stands for the types beyond MOST_TYPES
_Pair: TypeAlias = tuple[str, str, int, str]  # client, domain, port, protocol


@dataclass(slots=True)
class _OfPair:
    names: dict[str, str] = field(default_factory=dict)  # digest -> what stands left of the domain
    last: str = ""  # the last digest, as soon as MOST_NAMES are held
    types: dict[str, int] = field(default_factory=dict)
    answered: int = 0
    unanswered: int = 0
    no_such_name: int = 0


class NamesAsked:
    """Takes the queries of all pairs, in whatever order they come."""

    def __init__(self) -> None:
        self.missed = 0  # names beyond MOST_NAMES_HELD
        self._known: defaultdict[_Pair, _OfPair] = defaultdict(_OfPair)
        self._room = MOST_NAMES_HELD

    def take(self, rows: ChannelRows, queries: Queries) -> None:
        """Takes some queries. `rows`: the same as observations."""
        columns = (rows.orig_h.tolist(), rows.resp.tolist(), rows.resp_p.tolist(), rows.proto.tolist())
        pairs: list[_Pair] = list(zip(*columns, strict=True))
        known = self._known
        for pair, name in dict.fromkeys(zip(pairs, queries.name.tolist(), strict=True)):
            self._note(known[pair], name, pair[1])
        for (pair, kind), count in Counter(zip(pairs, queries.kind.tolist(), strict=True)).items():
            types = known[pair].types
            if kind:
                known_apart = kind in types or len(types) < MOST_TYPES or kind in ADDRESS_TYPES
                slot = kind if known_apart else OTHER
                types[slot] = types.get(slot, 0) + count
        for pair, count in Counter(compress(pairs, queries.state == STATE_CODE["SF"])).items():
            known[pair].answered += count
        for pair, count in Counter(compress(pairs, queries.state == STATE_CODE["S0"])).items():
            known[pair].unanswered += count
        for pair, count in Counter(compress(pairs, queries.no_such_name)).items():
            known[pair].no_such_name += count

    def _note(self, of: _OfPair, name: str, domain: str) -> None:
        digest = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
        if digest in of.names or (of.last and digest > of.last):
            return
        if of.last:
            del of.names[of.last]
        elif self._room:
            self._room -= 1
        else:
            self.missed += 1
            return
        of.names[digest] = name[: -len(domain)]
        if len(of.names) == MOST_NAMES:
            of.last = max(of.names)

    def told(self, pairs: Pairs) -> Pairs:
        """The pairs with what was counted."""
        columns = (pairs.orig_h.tolist(), pairs.resp.tolist(), pairs.resp_p.tolist(), pairs.proto.tolist())
        keys: list[_Pair] = list(zip(*columns, strict=True))
        known = [self._known.get(key, _OfPair()) for key in keys]
        lengths = [
            sum(map(len, one.names.values())) + len(key[1]) * len(one.names)
            for key, one in zip(keys, known, strict=True)
        ]
        addresses = [sum(one.types.get(kind, 0) for kind in ADDRESS_TYPES) for one in known]
        texts = np.empty(len(keys), dtype=np.object_)
        texts[:] = [_traits(one) for one in known]
        return replace(
            pairs,
            names_asked=np.array([len(one.names) for one in known], dtype=np.float64),
            names_length=np.array(lengths, dtype=np.float64),
            for_addresses=np.array(addresses, dtype=np.float64),
            traits=texts,
        )


def entropy(parts: Iterable[str]) -> str:
    """Bits a character of some names together, to a tenth, without their dots; "" where there are no characters.

    What lies between two tenths goes up, whatever the last digits of a sum are.
    """
    counts = Counter("".join(parts).replace(".", ""))
    every = counts.total()
    bits = -sum(count / every * math.log2(count / every) for count in counts.values())
    return f"{math.floor(10 * bits + 0.5 + 1e-6) / 10:.1f}" if every else ""


def usual(types: Mapping[str, int]) -> str:
    """The most frequent types with their shares: `TXT 90 %, A 10 %`; of equals the first in the alphabet."""
    every = sum(types.values())
    shown = sorted((-count, kind) for kind, count in types.items() if kind != OTHER)[:SHOWN_TYPES]
    return ", ".join(f"{kind} {share(-count, every)} %" for count, kind in shown)


def share(count: int, every: int) -> str:
    """A share as whole percent, halves go up; "" of nothing."""
    return str((200 * count + every) // (2 * every)) if every else ""


def _traits(of: _OfPair) -> str:
    return checked(
        (
            line("dns_types", usual(of.types)),
            line("dns_entropy", entropy(of.names.values())),
            line("dns_nxdomain", share(of.no_such_name, of.answered)),
            line("dns_unanswered", share(of.unanswered, of.answered + of.unanswered)),
        )
    )
