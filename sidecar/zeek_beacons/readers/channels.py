"""Channels beside connections, from the logs beside conn.log. A new one is a module and a line in CHANNEL_READERS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.locality import locality
from zeek_beacons.pairs import Pairs, joined
from zeek_beacons.readers import dns_channel, http_channel, poll_channel, proxy_channel
from zeek_beacons.readers.addresses import address
from zeek_beacons.readers.channel_rows import MOST_PAIRS, ChannelCollector
from zeek_beacons.readers.combined import is_combined
from zeek_beacons.readers.files import Input
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.readers.names import log_of
from zeek_beacons.readers.owners import Owners


@dataclass(frozen=True, slots=True)
class Beside:
    """Logs of one run: of connections, beside them, of candidates; and the bounds of the time that counts (seconds)."""

    conns: Sequence[Input]
    others: Sequence[str]
    candidates: Sequence[str]
    begin: float | None
    until: float | None
    config: Config
    ingest: Ingest
    owners: Owners = field(default_factory=Owners.none)

    def logs(self, kind: str) -> list[str]:
        """The logs of one kind, and streams of all logs."""
        return [path for path in self.others if _is_log(path, kind)] + self.streams()

    def streams(self) -> list[str]:
        """The streams of all logs."""
        return [source.path for source in self.conns if source.is_file and is_combined(source.head())]

    def collector(self, channel: str) -> ChannelCollector:
        """What takes the rows of a channel."""
        return ChannelCollector(
            self.config, channel, locality(self.config.local_nets), self.begin, self.until, self.owners
        )


def _read_http(beside: Beside, pairs: Pairs) -> Pairs:
    collector = beside.collector(http_channel.CHANNEL)
    return _told(beside, collector, http_channel.pairs_of(beside.logs("http"), collector, pairs))


def _read_proxy(beside: Beside, pairs: Pairs) -> Pairs:
    collector = beside.collector(proxy_channel.CHANNEL)
    conn_logs = [source.path for source in beside.conns if source.is_file]
    found = proxy_channel.pairs_of(beside.logs("http"), conn_logs, collector, pairs)
    return _told(beside, collector, located(found, locality(beside.config.local_nets)))


def located(found: Pairs, is_local: Callable[[str], bool]) -> Pairs:
    """Proxied pairs with where their servers are: not the proxy counts, and a name is taken for one from outside."""
    local = [address(resp) is not None and is_local(resp) for resp in found.resp.tolist()]
    return replace(found, resp_local=np.array(local, dtype=np.bool_))


def _read_dns(beside: Beside, pairs: Pairs) -> Pairs:
    collector = beside.collector(dns_channel.CHANNEL)
    return _told(beside, collector, dns_channel.pairs_of(beside.logs("dns"), collector, pairs))


def _read_poll(beside: Beside, _: Pairs) -> Pairs:
    logs = [*beside.candidates, *beside.streams()]
    return poll_channel.pairs_of(logs, beside.config, beside.ingest, beside.begin, beside.until)


# Each is given the pairs by connection, and gives those of its channel.
ChannelReader = Callable[[Beside, Pairs], Pairs]
CHANNEL_READERS: dict[str, ChannelReader] = {
    http_channel.CHANNEL: _read_http,
    proxy_channel.CHANNEL: _read_proxy,
    dns_channel.CHANNEL: _read_dns,
    poll_channel.CHANNEL: _read_poll,
}


def with_channels(pairs: Pairs, beside: Beside) -> Pairs:
    """Pairs by connection, and behind them those of all channels."""
    found = {channel: read(beside, pairs) for channel, read in CHANNEL_READERS.items()}
    pairs = proxy_channel.without_proxied(pairs, found[proxy_channel.CHANNEL])
    some = [one for one in found.values() if len(one)]
    return joined([pairs, *some]) if some else pairs


def _told(beside: Beside, collector: ChannelCollector, pairs: Pairs) -> Pairs:
    if collector.left_out:
        left_out = f"{collector.left_out} rows beyond {MOST_PAIRS} pairs were left out"
        beside.ingest.notes.append(f"channel {collector.channel}: {left_out}")
    beside.ingest.notes += [f"channel {collector.channel}: {note}" for note in collector.notes]
    return pairs


def _is_log(path: str, kind: str) -> bool:
    try:
        return log_of(path) == kind
    except InputError:  # which was told of where its names were read
        return False
