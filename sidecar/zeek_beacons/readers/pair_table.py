"""Which pair each connection belongs to, and what is counted over all connections of a pair."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.pairs import (
    MICROSECONDS,
    PROTOS,
    Bools,
    Floats,
    Ints,
    Pairs,
)
from zeek_beacons.readers.columns import Connections, PairRows

_RADIX = 1 << 16
_PARTS = 16  # batches counted before they are added up
# Bits of what is packed into a key of 63. Hosts and names together are responders, the last bit says which.
PORT_BITS, PROTO_BITS, HOST_BITS, ENDPOINT_BITS, SERVICE_BITS, NAME_BITS = 16, 2, 31, 32, 24, 31
MIN_TLS = 10  # TLS servers below which a share of them says nothing
TLS = "ssl"  # the service of conn.log, alone or among others


def pack(high: Ints, low: Ints, bits: int) -> Ints:
    """Two numbers in one, `low` in the last `bits`; the whole is no negative number. Raises OverflowError."""
    for numbers, width in ((high, 63 - bits), (low, bits)):
        if len(numbers) and (numbers.min() < 0 or int(numbers.max()) >> width):
            raise OverflowError(f"numbers from {numbers.min()} to {numbers.max()} do not fit {width} bits")
    packed: Ints = (high << bits) | low
    return packed


def unpack(packed: Ints, bits: int) -> tuple[Ints, Ints]:
    """The two numbers of `pack`."""
    return packed >> bits, packed & ((1 << bits) - 1)


class Numbering:
    """Numbers 64-bit keys in order of appearance; memory grows with the distinct keys only."""

    def __init__(self) -> None:
        self._keys = np.zeros(0, dtype=np.int64)  # sorted
        self._codes = np.zeros(0, dtype=np.int64)  # code of each sorted key

    def __len__(self) -> int:
        return len(self._keys)

    def codes(self, keys: Ints) -> Ints:
        """The number of every key."""
        distinct, inverse = np.unique(keys, return_inverse=True)
        at = np.searchsorted(self._keys, distinct)
        known = at < len(self._keys)
        known[known] = self._keys[at[known]] == distinct[known]
        fresh = distinct[~known]
        codes = np.empty(len(distinct), dtype=np.int64)
        codes[known] = self._codes[at[known]]
        codes[~known] = np.arange(len(self), len(self) + len(fresh))
        self._codes = np.insert(self._codes, at[~known], codes[~known])
        self._keys = np.insert(self._keys, at[~known], fresh)
        return codes[inverse]

    def keys(self) -> Ints:
        """All keys by their number."""
        by_code = np.empty_like(self._keys)
        by_code[self._codes] = self._keys
        return by_code


class Tally:
    """How many connections of each pair carried each of the texts seen with it, by number; memory grows with both."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._parts: list[tuple[Ints, Ints]] = []  # (pair and text, connections)

    def add(self, pair: Ints, text: Ints, weight: int = 1) -> None:
        """Counts connections, those without a text (-1) left out."""
        given = text >= 0
        keys, counts = np.unique(pack(pair[given], text[given], self._bits), return_counts=True)
        if len(keys):
            self._parts.append((keys, weight * counts))
        if len(self._parts) >= _PARTS:
            self._parts = [self._total()]

    def counts(self) -> tuple[Ints, Ints, Ints]:
        """Pairs, texts and connections, by pair."""
        keys, counts = self._total()
        return *unpack(keys, self._bits), counts

    def most(self, n: int) -> tuple[Ints, Ints]:
        """The most frequent text of each of `n` pairs, -1 where it has none, and its connections."""
        pair, text, counts = self.counts()
        order = np.lexsort((counts, pair))
        best, conns = np.full(n, -1, dtype=np.int64), np.zeros(n, dtype=np.int64)
        best[pair[order]], conns[pair[order]] = text[order], counts[order]  # the last one written stays
        return best, conns

    def _total(self) -> tuple[Ints, Ints]:
        none = np.zeros(0, dtype=np.int64)
        keys, counts = (np.concatenate([none, *(part[at] for part in self._parts)]) for at in (0, 1))
        distinct, inverse = np.unique(keys, return_inverse=True)
        total = np.zeros(len(distinct), dtype=np.int64)
        np.add.at(total, inverse, counts)
        return distinct[total > 0], total[total > 0]


@dataclass(frozen=True, slots=True)
class Spelled:
    """The texts behind the numbers."""

    hosts: Sequence[str]
    names: Sequence[str]
    services: Sequence[str]
    dns_names: Sequence[str] = ()


