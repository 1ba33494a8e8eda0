"""Channel `dns`: check-ins inside queries to name servers, from dns.log.

A query is an observation of the pair of its client with the registered domain of the name that it asks for, whichever
resolver it asks; `addr` is the resolver. Where only a resolver's own queries are seen, it is the client. The duration
is the time until the answer, what is sent the length of the name, what is received that of the answers. Names without a
domain or of a home network, reverse look-ups and names of neighbours (mDNS, LLMNR, NetBIOS) are nobody's server.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from zeek_beacons.keys import CONN
from zeek_beacons.pairs import Pairs
from zeek_beacons.readers import dns_asked
from zeek_beacons.readers.channel_rows import ChannelCollector, ChannelRows
from zeek_beacons.readers.dns_asked import NamesAsked
from zeek_beacons.readers.dns_queries import Queries, queries
from zeek_beacons.readers.domains import domain_of
from zeek_beacons.readers.files import Source

CHANNEL = "dns"
OF_NEIGHBOURS = (137, 5353, 5355)  # ports of NetBIOS, mDNS and LLMNR
LOCAL = frozenset(("home", "lan", "localdomain", "localhost", "workgroup"))  # last labels that no name server has


def has_server(name: str) -> bool:
    """Whether a name can be one of a server elsewhere: several labels, no reverse look-up, and no home network's."""
    last = name.rpartition(".")[2]
    return last != name and last != "arpa" and last not in LOCAL


def pairs_of(paths: Iterable[Source], collector: ChannelCollector, site: Pairs) -> Pairs:
    """The pairs of this channel in some dns logs. `site`: those by connection."""
    found = DnsCheckins(collector)
    for part in queries(paths):
        found.take(part)
    collector.notes += found.notes()
    return found.pairs(site)


class DnsCheckins:
    """Takes queries in whatever parts, gives the pairs of this channel."""

    def __init__(self, collector: ChannelCollector) -> None:
        self._collector, self._asked = collector, NamesAsked()

    def take(self, part: Queries) -> None:
        """Takes some queries."""
        fits = np.fromiter(map(has_server, part.name.tolist()), dtype=np.bool_, count=len(part))
        some = part.take(fits & ~np.isin(part.resp_p, OF_NEIGHBOURS))
        if not len(some):
            return
        rows = rows_of(some)
        wanted = self._collector.wanted(rows)
        rows, some = rows.take(wanted), some.take(wanted)
        self._asked.take(rows, some)
        self._collector.take(rows)

    def notes(self) -> list[str]:
        """What is to tell of what does not count."""
        missed = self._asked.missed
        return [f"{missed} names beyond {dns_asked.MOST_NAMES_HELD} are not told apart"] if missed else []

    def pairs(self, site: Pairs) -> Pairs:
        """The pairs by what was taken. `site`: those by connection."""
        return told(self._asked, self._collector.pairs(site), site)


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


def told(asked: NamesAsked, pairs: Pairs, site: Pairs) -> Pairs:
    """The pairs with what was asked, and the connections under their domains. `site`: pairs by connection."""
    to = connections_under(site)
    ends = zip(pairs.orig_h.tolist(), pairs.resp.tolist(), strict=True)
    return replace(
        asked.told(pairs),
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
