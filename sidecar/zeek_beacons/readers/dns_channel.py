"""Channel `dns`: check-ins inside queries to name servers, from dns.log.

A query is an observation of the pair of its client with the registered domain of the name that it asks for, whichever
resolver it asks; `addr` is the resolver. Where only a resolver's own queries are seen, it is the client. The duration
is the time until the answer, what is sent the length of the name, what is received that of the answers. Names without a
domain or of a home network, reverse look-ups and names of neighbours (mDNS, LLMNR, NetBIOS) are nobody's server.

Of each pair it is told how many different names were asked for and how long they are: of the first MOST_NAMES by their
digest, which is a fair choice that does not depend on their order.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from zeek_beacons.keys import CONN
from zeek_beacons.pairs import Bools, Pairs, Strings
from zeek_beacons.readers.channel_rows import ChannelCollector, ChannelRows
from zeek_beacons.readers.dns_queries import Queries, queries
from zeek_beacons.readers.domains import domain_of

CHANNEL = "dns"
OF_NEIGHBOURS = (137, 5353, 5355)  # ports of NetBIOS, mDNS and LLMNR
LOCAL = frozenset(("home", "lan", "localdomain", "localhost", "workgroup"))  # last labels that no name server has
MOST_NAMES = 128  # of a pair, told apart; Beacons::most_names
MOST_NAMES_HELD = 4_000_000  # of all pairs
_Pair: TypeAlias = tuple[str, str, int, str]  # client, domain, port, protocol


def has_server(name: str) -> bool:
    """Whether a name can be one of a server elsewhere: several labels, no reverse look-up, and no home network's."""
    last = name.rpartition(".")[2]
    return last != name and last != "arpa" and last not in LOCAL


def pairs_of(paths: Iterable[str], collector: ChannelCollector, site: Pairs) -> Pairs:
    """The pairs of this channel in some dns logs. `site`: those by connection."""
    asked = NamesAsked()
    for part in queries(paths):
        fits = np.fromiter(map(has_server, part.name.tolist()), dtype=np.bool_, count=len(part))
        some = part.take(fits & ~np.isin(part.resp_p, OF_NEIGHBOURS))
        if not len(some):
            continue
        rows = rows_of(some)
        wanted = collector.wanted(rows)
        rows = rows.take(wanted)
        asked.take(rows, some.name[wanted], some.for_address[wanted])
        collector.take(rows)
    if asked.missed:
        collector.notes.append(f"{asked.missed} names beyond {MOST_NAMES_HELD} are not told apart")
    return asked.told(collector.pairs(site), site)


def rows_of(some: Queries) -> ChannelRows:
    """Queries as observations of the pairs with the domains that they ask for."""
    n = len(some)
    domains = np.empty(n, dtype=np.object_)
    domains[:] = [domain_of(name) for name in some.name.tolist()]
    return ChannelRows(
        orig_h=some.orig_h,
        resp=domains,
        resp_p=some.resp_p,
        proto=some.proto,
        addr=some.resp_h,
        service=np.full(n, "dns", dtype=np.object_),
        start=some.start,
        duration=some.rtt,
        orig_bytes=np.fromiter(map(len, some.name.tolist()), dtype=np.float64, count=n),
        resp_bytes=some.answer_bytes,
        state=some.state,
    )


class NamesAsked:
    """Different names that each pair asks for, in whatever order they come."""

    def __init__(self) -> None:
        self.missed = 0  # names beyond MOST_NAMES_HELD
        self._held: defaultdict[_Pair, dict[str, int]] = defaultdict(dict)  # digest -> length
        self._last: dict[_Pair, str] = {}  # the last digest of a pair that holds MOST_NAMES
        self._for_addresses: defaultdict[_Pair, int] = defaultdict(int)
        self._room = MOST_NAMES_HELD

    def take(self, rows: ChannelRows, names: Strings, for_address: Bools) -> None:
        """Takes the names of some observations, and whether they ask for addresses alone, (n,) each."""
        columns = (rows.orig_h.tolist(), rows.resp.tolist(), rows.resp_p.tolist(), rows.proto.tolist())
        pairs: list[_Pair] = list(zip(*columns, strict=True))
        for row in np.flatnonzero(for_address).tolist():
            self._for_addresses[pairs[row]] += 1
        for pair, name in dict.fromkeys(zip(pairs, names.tolist(), strict=True)):
            self._note(pair, name)

    def _note(self, pair: _Pair, name: str) -> None:
        digest = hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()
        held, last = self._held[pair], self._last.get(pair)
        if digest in held or (last is not None and digest > last):
            return
        if last is not None:
            del held[last]
        elif self._room:
            self._room -= 1
        else:
            self.missed += 1
            return
        held[digest] = len(name)
        if len(held) == MOST_NAMES:
            self._last[pair] = max(held)

    def told(self, pairs: Pairs, site: Pairs) -> Pairs:
        """The pairs with what was counted. `site`: pairs by connection."""
        columns = (pairs.orig_h.tolist(), pairs.resp.tolist(), pairs.resp_p.tolist(), pairs.proto.tolist())
        keys: list[_Pair] = list(zip(*columns, strict=True))
        held = [self._held.get(key, {}) for key in keys]
        to = connections_under(site)
        ends = zip(pairs.orig_h.tolist(), pairs.resp.tolist(), strict=True)
        return replace(
            pairs,
            names_asked=np.array([len(one) for one in held], dtype=np.float64),
            names_length=np.array([sum(one.values()) for one in held], dtype=np.float64),
            for_addresses=np.array([self._for_addresses.get(key, 0) for key in keys], dtype=np.float64),
            connected=np.array([to.get(end, 0) for end in ends], dtype=np.float64),
            resp_local=np.zeros(len(pairs), dtype=np.bool_),  # not the resolver counts, and a name is one from outside
        )


def connections_under(site: Pairs) -> dict[tuple[str, str], int]:
    """Connections of each client with the servers of each registered domain, as they were named or looked up."""
    found: defaultdict[tuple[str, str], int] = defaultdict(int)
    looked_up = np.minimum(np.nan_to_num(site.dns_named), site.conns - site.named).astype(np.int64)
    columns = (site.orig_h, site.resp, site.is_named, site.dns_name, site.conns, looked_up, site.channel == CONN)
    for client, resp, by_name, dns_name, conns, without, counts in zip(*(one.tolist() for one in columns), strict=True):
        if counts and by_name:
            found[client, domain_of(resp)] += conns
        elif counts and dns_name and without > 0:
            found[client, domain_of(dns_name)] += without
    return found