class PairTable:
    """The pairs seen so far and their totals. Responders by name are numbered beside those by address."""

    def __init__(self) -> None:
        self._endpoints = Numbering()  # responder, port, protocol
        self._pairs = Numbering()  # originator, endpoint
        self._conns = np.zeros(0, dtype=np.int64)
        self._named = np.zeros(0, dtype=np.int64)
        self._dns_named, self._dns_known = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.bool_)
        self._first_us = np.zeros(0, dtype=np.int64)
        self._services, self._names, self._dns_names = Tally(SERVICE_BITS), Tally(NAME_BITS), Tally(NAME_BITS)

    def add(self, rows: Connections, by_name: Bools, dns: Ints) -> Ints:
        """Counts connections and returns the pair of each; `by_name` rows are keyed by their server name.

        `dns`: the number of the name that each one's address was looked up by, -1: none, -2: not known.
        """
        responder = np.where(by_name, rows.name * 2 + 1, rows.resp_h * 2)
        port_and_proto = pack(rows.resp_p, rows.proto, PROTO_BITS)
        endpoint = self._endpoints.codes(pack(responder, port_and_proto, PORT_BITS + PROTO_BITS))
        pair = self._pairs.codes(pack(rows.orig_h, endpoint, ENDPOINT_BITS))
        self._grow(len(self._pairs))
        self._count(pair, rows.name, by_name, dns, 1)
        self._dns_known[pair[dns >= -1]] = True
        np.minimum.at(self._first_us, pair, rows.start_us)
        self._services.add(pair, rows.service)
        return pair

    def forget(self, rows: PairRows) -> None:
        """Takes back connections that turned out to be duplicates."""
        pair, name, dns = (column.astype(np.int64) for column in (rows.pair, rows.name, rows.dns))
        self._count(pair, name, rows.by_name, dns, -1)

    def _count(self, pair: Ints, name: Ints, by_name: Bools, dns: Ints, weight: int) -> None:
        self._conns += weight * np.bincount(pair, minlength=len(self._conns))
        self._named += weight * np.bincount(pair[name >= 0], minlength=len(self._conns))
        self._dns_named += weight * np.bincount(pair[dns >= 0], minlength=len(self._conns))
        self._names.add(pair, np.where(by_name, -1, name), weight)  # the others have one name, that of the pair
        self._dns_names.add(pair, dns, weight)

    def _grow(self, size: int) -> None:
        more = size - len(self._conns)
        self._conns = np.append(self._conns, np.zeros(more, dtype=np.int64))
        self._named = np.append(self._named, np.zeros(more, dtype=np.int64))
        self._dns_named = np.append(self._dns_named, np.zeros(more, dtype=np.int64))
        self._dns_known = np.append(self._dns_known, np.zeros(more, dtype=np.bool_))
        self._first_us = np.append(self._first_us, np.full(more, np.iinfo(np.int64).max))

    def pairs(self, rows: PairRows | None, spelled: Spelled, is_local: Callable[[str], bool]) -> Pairs:
        """The batch of all pairs, sorted by key. `rows`: their observations by pair and start."""
        if rows is None:
            return Pairs.empty()
        endpoints, keys = self._endpoints.keys(), self._pairs.keys()
        orig, endpoint = unpack(keys, ENDPOINT_BITS)
        responder, port_and_proto = unpack(endpoints[endpoint], PORT_BITS + PROTO_BITS)
        port, proto = unpack(port_and_proto, PROTO_BITS)
        by_name = (responder & 1).astype(np.bool_)
        hosts, names = _texts(spelled.hosts), _texts(spelled.names)
        resp = np.where(by_name, _pick(names, responder >> 1, by_name), _pick(hosts, responder >> 1, ~by_name))
        counts = np.bincount(rows.pair, minlength=len(keys))
        ends = np.cumsum(counts)
        addr = rows.addr[ends - 1].astype(np.int64)
        local = _each(np.concatenate((orig, addr)), hosts, is_local)
        server_name, name_conns = _majority(self._names, self._named, names)
        dns_name, _ = _majority(self._dns_names, self._dns_named, _texts(spelled.dns_names))
        unsorted = Pairs(
            orig_h=hosts[orig],
            resp=resp,
            resp_p=port,
            proto=_texts(PROTOS)[proto],
            addr=hosts[addr],
            service=self._most_frequent_service(len(keys), _texts(spelled.services)),
            server_name=np.where(by_name, resp, server_name),
            dns_name=dns_name,
            conns=self._conns,
            named=self._named,
            name_conns=np.where(by_name, self._named, name_conns),
            dns_named=np.where(self._dns_known, self._dns_named, np.nan),
            orig_local=local[: len(keys)],
            resp_local=local[len(keys) :],
            first_ts=self._first_us / MICROSECONDS,
            resp_hosts=_hosts_per_responder(orig, responder),
            site_hosts=np.full(len(keys), float(len(np.unique(orig)))),
            site_tls_named=np.full(len(keys), self._tls_named(responder, by_name, spelled.services)),
            offsets=np.concatenate(([0], ends)),
            start=rows.start_us / MICROSECONDS,
            duration=rows.duration,
            orig_bytes=rows.orig_bytes,
            resp_bytes=rows.resp_bytes,
            state=rows.state,
        )
        return unsorted.take(np.lexsort((proto, port, _ranks(resp), _ranks(unsorted.orig_h))))

    def _most_frequent_service(self, n: int, services: NDArray[np.object_]) -> NDArray[np.object_]:
        pair, service, counts = self._services.counts()
        result = np.full(n, "", dtype=np.object_)
        order = np.lexsort((-_ranks(services)[service], counts, pair)) if len(pair) else np.zeros(0, dtype=np.int64)
        result[pair[order]] = services[service[order]] if len(pair) else ""  # the last one written wins
        return result

    def _tls_named(self, responder: Ints, by_name: Bools, services: Sequence[str]) -> float:
        """The share of the TLS servers, by address, that some connection of a pair with TLS named."""
        tls = np.array([TLS in service.split(",") for service in services], dtype=np.bool_)
        pair, service, _ = self._services.counts()
        spoken = np.zeros(len(responder), dtype=np.bool_)
        spoken[pair[tls[service]] if len(pair) else pair] = True
        spoken &= ~by_name
        servers = len(np.unique(responder[spoken]))
        named = len(np.unique(responder[spoken & (self._named > 0)]))
        return named / servers if servers >= MIN_TLS else np.nan


