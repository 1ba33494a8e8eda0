"""All that is followed as pairs, by the readers of `zeek-beacons score`: connections, and the channels beside them.

Connections wait in no queue: whatever was taken is in the pairs of the next look. Only one that was left open is left
out until it can no longer be continued. Bounded like Zeek's tracker: beyond, the pairs seen least lately are forgotten.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.live.follow.context import FollowedContext
from zeek_beacons.live.follow.kinds import FLOWS, STREAM
from zeek_beacons.live.follow.recent_uids import COLUMNS, RecentUids
from zeek_beacons.locality import locality
from zeek_beacons.pairs import MICROSECONDS, Pairs, joined
from zeek_beacons.readers import zeek_log
from zeek_beacons.readers.channel_rows import ChannelCollector
from zeek_beacons.readers.channels import located
from zeek_beacons.readers.dns_channel import DnsCheckins
from zeek_beacons.readers.dns_queries import queries
from zeek_beacons.readers.files import Held
from zeek_beacons.readers.forgetting import ForgettingCollector
from zeek_beacons.readers.http_channel import HttpCheckins
from zeek_beacons.readers.http_requests import requests
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.readers.proxy_channel import ProxyCheckins, without_proxied

MOST_TUNNELS = 100_000  # of proxies that wait for the row of their connection


@dataclass(frozen=True, slots=True)
class TrackerBounds:
    """What is held at most."""

    pairs: int = 500_000
    observations: int = 8_000_000
    held: int = 2_000_000  # rows of each log beside conn.log, until their connection's row comes
    shown: int = 2_000_000  # things that such rows told, of each kind, until those that no pair shows are forgotten


@dataclass(slots=True)
class TrackerCounts:
    """What was taken and given up, since the start."""

    rows: int = 0  # connections
    bad: int = 0  # rows and lines that are none
    problem: str = ""  # the first of these
    forgotten_pairs: int = 0
    cut_observations: int = 0
    forgotten_rows: int = 0  # of logs beside conn.log
    duplicates: int = 0
    clock_steps: int = 0
    newest: float | None = None  # when the newest connection began, epoch seconds


class OfStream(Held):
    """A slice of a stream of all logs, which may hold rows of one log alone."""

    def __init__(self, chunk: Held) -> None:
        (block,) = chunk.blocks()
        super().__init__(chunk.path, block.data)

    def head(self) -> bytes:
        """The first lines of it, behind two that show what it is."""
        return b'{"_path":"conn"}\n{"_path":"http"}\n' + super().head()


class Tracker:
    """Takes logs in slices, gives the pairs of everything so far."""

    def __init__(self, config: Config, bounds: TrackerBounds) -> None:
        self._config, self._bounds = config, bounds
        self._ingest = Ingest()
        self.uids = RecentUids()
        self._context = FollowedContext(self._ingest, bounds.held)
        self._collector = ForgettingCollector(config, self._ingest, context=self._context.now())
        self._is_local = locality(config.local_nets)
        self._http = HttpCheckins(self._channel("http"))
        self._dns = DnsCheckins(self._channel("dns"))
        self._proxy = ProxyCheckins(self._channel("proxy"))
        self._forgotten = [0, 0]

    def take(self, log: str, chunk: Held) -> None:
        """Takes a slice of a log. What cannot be read of it is counted."""
        try:
            if log in FLOWS:
                for flows in FLOWS[log](chunk, self._collector, None):
                    flows.give(self._collector)
                return
            if log == STREAM:
                chunk = OfStream(chunk)
                self._context.take_stream(chunk)
            elif log != "conn":
                self._context.take(chunk, log)
            if log in ("http", STREAM):
                for part in requests([chunk]):
                    self._http.take(part)
                    self._proxy.take(part)
            if log in ("dns", STREAM):
                for asked in queries([chunk]):
                    self._dns.take(asked)
            if log in ("conn", STREAM):
                self._take_connections(chunk)
        except InputError as error:
            self._ingest.skip("lines that cannot be read", chunk.path, 0, str(error))

    def pairs(self, ends: bool = False) -> Pairs:
        """Everything so far, as `score` would read it. `ends`: nothing more comes."""
        self._collector.now_know(self._context.now())
        site = self._collector.pairs(more=not ends)
        if ends:
            self._proxy.end()
        proxied = located(self._proxy.pairs(site), self._is_local)
        found = [self._http.pairs(site), proxied, self._dns.pairs(site)]
        some = [one for one in found if len(one)]
        pairs = without_proxied(site, proxied)
        pairs = joined([pairs, *some]) if some else pairs
        owners = self._context.now().owners
        if owners:
            pairs = replace(pairs, traits=owners.told(pairs))
        pairs_gone, cut = self._collector.bound(self._bounds.pairs, self._bounds.observations)
        if pairs_gone:
            self._context.changed()
        if self._context.numbered() > self._bounds.shown:
            self._context.only(self._collector.renumber_shown())
        self._forgotten = [self._forgotten[0] + pairs_gone, self._forgotten[1] + cut]
        self._ingest.notes.clear()
        return pairs

    def counts(self) -> TrackerCounts:
        """What was taken and given up."""
        ingest, context = self._ingest, self._context
        told = [f"{why}: {one.examples[0][0]}" for why, one in ingest.skipped.items() if one.examples]
        return TrackerCounts(
            rows=ingest.rows,
            bad=ingest.rows_skipped + context.bad,
            problem=next(iter(told), context.problem),
            forgotten_pairs=self._forgotten[0],
            cut_observations=self._forgotten[1],
            forgotten_rows=context.forgotten,
            duplicates=ingest.duplicates,
            clock_steps=ingest.backward_jumps,
            newest=None if ingest.last_us is None else ingest.last_us / MICROSECONDS,
        )

    def _take_connections(self, chunk: Held) -> None:
        context = self._context.now()
        self._collector.now_know(context)
        for part in zeek_log.parts(chunk, self._collector, context, None, COLUMNS):
            part.give(self._collector)
            self.uids.take(part.table)
        self._proxy.join([chunk], MOST_TUNNELS)

    def _channel(self, name: str) -> ChannelCollector:
        return ChannelCollector(self._config, name, self._is_local)
