"""Which pair each connection belongs to, and what is counted over all connections of a pair."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.keys import CONN, Key
from zeek_beacons.pairs import CHANNEL_FACTS, MICROSECONDS, PROTOS, Bools, Floats, Ints, Pairs, Strings
from zeek_beacons.readers.certificates import Certificates
from zeek_beacons.readers.columns import Connections, PairRows
from zeek_beacons.readers.keys import (
    ENDPOINT_BITS,
    HOST_BITS,
    NAME_BITS,
    PORT_BITS,
    PROTO_BITS,
    SERVICE_BITS,
    TENURE_BITS,
    Numbering,
    Tally,
    pack,
    unpack,
)
from zeek_beacons.readers.presented import (
    Presented,
    certificate_columns,
    certificate_traits,
    client_columns,
    presented_texts,
)
from zeek_beacons.readers.processes import process_columns
from zeek_beacons.readers.rarity import Ends, rarity
from zeek_beacons.readers.traits import PairTraits, Told, trait_column
from zeek_beacons.readers.web_clients import WebClients

_RADIX = 1 << 16
MIN_TLS = 10  # TLS servers below which a share of them says nothing
TLS = "ssl"  # the service of conn.log, alone or among others


@dataclass(frozen=True, slots=True)
class Spelled:
    """The texts behind the numbers."""

    hosts: Sequence[str]
    names: Sequence[str]
    services: Sequence[str]
    dns_names: Sequence[str] = ()
    certificates: Certificates = field(default_factory=Certificates.none)
    clients: WebClients = field(default_factory=WebClients.none)
    hits: Sequence[str] = ()
    traits: Sequence[Told] = ()
    processes: Sequence[str] = ()  # see processes.py


@dataclass(frozen=True, slots=True, eq=False)
class Totals:
    """What is counted of pairs, (pairs,) each; texts are numbers."""

    orig: Ints
    responder: Ints  # an address, or a name where `by_name`
    by_name: Bools
    port: Ints
    proto: Ints
    conns: Ints
    named: Ints
    first_us: Ints
    services: tuple[Ints, Ints, Ints]  # pairs, texts and connections, by pair
    names: tuple[Ints, Ints, Ints]  # the same of pairs by address


class PairTable:
    """The pairs seen so far and their totals. Responders by name are numbered beside those by address."""

    def __init__(self, traits: int = 0) -> None:
        """`traits`: sources of traits, columns of `Connections.traits`."""
        self._tenants: Numbering | None = None  # originator and tenure, where connections are told apart by these
        self._endpoints = Numbering()  # responder, port, protocol
        self._pairs = Numbering()  # originator, endpoint
        self._conns = np.zeros(0, dtype=np.int64)
        self._named = np.zeros(0, dtype=np.int64)
        self._dns_named, self._dns_known = np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.bool_)
        self._first_us = np.zeros(0, dtype=np.int64)
        self._services, self._names, self._dns_names = Tally(SERVICE_BITS), Tally(NAME_BITS), Tally(NAME_BITS)
        self._certificates, self._clients, self._processes = Presented(), Presented(), Presented()
        self._hits = Presented()
        self._traits = [Presented() for _ in range(traits)]  # by source

    def add(self, rows: Connections, by_name: Bools, dns: Ints, tenure: Ints | None = None) -> Ints:
        """Counts connections and returns the pair of each; `by_name` rows are keyed by their server name.

        `dns`: the number of the name that each one's address was looked up by, -1: none, -2: not known.
        `tenure`: of each one's originator, see owners.py; given always or never.
        """
        responder = np.where(by_name, rows.name * 2 + 1, rows.resp_h * 2)
        port_and_proto = pack(rows.resp_p, rows.proto, PROTO_BITS)
        endpoint = self._endpoints.codes(pack(responder, port_and_proto, PORT_BITS + PROTO_BITS))
        pair = self._pairs.codes(pack(self._tenant(rows.orig_h, tenure), endpoint, ENDPOINT_BITS))
        self._grow(len(self._pairs))
        self._count(pair, rows.name, by_name, dns, 1)
        self._dns_known[pair[dns >= -1]] = True
        np.minimum.at(self._first_us, pair, rows.start_us)
        self._services.add(pair, rows.service)
        self._certificates.add(pair, rows.start_us, rows.certificate, rows.resp_h)
        self._clients.add(pair, rows.start_us, rows.client, rows.orig_h)
        self._hits.add(pair, rows.start_us, rows.hit, rows.orig_h)
        for source, shown in enumerate(self._traits):
            shown.add(pair, rows.start_us, rows.traits[:, source], rows.orig_h)
        self._processes.add(pair, rows.start_us, rows.process, rows.orig_h)
        return pair

    def _tenant(self, orig_h: Ints, tenure: Ints | None) -> Ints:
        if tenure is None:
            return orig_h
        if self._tenants is None:
            self._tenants = Numbering()
        return self._tenants.codes(pack(orig_h, np.minimum(tenure, (1 << TENURE_BITS) - 1), TENURE_BITS))

    def _originators(self, tenant: Ints) -> tuple[Ints, Ints]:
        """The originator and the tenure behind such numbers."""
        if self._tenants is None:
            return tenant, np.zeros(len(tenant), dtype=np.int64)
        return unpack(self._tenants.keys()[tenant], TENURE_BITS)

    def stands(self) -> Bools:
        """Which pairs stand, (pairs,): of those of one key the one with most connections, of equal ones the latest."""
        tenant, endpoint = unpack(self._pairs.keys(), ENDPOINT_BITS)
        orig, tenure = self._originators(tenant)
        order = np.lexsort((tenure, self._conns, endpoint, orig))
        orig, endpoint = orig[order], endpoint[order]
        last = np.append((orig[1:] != orig[:-1]) | (endpoint[1:] != endpoint[:-1]), True)[: len(order)]
        stands = np.zeros(len(order), dtype=np.bool_)
        stands[order[last]] = True
        return stands

    def left_out(self) -> tuple[int, int]:
        """How many pairs had connections of another tenure, and how many such connections there were."""
        if self._tenants is None:
            return 0, 0
        stands = self.stands()
        tenant, endpoint = unpack(self._pairs.keys()[~stands], ENDPOINT_BITS)
        keys = pack(self._originators(tenant)[0], endpoint, ENDPOINT_BITS)
        return len(np.unique(keys)), int(self._conns[~stands].sum())

    def __len__(self) -> int:
        return len(self._conns)

    def used(self, kept: Bools, hosts: int, names: int) -> tuple[Bools, Bools]:
        """Which of so many hosts and names pairs under this mask have, by number."""
        tenant, endpoint = unpack(self._pairs.keys()[kept], ENDPOINT_BITS)
        responder = unpack(self._endpoints.keys()[endpoint], PORT_BITS + PROTO_BITS)[0]
        by_name = (responder & 1).astype(np.bool_)
        of_hosts, of_names = np.zeros(hosts, dtype=np.bool_), np.zeros(names, dtype=np.bool_)
        of_hosts[self._originators(tenant)[0]] = True
        of_hosts[responder[~by_name] >> 1] = True
        of_names[responder[by_name] >> 1] = True
        pair, name, _ = self._names.counts()
        of_names[name[kept[pair]]] = True
        return of_hosts, of_names

    def shown(self) -> list[Presented]:
        """What logs beside tell of connections: certificates, clients, hits, and traits by source."""
        return [self._certificates, self._clients, self._hits, *self._traits]

    def dns_names(self) -> Tally:
        """The names that addresses were looked up by."""
        return self._dns_names

    def keep(self, kept: Bools, host: Ints, name: Ints) -> Ints:
        """Forgets the pairs that are not under this mask. Returns the new number of each one, -1 where it is gone.

        `host`, `name`: the new number of each host and name, -1 where it is gone.
        """
        place: Ints = np.where(kept, np.cumsum(kept) - 1, -1)
        tenant, endpoint = unpack(self._pairs.keys()[kept], ENDPOINT_BITS)
        orig, tenure = self._originators(tenant)
        responder, port_and_proto = unpack(self._endpoints.keys()[endpoint], PORT_BITS + PROTO_BITS)
        by_name = (responder & 1).astype(np.bool_)
        at = responder >> 1
        responder = np.where(by_name, _at(name, at, by_name) * 2 + 1, _at(host, at, ~by_name) * 2)
        told = None if self._tenants is None else tenure
        self._tenants, self._endpoints, self._pairs = None, Numbering(), Numbering()
        endpoint = self._endpoints.codes(pack(responder, port_and_proto, PORT_BITS + PROTO_BITS))
        keys = pack(self._tenant(host[orig], told), endpoint, ENDPOINT_BITS)
        self._pairs = Numbering.of(keys)
        for column in ("_conns", "_named", "_dns_named", "_dns_known", "_first_us"):
            setattr(self, column, getattr(self, column)[kept])
        self._services.keep(place, None)
        self._names.keep(place, name)
        self._dns_names.keep(place, None)
        for shown in (self._certificates, self._clients, self._hits, self._processes, *self._traits):
            shown.keep(kept, host)
        return place

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
        self._certificates.grow(size)
        self._clients.grow(size)
        for shown in (self._hits, self._processes, *self._traits):
            shown.grow(size)

    def totals(self) -> Totals:
        """What was counted so far, to be added to what others counted of the same pairs."""
        tenant, endpoint = unpack(self._pairs.keys(), ENDPOINT_BITS)
        responder, port_and_proto = unpack(self._endpoints.keys()[endpoint], PORT_BITS + PROTO_BITS)
        port, proto = unpack(port_and_proto, PROTO_BITS)
        return Totals(
            orig=self._originators(tenant)[0],
            responder=responder >> 1,
            by_name=(responder & 1).astype(np.bool_),
            port=port,
            proto=proto,
            conns=self._conns,
            named=self._named,
            first_us=self._first_us,
            services=self._services.counts(),
            names=self._names.counts(),
        )

    def key_by_address(self, pair: int, hosts: Sequence[str]) -> Key:
        """The key of a pair by address, by its number."""
        tenant, endpoint = unpack(self._pairs.keys()[pair : pair + 1], ENDPOINT_BITS)
        orig, _ = self._originators(tenant)
        responder, port_and_proto = unpack(self._endpoints.keys()[endpoint], PORT_BITS + PROTO_BITS)
        port, proto = unpack(port_and_proto, PROTO_BITS)
        return hosts[int(orig[0])], hosts[int(responder[0]) >> 1], int(port[0]), PROTOS[int(proto[0])], CONN

    def pairs(self, rows: PairRows | None, spelled: Spelled, is_local: Callable[[str], bool]) -> Pairs:
        """The batch of all pairs that stand, sorted by key. `rows`: their observations by pair and start."""
        if rows is None:
            return Pairs.empty()
        endpoints, keys = self._endpoints.keys(), self._pairs.keys()
        tenant, endpoint = unpack(keys, ENDPOINT_BITS)
        orig, _ = self._originators(tenant)
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
            channel=np.full(len(keys), CONN, dtype=np.object_),
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
            **certificate_columns(spelled.certificates, self._certificates),
            **client_columns(spelled.clients, self._clients),
            intel=presented_texts(spelled.hits, self._hits.number),
            traits=self._trait_column(spelled, Ends(orig, addr, port, proto, by_name, ~local[len(keys) :])),
            **{fact: np.full(len(keys), np.nan) for fact in CHANNEL_FACTS},
            **process_columns(spelled.processes, self._processes),
            offsets=np.concatenate(([0], ends)),
            start=rows.start_us / MICROSECONDS,
            duration=rows.duration,
            orig_bytes=rows.orig_bytes,
            resp_bytes=rows.resp_bytes,
            state=rows.state,
        )
        order = np.lexsort((proto, port, _ranks(resp), _ranks(unsorted.orig_h)))
        return unsorted.take(order if self._tenants is None else order[self.stands()[order]])

    def _trait_column(self, spelled: Spelled, ends: Ends) -> Strings:
        told = [
            PairTraits(source.found, shown.number) for source, shown in zip(spelled.traits, self._traits, strict=True)
        ]
        agent = np.append(spelled.clients.agents, -1)[self._clients.number]
        certificates = certificate_traits(spelled.certificates, self._certificates)
        return trait_column([*told, *certificates, *rarity(ends, told, agent)], len(ends.orig))

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


def _at(numbers: Ints, index: Ints, wanted: Bools) -> Ints:
    """The numbers at these places, 0 where none is wanted."""
    found = np.zeros(len(index), dtype=np.int64)
    found[wanted] = numbers[index[wanted]]
    return found


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
