"""Channel `proxy`: what a client reaches through a proxy, from the requests of http.log.

A request for an absolute URI is an observation of the pair with the server and port that it names. So is each
connection that a CONNECT turned into a tunnel, with its duration, sizes and state of conn.log, joined by uid; without
its row there these are not known. The proxy is the address of such pairs. What is reached by name through a proxy is no
pair by connection besides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zeek_beacons.errors import InputError
from zeek_beacons.keys import CONN
from zeek_beacons.pairs import STATE_CODE, Bools, Ints, Pairs, Strings, round_time
from zeek_beacons.readers.addresses import address, server_name
from zeek_beacons.readers.arrow_parse import NUMBER, numbers, times
from zeek_beacons.readers.by_uid import log_tables
from zeek_beacons.readers.channel_rows import ChannelCollector, ChannelRows
from zeek_beacons.readers.files import Source, opened
from zeek_beacons.readers.http_requests import Requests, requests
from zeek_beacons.readers.side_logs import BadRows

CHANNEL = "proxy"
PORT = re.compile("[0-9]{1,5}", re.ASCII)
PORTS = {"http": 80, "https": 443, "ftp": 21, "ws": 80, "wss": 443}  # by scheme
_CONN = {
    "ts": NUMBER,
    "uid": pa.string(),
    "service": pa.string(),
    "duration": NUMBER,
    "orig_bytes": NUMBER,
    "resp_bytes": NUMBER,
    "conn_state": pa.string(),
}


def asked_for(method: str, uri: str) -> tuple[str, int] | None:
    """Server and port that a proxy is asked for, in `c2.example:443` or `http://c2.example/poll`; None without one."""
    scheme, found, rest = uri.partition("://")
    if method == "CONNECT":
        rest, scheme = uri, "https"
    elif not found:
        return None
    authority = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
    host, colon, port = authority.rpartition(":")
    if not colon or authority.endswith("]"):
        host, port = authority, ""
    number = PORTS.get(scheme.lower()) if not port else int(port) if PORT.fullmatch(port) else None
    host = host.replace("[", "").replace("]", "")
    server = address(host) or server_name(host)
    if not server or number is None or not 0 < number <= 65_535:
        return None
    return server, number


@dataclass(slots=True)
class _Tunnels:
    """Connections that a CONNECT turned into a tunnel, by uid; the first CONNECT of each counts."""

    of: dict[str, tuple[str, str, str, int, float]] = field(default_factory=dict)  # client, proxy, server, port, start

    def take(self, some: Requests, servers: Sequence[tuple[str, int] | None]) -> None:
        columns = (some.uid.tolist(), some.orig_h.tolist(), some.resp_h.tolist(), servers, some.start.tolist())
        for uid, client, proxy, server, start in zip(*columns, strict=True):
            if server is not None and uid not in self.of:
                self.of[uid] = client, proxy, *server, start


def pairs_of(paths: Iterable[Source], conn_logs: Iterable[Source], collector: ChannelCollector, site: Pairs) -> Pairs:
    """The pairs of this channel in some http logs. `site`: those by connection."""
    found = ProxyCheckins(collector)
    for part in requests(paths):
        found.take(part)
    found.join(conn_logs)
    found.end()
    collector.notes += found.notes()
    return collector.pairs(site)


class ProxyCheckins:
    """Takes requests in whatever parts, gives the pairs of this channel.

    A tunnel counts once conn.log has told of its connection (`join`), or nothing more can come (`end`).
    """

    def __init__(self, collector: ChannelCollector) -> None:
        self._collector, self._tunnels = collector, _Tunnels()
        self._unreadable = self._missing = 0

    def take(self, part: Requests) -> None:
        """Takes some requests."""
        some = part.take(part.proxied)
        if not len(some):
            return
        servers = list(map(asked_for, some.method.tolist(), some.uri.tolist()))
        tunnel = some.method == "CONNECT"
        asked = [one for one, is_tunnel in zip(servers, tunnel, strict=True) if is_tunnel]
        self._tunnels.take(some.take(tunnel), asked)
        known = np.array([one is not None for one in servers], dtype=np.bool_)
        self._unreadable += int((~known).sum())
        plain = np.flatnonzero(known & ~tunnel)
        self._collector.take(_plain(some.take(plain), [servers[row] for row in plain.tolist()]))

    def join(self, conn_logs: Iterable[Source], most: int | None = None) -> None:
        """Counts the tunnels that these logs tell of. `most`: of the others the newest so many wait on."""
        waiting = self._tunnels.of
        if not waiting:
            return
        rows, seen = _tunnelled(self._tunnels, conn_logs)
        beyond = 0 if most is None else max(0, int((~seen).sum()) - most)
        given_up = np.flatnonzero(~seen)[:beyond]
        counts = seen.copy()
        counts[given_up] = True
        self._missing += len(given_up)
        self._collector.take(rows.take(counts))
        for uid in [uid for uid, counted in zip(waiting, counts.tolist(), strict=True) if counted]:
            del waiting[uid]

    def end(self) -> None:
        """Counts the tunnels that still wait."""
        self.join((), 0)

    def notes(self) -> list[str]:
        """What is to tell of what does not count, or not as it should."""
        unreadable, missing = self._unreadable, self._missing
        told = [f"{unreadable} requests to proxies name no server that can be"] if unreadable else []
        if missing:
            told.append(f"{missing} tunnels are in no conn.log: their durations and sizes are not known")
        return told

    def pairs(self, site: Pairs) -> Pairs:
        """The pairs by what was taken. `site`: those by connection."""
        return self._collector.pairs(site)


def without_proxied(pairs: Pairs, proxied: Pairs) -> Pairs:
    """The pairs by connection without those by name that are reached through a proxy: `proxied` has these."""
    if not len(proxied):
        return pairs
    behind = set(zip(proxied.orig_h.tolist(), proxied.addr.tolist(), proxied.resp.tolist(), strict=True))
    ends = zip(pairs.orig_h.tolist(), pairs.addr.tolist(), pairs.resp.tolist(), strict=True)
    kept = np.fromiter((end not in behind or end[1] == end[2] for end in ends), dtype=np.bool_, count=len(pairs))
    return pairs.take(kept | (pairs.channel != CONN))


def _plain(some: Requests, servers: Sequence[tuple[str, int] | None]) -> ChannelRows:
    n = len(some)
    return ChannelRows(
        orig_h=some.orig_h,
        resp=_column([one[0] for one in servers if one]),
        resp_p=np.array([one[1] for one in servers if one], dtype=np.int64),
        proto=_column(["tcp"] * n),
        addr=some.resp_h,
        service=_column(["http"] * n),
        start=some.start,
        duration=np.full(n, np.nan),
        orig_bytes=some.request_bytes,
        resp_bytes=some.response_bytes,
        state=np.where(some.answered, STATE_CODE["SF"], STATE_CODE["S1"]).astype(np.uint8),
    )


def _tunnelled(tunnels: _Tunnels, conn_logs: Iterable[Source]) -> tuple[ChannelRows, Bools]:
    """The tunnels with what conn.log tells of their connections, and of which of them it does."""
    uids = list(tunnels.of)
    place = {uid: row for row, uid in enumerate(uids)}
    n, wanted = len(uids), pa.array(uids, pa.string())
    client, proxy, server, port, start = (list(column) for column in zip(*tunnels.of.values(), strict=True))
    began, duration, sent, got = (np.full(n, np.nan) for _ in range(4))
    began[:] = start
    state, service = np.zeros(n, dtype=np.uint8), _column(["http"] * n)
    seen = np.zeros(n, dtype=np.bool_)
    for path in conn_logs:
        try:
            for table in log_tables(path, "conn", _CONN, BadRows(opened(path).path)):
                found = table.filter(pc.fill_null(pc.is_in(table.column("uid"), wanted), False))
                rows: Ints = np.array([place[uid] for uid in found.column("uid").to_pylist()], dtype=np.int64)
                began[rows] = times(found, "ts")
                duration[rows], sent[rows], got[rows] = (
                    numbers(found, name) for name in ("duration", "orig_bytes", "resp_bytes")
                )
                service[rows] = [text or "" for text in found.column("service").to_pylist()]
                seen[rows] = True
                state[rows] = [STATE_CODE.get(text or "", 0) for text in found.column("conn_state").to_pylist()]
        except InputError:  # which was told of where its connections were read
            continue
    told = ChannelRows(
        orig_h=_column(client),
        resp=_column(server),
        resp_p=np.array(port, dtype=np.int64),
        proto=_column(["tcp"] * n),
        addr=_column(proxy),
        service=service,
        start=round_time(began),
        duration=round_time(duration),
        orig_bytes=sent,
        resp_bytes=got,
        state=state,
    )
    return told, seen


def _column(values: Sequence[str]) -> Strings:
    column = np.empty(len(values), dtype=np.object_)
    column[:] = values
    return column
