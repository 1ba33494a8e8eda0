"""Channel `http`: check-ins inside kept-alive connections, from the requests of http.log.

A request behind the first one of its connection is an observation: a connection's first request is seen as the
connection itself. It counts for the pair with the server by the name that the client asked for, or by its address, and
for the pair with the server and the stem of the URI, its path without a query. http.log tells no end: durations are not
known. Where all requests to a server have one stem, the pair with the stem speaks for both.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from zeek_beacons.pairs import STATE_CODE, Bools, Ints, Pairs, Strings
from zeek_beacons.printable import printable
from zeek_beacons.readers.addresses import LONGEST_NAME
from zeek_beacons.readers.channel_rows import ChannelCollector, ChannelRows
from zeek_beacons.readers.domains import domain_of
from zeek_beacons.readers.files import Source
from zeek_beacons.readers.http_requests import Requests, requests

CHANNEL = "http"
# Of a site are told apart so many hosts, and of each so many paths.
MOST_HOSTS = 16
MOST_PATHS = 16
MOST_SITES = 500_000  # each of one client


def stem(uri: str) -> str:
    """The path of a URI as it was asked for, "" where it has none: of `/poll.php?id=7` it is `/poll.php`."""
    return uri.partition("?")[0].partition("#")[0] if uri.startswith("/") else ""


def at_stem(server: str, uri: str) -> str:
    """What the pair with a server and a stem is called; "" where the URI has no stem."""
    path = stem(uri)
    return printable(f"{server}{path}", LONGEST_NAME) if path else ""


def pairs_of(paths: Iterable[Source], collector: ChannelCollector, site: Pairs) -> Pairs:
    """The pairs of this channel in some http logs. `site`: those by connection."""
    found = HttpCheckins(collector)
    for part in requests(paths):
        found.take(part)
    collector.notes += found.notes()
    return found.pairs(site)


class HttpCheckins:
    """Takes requests in whatever parts, gives the pairs of this channel."""

    def __init__(self, collector: ChannelCollector) -> None:
        self._collector, self._sites, self._undeep = collector, Sites(), 0

    def take(self, part: Requests) -> None:
        """Takes some requests."""
        some = part.take(~part.proxied)
        if not len(some):
            return
        stems = np.empty(len(some), dtype=np.object_)
        stems[:] = [at_stem(*one) for one in zip(some.server.tolist(), some.uri.tolist(), strict=True)]
        counts = some.depth > 1
        self._undeep += int((some.depth < 0).sum())
        self._sites.take(some.orig_h, some.server, some.resp_p, stems, counts)
        follow, stems = some.take(counts), stems[counts]
        self._collector.take(rows_of(follow, follow.server))
        self._collector.take(rows_of(follow, stems).take(stems != ""))

    def notes(self) -> list[str]:
        """What is to tell of what does not count."""
        missed, undeep = self._sites.missed, self._undeep
        told = [f"{missed} requests of sites beyond {MOST_SITES}: their pages count as beacons"] if missed else []
        if undeep:
            told.append(f"{undeep} requests do not say which of their connection they are, and do not count")
        return told

    def pairs(self, site: Pairs) -> Pairs:
        """The pairs by what was taken. `site`: those by connection."""
        return self._sites.told(with_stems(self._collector.pairs(site)))


class Sites:
    """How much else of a site an originator asks for, in the order of the requests, as Zeek counts it."""

    def __init__(self) -> None:
        self.missed = 0  # requests of sites beyond MOST_SITES
        self._paths: dict[tuple[str, str], dict[str, set[str]]] = {}
        self._most: dict[tuple[str, str, int], int] = {}  # by pair: other paths

    def take(self, orig_h: Strings, server: Strings, port: Ints, stems: Strings, counts: Bools) -> None:
        """Takes requests. `counts`: which are observations of pairs."""
        columns = (orig_h.tolist(), server.tolist(), port.tolist(), stems.tolist(), counts.tolist())
        for orig, name, number, path, observed in zip(*columns, strict=True):
            site = self._paths.get((orig, domain_of(name)))
            if site is None:
                if len(self._paths) >= MOST_SITES:
                    self.missed += 1
                    continue
                site = self._paths[orig, domain_of(name)] = {}
            own = site.get(name)
            if own is None:
                if len(site) >= MOST_HOSTS:
                    continue
                own = site[name] = set()
            if path and len(own) < MOST_PATHS:
                own.add(path)
            if observed:
                every = sum(map(len, site.values()))
                self._note((orig, name, number), every - len(own))
                if path:
                    self._note((orig, path, number), every - 1)

    def told(self, pairs: Pairs) -> Pairs:
        """The pairs with what was counted."""
        keys = zip(pairs.orig_h.tolist(), pairs.resp.tolist(), pairs.resp_p.tolist(), strict=True)
        return replace(pairs, other_paths=np.array([self._most.get(key, np.nan) for key in keys], dtype=np.float64))

    def _note(self, pair: tuple[str, str, int], others: int) -> None:
        if others >= self._most.get(pair, 0):
            self._most[pair] = others


def rows_of(some: Requests, resp: Strings) -> ChannelRows:
    """Requests as observations of pairs that are called so."""
    n = len(some)
    return ChannelRows(
        orig_h=some.orig_h,
        resp=resp,
        resp_p=some.resp_p,
        proto=np.full(n, "tcp", dtype=np.object_),
        addr=some.resp_h,
        service=np.full(n, "http", dtype=np.object_),
        start=some.start,
        duration=np.full(n, np.nan),
        orig_bytes=some.request_bytes,
        resp_bytes=some.response_bytes,
        state=np.where(some.answered, STATE_CODE["SF"], STATE_CODE["S1"]).astype(np.uint8),
    )


def with_stems(pairs: Pairs) -> Pairs:
    """The pairs by server with what their requests carried: `server_name` is the pair with the stem of most of them."""
    by_server: dict[tuple[str, str, int], list[int]] = defaultdict(list)
    conns = pairs.conns.tolist()
    for row, (orig_h, resp, resp_p, _, _) in enumerate(pairs.keys()):
        if "/" in resp:
            by_server[orig_h, resp.partition("/")[0], resp_p].append(row)
    named, name_conns, name = pairs.named.copy(), pairs.name_conns.copy(), pairs.server_name.copy()
    for row, (orig_h, resp, resp_p, _, _) in enumerate(pairs.keys()):
        rows = by_server.get((orig_h, resp, resp_p))
        if not rows:
            continue
        named[row] = sum(conns[one] for one in rows)
        most = max(rows, key=conns.__getitem__)
        if 2 * conns[most] > named[row]:
            name[row], name_conns[row] = pairs.resp[most], conns[most]
    return replace(pairs, named=named, name_conns=name_conns, server_name=name)