def by_pair_and_start(rows: PairRows) -> Ints:
    """The order of `pairs.observation_order` inside each pair, pairs by number; radix sorts, ties settled after."""
    order = np.argsort(rows.start_us, kind="stable")
    pair = rows.pair[order]
    low = np.argsort((pair % _RADIX).astype(np.uint16), kind="stable")
    order = order[low]
    if len(pair) and pair.max() >= _RADIX:
        order = order[np.argsort((pair[low] // _RADIX).astype(np.uint16), kind="stable")]
    pair, start = rows.pair[order], rows.start_us[order]
    equal = (pair[1:] == pair[:-1]) & (start[1:] == start[:-1])
    tied = np.flatnonzero(np.append(equal, False) | np.append(False, equal))
    described = (rows.orig_p, rows.state, rows.resp_bytes, rows.orig_bytes, rows.duration)
    ties = [column[order[tied]] for column in described]
    order[tied] = order[tied][np.lexsort((*ties, start[tied], pair[tied]))]
    return order


def _texts(values: Sequence[str]) -> NDArray[np.object_]:
    texts = np.empty(len(values), dtype=np.object_)
    texts[:] = list(values)
    return texts


def _pick(texts: NDArray[np.object_], index: Ints, wanted: Bools) -> NDArray[np.object_]:
    picked = np.full(len(index), "", dtype=np.object_)
    picked[wanted] = texts[index[wanted]]
    return picked


def _majority(tally: Tally, of: Ints, texts: NDArray[np.object_]) -> tuple[NDArray[np.object_], Ints]:
    """The text that more than half of each pair's `of` connections carried, "" where none did, and those that did."""
    best, conns = tally.most(len(of))
    wins = 2 * conns > of
    return _pick(texts, best, wins), np.where(wins, conns, 0)


def _each(index: Ints, texts: NDArray[np.object_], fact: Callable[[str], bool]) -> Bools:
    """A fact of the text at each index, looked up once for each different one."""
    distinct, inverse = np.unique(index, return_inverse=True)
    facts = np.fromiter((fact(texts[at]) for at in distinct.tolist()), dtype=np.bool_, count=len(distinct))
    return facts[inverse]


def _ranks(texts: NDArray[np.object_]) -> Ints:
    distinct = {text: rank for rank, text in enumerate(sorted(set(texts)))}
    return np.fromiter((distinct[text] for text in texts), dtype=np.int64, count=len(texts))


def _hosts_per_responder(orig: Ints, responder: Ints) -> Floats:
    """Distinct originators of each pair's responder, on whatever port."""
    talks = np.unique(pack(responder, orig, HOST_BITS))
    responders, hosts = np.unique(unpack(talks, HOST_BITS)[0], return_counts=True)
    counts: Floats = hosts[np.searchsorted(responders, responder)].astype(np.float64)
    return counts
