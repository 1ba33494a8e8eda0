"""Which pair each connection belongs to, and what is counted over all connections of a pair."""

from __future__ import annotations

from collections.abc import Sequence

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

NO_NAME = np.iinfo(np.int64).max
_RADIX = 1 << 16
# Bits of what is packed into a key of 63. Hosts and names together are responders, the last bit says which.
PORT_BITS, PROTO_BITS, HOST_BITS, ENDPOINT_BITS, SERVICE_BITS = 16, 2, 31, 32, 24


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


class PairTable:
    """The pairs seen so far and their totals. Responders by name are numbered beside those by address."""

    def __init__(self) -> None:
        self._endpoints = Numbering()  # responder, port, protocol
        self._pairs = Numbering()  # originator, endpoint
        self._conns = np.zeros(0, dtype=np.int64)
        self._named = np.zeros(0, dtype=np.int64)
        self._first_us = np.zeros(0, dtype=np.int64)
        self._lowest_name = np.zeros(0, dtype=np.int64)
        self._highest_name = np.zeros(0, dtype=np.int64)
        self._services: list[tuple[Ints, Ints]] = []  # (pair and service, connections)

    def add(self, rows: Connections, by_name: Bools) -> Ints:
        """Counts connections and returns the pair of each; `by_name` rows are keyed by their server name."""
        responder = np.where(by_name, rows.name * 2 + 1, rows.resp_h * 2)
        port_and_proto = pack(rows.resp_p, rows.proto, PROTO_BITS)
        endpoint = self._endpoints.codes(pack(responder, port_and_proto, PORT_BITS + PROTO_BITS))
        pair = self._pairs.codes(pack(rows.orig_h, endpoint, ENDPOINT_BITS))
        self._grow(len(self._pairs))
        named = rows.name >= 0
        self._conns += np.bincount(pair, minlength=len(self._conns))
        self._named += np.bincount(pair[named], minlength=len(self._conns))
        np.minimum.at(self._first_us, pair, rows.start_us)
        np.minimum.at(self._lowest_name, pair[named], rows.name[named])
        np.maximum.at(self._highest_name, pair[named], rows.name[named])
        served = rows.service >= 0
        self._count_services(pack(pair[served], rows.service[served], SERVICE_BITS))
        return pair

    def forget(self, pair: Ints, named: Bools) -> None:
        """Takes back connections that turned out to be duplicates."""
        self._conns -= np.bincount(pair, minlength=len(self._conns))
        self._named -= np.bincount(pair[named], minlength=len(self._conns))

    def _grow(self, size: int) -> None:
        more = size - len(self._conns)
        self._conns = np.append(self._conns, np.zeros(more, dtype=np.int64))
        self._named = np.append(self._named, np.zeros(more, dtype=np.int64))
        self._first_us = np.append(self._first_us, np.full(more, np.iinfo(np.int64).max))
        self._lowest_name = np.append(self._lowest_name, np.full(more, NO_NAME))
        self._highest_name = np.append(self._highest_name, np.full(more, -1, dtype=np.int64))

    def _count_services(self, keys: Ints) -> None:
        distinct, counts = np.unique(keys, return_counts=True)
        self._services.append((distinct, counts))
        if len(self._services) >= 16:
            self._services = [self._service_counts()]

    def _service_counts(self) -> tuple[Ints, Ints]:
        keys = np.concatenate([keys for keys, _ in self._services] or [np.zeros(0, dtype=np.int64)])
        counts = np.concatenate([counts for _, counts in self._services] or [np.zeros(0, dtype=np.int64)])
        distinct, inverse = np.unique(keys, return_inverse=True)
        total = np.zeros(len(distinct), dtype=np.int64)
        np.add.at(total, inverse, counts)
        return distinct, total

    def pairs(
        self,
        rows: PairRows | None,
        hosts: Sequence[str],
        names: Sequence[str],
        services: Sequence[str],
    ) -> Pairs:
        """The batch of all pairs, sorted by key. `rows`: their observations by pair and start."""
        if rows is None:
            return Pairs.empty()
        endpoints, keys = self._endpoints.keys(), self._pairs.keys()
        orig, endpoint = unpack(keys, ENDPOINT_BITS)
        responder, port_and_proto = unpack(endpoints[endpoint], PORT_BITS + PROTO_BITS)
        port, proto = unpack(port_and_proto, PROTO_BITS)
        by_name = (responder & 1).astype(np.bool_)
        host_texts, name_texts = _texts(hosts), _texts(names)
        resp = np.where(
            by_name, _pick(name_texts, responder >> 1, by_name), _pick(host_texts, responder >> 1, ~by_name)
        )
        orig_h = host_texts[orig]
        one_name = (self._lowest_name == self._highest_name) & (self._named > 0)
        counts = np.bincount(rows.pair, minlength=len(keys))
        ends = np.cumsum(counts)
        addr = host_texts[rows.addr[ends - 1]]
        unsorted = Pairs(
            orig_h=orig_h,
            resp=resp,
            resp_p=port,
            proto=_texts(PROTOS)[proto],
            addr=addr,
            service=self._most_frequent_service(len(keys), services),
            server_name=np.where(one_name, _pick(name_texts, self._highest_name, one_name), ""),
            conns=self._conns,
            named=self._named,
            first_ts=self._first_us / MICROSECONDS,
            resp_hosts=_hosts_per_responder(orig, responder),
            site_hosts=np.full(len(keys), float(len(np.unique(orig)))),
            offsets=np.concatenate(([0], ends)),
            start=rows.start_us / MICROSECONDS,
            duration=rows.duration,
            orig_bytes=rows.orig_bytes,
            resp_bytes=rows.resp_bytes,
            state=rows.state,
        )
        return unsorted.take(np.lexsort((proto, port, _ranks(resp), _ranks(orig_h))))

    def _most_frequent_service(self, n: int, services: Sequence[str]) -> NDArray[np.object_]:
        keys, counts = self._service_counts()
        result = np.full(n, "", dtype=np.object_)
        pair, service = unpack(keys, SERVICE_BITS)
        texts = _texts(services)
        order = np.lexsort((-_ranks(texts)[service], counts, pair)) if len(keys) else np.zeros(0, dtype=np.int64)
        result[pair[order]] = texts[service[order]] if len(keys) else ""  # the last one written wins: the most frequent
        return result


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


def _ranks(texts: NDArray[np.object_]) -> Ints:
    distinct = {text: rank for rank, text in enumerate(sorted(set(texts)))}
    return np.fromiter((distinct[text] for text in texts), dtype=np.int64, count=len(texts))


def _hosts_per_responder(orig: Ints, responder: Ints) -> Floats:
    """Distinct originators of each pair's responder, on whatever port."""
    talks = np.unique(pack(responder, orig, HOST_BITS))
    responders, hosts = np.unique(unpack(talks, HOST_BITS)[0], return_counts=True)
    counts: Floats = hosts[np.searchsorted(responders, responder)].astype(np.float64)
    return counts
