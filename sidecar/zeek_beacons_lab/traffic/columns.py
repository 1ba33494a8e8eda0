"""What the generator hands out: truth by pair, and connections in columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from zeek_beacons.locality import is_private
from zeek_beacons.pairs import (
    Bools,
    Bytes,
    Floats,
    Ints,
    Pairs,
    Strings,
    observation_order,
    round_time,
)
from zeek_beacons.readers.pair_table import MIN_TLS
from zeek_beacons_lab.traffic import places
from zeek_beacons_lab.traffic.kinds import Label
from zeek_beacons_lab.traffic.series import REJ, S0, Series, Story

MAX_HOSTS = 200  # hosts of one site


@dataclass(frozen=True, slots=True, eq=False)
class PairTruth:
    """What is true of each pair, in columns (n,). `resp` is the address."""

    orig_h: Strings
    resp: Strings
    resp_p: Ints
    proto: Strings
    label: Strings  # "c2", "benign", or of campaigns "malicious_other"
    kind: Strings
    sleep: Floats  # seconds, NaN without a timer
    jitter: Floats  # 0 to 1
    jitter_kind: Strings
    service: Strings
    name: Strings  # "" for a bare address
    site: Ints

    def __len__(self) -> int:
        return len(self.site)

    @property
    def is_c2(self) -> Bools:
        c2: Bools = self.label == "c2"
        return c2


@dataclass(frozen=True, slots=True, eq=False)
class Traffic:
    """All connections, sorted by start, each with the row of `truth` it belongs to."""

    truth: PairTruth
    pair: Ints  # (m,)
    start: Floats  # (m,) seconds since the epoch, whole microseconds
    duration: Floats  # (m,) seconds, NaN where Zeek logs "-"
    orig_bytes: Floats
    resp_bytes: Floats
    state: Bytes

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True, slots=True)
class Placed:
    """One pair, told and placed, before it is laid out."""

    label: Label
    kind: str
    story: Story
    site: int
    host: int
    responder: int  # a number that is one address
    address: str
    begin: float
    others: Ints  # further hosts that now and then talk to the responder
    index: int
    orig: str = ""  # the originator's address where it is no host of the site


def _answered(series: Series) -> Bools:
    """Connections that carried anything: only these show a service or a name."""
    answered: Bools = (series.state != S0) & (series.state != REJ)
    return answered


def _service(story: Story) -> str:
    return story.peer.service if story.peer.proto != "tcp" or _answered(story.series).any() else ""


def _name(placed: Placed) -> str:
    """The server's name, "" for a bare address. An implant's server has one that nobody knows."""
    first = placed.story.peer.name
    named = places.name if placed.label == "c2" else places.service_name
    return named(first, placed.responder) if first else ""


def _truth(drawn: list[Placed]) -> PairTruth:
    columns: dict[str, Any] = {
        "orig_h": [d.orig or places.host(d.site, d.host) for d in drawn],
        "resp": [d.address for d in drawn],
        "resp_p": [d.story.peer.port for d in drawn],
        "proto": [d.story.peer.proto for d in drawn],
        "label": [d.label for d in drawn],
        "kind": [d.kind for d in drawn],
        "sleep": [d.story.sleep for d in drawn],
        "jitter": [d.story.jitter for d in drawn],
        "jitter_kind": [d.story.jitter_kind for d in drawn],
        "service": [_service(d.story) for d in drawn],
        "name": [_name(d) for d in drawn],
        "site": [d.site for d in drawn],
    }
    kinds = {"resp_p": np.int64, "site": np.int64, "sleep": np.float64, "jitter": np.float64}
    arrays: dict[str, Any] = {name: np.array(values, kinds.get(name, np.object_)) for name, values in columns.items()}
    return PairTruth(**arrays)


def _observations(drawn: list[Placed], begin: float) -> tuple[Ints, dict[str, Any]]:
    counts = np.array([len(d.story.series.start) for d in drawn], dtype=np.int64)
    columns: dict[str, Any] = {
        "start": round_time(np.concatenate([d.story.series.start + (begin + d.begin) for d in drawn])),
        "duration": round_time(np.concatenate([d.story.series.duration for d in drawn])),
        "orig_bytes": np.concatenate([d.story.series.orig_bytes for d in drawn]),
        "resp_bytes": np.concatenate([d.story.series.resp_bytes for d in drawn]),
        "state": np.concatenate([d.story.series.state for d in drawn]),
    }
    return counts, columns


def to_pairs(drawn: list[Placed], begin: float) -> tuple[Pairs, PairTruth]:
    truth = _truth(drawn)
    counts, columns = _observations(drawn, begin)
    offsets = np.concatenate(([0], np.cumsum(counts)))
    _settle_ties(offsets, columns)
    named = np.array([int(_answered(d.story.series).sum()) if d.story.peer.name else 0 for d in drawn], dtype=np.int64)
    by_name = (named == counts) & (named > 0)
    resp_hosts, site_hosts = _prevalence(drawn)
    pairs = Pairs.of(
        orig_h=truth.orig_h,
        resp=np.where(by_name, truth.name, truth.resp),
        resp_p=truth.resp_p,
        proto=truth.proto,
        addr=truth.resp,
        service=truth.service,
        server_name=np.where(named > 0, truth.name, ""),
        dns_name=np.where(by_name, "", truth.name),
        conns=counts,
        named=named,
        name_conns=named,
        dns_named=np.where(by_name, np.nan, np.where(truth.name == "", 0.0, counts)),
        orig_local=np.ones(len(drawn), dtype=np.bool_),
        resp_local=np.array([is_private(address) for address in truth.resp], dtype=np.bool_),
        first_ts=columns["start"][offsets[:-1]],
        resp_hosts=resp_hosts,
        site_hosts=site_hosts,
        site_tls_named=_tls_named(drawn, truth, named),
        offsets=offsets,
        **columns,
    )
    return pairs, truth


def _settle_ties(offsets: Ints, columns: dict[str, Any]) -> None:
    """Connections of one pair in the same microsecond: put in the one order that `Pairs` demands."""
    same = np.flatnonzero(np.diff(columns["start"]) == 0.0)
    for pair in np.unique(np.searchsorted(offsets, same, side="right") - 1):
        rows = slice(offsets[pair], offsets[pair + 1])
        order = observation_order({name: values[rows] for name, values in columns.items()})
        for values in columns.values():
            values[rows] = values[rows][order]


def _prevalence(drawn: list[Placed]) -> tuple[Floats, Floats]:
    """Distinct hosts of the site at each pair's responder, and in all."""
    repeats = np.array([1 + len(d.others) for d in drawn])
    site = np.repeat(np.array([d.site for d in drawn]), repeats)
    responder = np.array([d.responder for d in drawn])
    host = np.concatenate([np.concatenate(([d.host], d.others)) for d in drawn])
    seen = np.unique(np.repeat(responder, repeats) * (MAX_HOSTS + 1) + host) // (MAX_HOSTS + 1)
    which, at = np.unique(seen, return_counts=True)
    present = np.unique(site * (MAX_HOSTS + 1) + host) // (MAX_HOSTS + 1)
    sites, there = np.unique(present, return_counts=True)
    resp_hosts = at[np.searchsorted(which, responder)].astype(np.float64)
    return resp_hosts, there[np.searchsorted(sites, [d.site for d in drawn])].astype(np.float64)


def _tls_named(drawn: list[Placed], truth: PairTruth, named: Ints) -> Floats:
    """The share of each site's TLS servers that some connection named; NaN where there are few."""
    servers: dict[int, dict[str, bool]] = {}
    for row in np.flatnonzero(truth.service == "ssl").tolist():
        there = servers.setdefault(drawn[row].site, {})
        there[truth.resp[row]] = there.get(truth.resp[row], False) or bool(named[row])
    share = {
        site: sum(there.values()) / len(there) if len(there) >= MIN_TLS else np.nan for site, there in servers.items()
    }
    return np.array([share.get(d.site, np.nan) for d in drawn], dtype=np.float64)


def lay_out(drawn: list[Placed], background: list[Placed], begin: float) -> Traffic:
    everything = drawn + background
    counts, columns = _observations(everything, begin)
    order = np.argsort(columns["start"], kind="stable")
    pair = np.repeat(np.arange(len(everything)), counts)[order]
    return Traffic(_truth(everything), pair, **{name: values[order] for name, values in columns.items()})
