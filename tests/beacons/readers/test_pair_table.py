"""Keys packed into integers, and the columns that pairs are made of."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from zeek_beacons.pairs import PROTOS, Ints
from zeek_beacons.readers.columns import Connections, PairRows, joined
from zeek_beacons.readers.keys import (
    ENDPOINT_BITS,
    HOST_BITS,
    PORT_BITS,
    PROTO_BITS,
    SERVICE_BITS,
    pack,
    unpack,
)
from zeek_beacons.readers.pair_table import PairTable, Spelled, by_pair_and_start


def ints(*values: int) -> Ints:
    return np.array(values, dtype=np.int64)


WIDTHS = (PROTO_BITS, PORT_BITS, PORT_BITS + PROTO_BITS, SERVICE_BITS, HOST_BITS, ENDPOINT_BITS)


@pytest.mark.parametrize("bits", WIDTHS)
def test_numbers_up_to_the_limit_come_back(bits: int) -> None:
    highest, lowest = (1 << 63 - bits) - 1, (1 << bits) - 1
    high, low = ints(0, highest, 0, highest), ints(0, 0, lowest, lowest)
    packed = pack(high, low, bits)
    assert len(np.unique(packed)) == 4
    assert packed.min() == 0
    assert [part.tolist() for part in unpack(packed, bits)] == [high.tolist(), low.tolist()]


@pytest.mark.parametrize("bits", WIDTHS)
def test_a_number_over_the_limit_is_no_key(bits: int) -> None:
    for high, low in ((1 << 63 - bits, 0), (0, 1 << bits), (-1, 0), (0, -1)):
        with pytest.raises(OverflowError, match=r"numbers from .* do not fit \d+ bits"):
            pack(ints(0, high), ints(0, low), bits)


def test_no_numbers_fit() -> None:
    assert len(pack(ints(), ints(), 8)) == 0


def connections(**columns: Ints) -> Connections:
    """Rows that differ in these columns only."""
    n = len(next(iter(columns.values())))
    nothing = {
        **dict.fromkeys(("start_us", "orig_h", "orig_p", "resp_h", "resp_p", "proto"), np.zeros(n, dtype=np.int64)),
        **dict.fromkeys(("service", "name", "certificate", "client", "hit"), np.full(n, -1)),
        **dict.fromkeys(("duration", "orig_bytes", "resp_bytes"), np.zeros(n)),
        **dict.fromkeys(("state", "half"), np.zeros(n, dtype=np.uint8)),
        "reach_us": np.full(n, -2),
        "process": np.full(n, -1),
        "traits": np.empty((n, 0), dtype=np.int64),
    }
    return Connections(**(nothing | columns))


LAST = 2**HOST_BITS - 1  # the last host there is room for


@pytest.mark.parametrize(
    ("column", "values"),
    [("orig_h", (0, LAST)), ("resp_h", (0, LAST)), ("resp_p", (0, 65_535)), ("proto", (0, 2)), ("name", (0, LAST))],
)
def test_pairs_at_the_limits_are_told_apart(column: str, values: tuple[int, int]) -> None:
    table = PairTable()
    by_name = np.full(4, column == "name")
    pair = table.add(connections(**{column: ints(*values, *values)}), by_name, np.full(4, -1))
    assert pair[0] != pair[1]
    assert pair[:2].tolist() == pair[2:].tolist()


@pytest.mark.parametrize(
    ("column", "value"), [("orig_h", LAST + 1), ("resp_p", 65_536), ("proto", 4), ("service", 2**24)]
)
def test_what_does_not_fit_is_never_another_pair(column: str, value: int) -> None:
    with pytest.raises(OverflowError):
        PairTable().add(connections(**{column: ints(value)}), np.zeros(1, dtype=np.bool_), ints(-1))


def pair_rows(pairs: Ints, starts: Ints) -> PairRows:
    n = len(pairs)
    return PairRows(
        pair=pairs.astype(np.int32),
        start_us=starts,
        duration=np.zeros(n),
        orig_bytes=np.arange(n, dtype=np.float64),
        resp_bytes=np.zeros(n),
        state=np.zeros(n, dtype=np.uint8),
        orig_p=np.zeros(n, dtype=np.int32),
        addr=np.zeros(n, dtype=np.int32),
        name=np.full(n, -1, dtype=np.int32),
        by_name=np.zeros(n, dtype=np.bool_),
        dns=np.full(n, -1, dtype=np.int32),
    )


def test_the_order_holds_beyond_sixteen_bits_of_pairs() -> None:
    rng = np.random.default_rng(1)
    pairs, starts = rng.integers(0, 2**31 - 1, 5000), rng.integers(-(2**50), 2**50, 5000)
    pairs[:1000], starts[:500] = pairs[1000:2000], starts[1000:1500]
    rows = pair_rows(pairs, starts)
    assert np.array_equal(by_pair_and_start(rows), np.lexsort((rows.orig_bytes, starts, pairs)))


def test_joining_uses_the_parts_up() -> None:
    parts = [pair_rows(ints(1, 2), ints(10, 20)), pair_rows(ints(3), ints(30))]
    whole = joined(parts)
    assert (whole.pair.tolist(), whole.start_us.tolist(), parts) == ([1, 2, 3], [10, 20, 30], [])
    assert joined([whole], ints(2, 0)).pair.tolist() == [3, 1]


def test_ties_are_settled_by_all_that_describes() -> None:
    rng = np.random.default_rng(3)
    n = 4000
    rows = PairRows(
        pair=rng.integers(0, 200_000, 40).astype(np.int32)[rng.integers(0, 40, n)],
        start_us=rng.integers(0, 3, n),
        duration=rng.integers(0, 2, n).astype(np.float64),
        orig_bytes=rng.integers(0, 2, n).astype(np.float64),
        resp_bytes=rng.integers(0, 2, n).astype(np.float64),
        state=rng.integers(0, 2, n).astype(np.uint8),
        orig_p=np.arange(n, dtype=np.int32)[::-1].copy(),
        addr=np.zeros(n, dtype=np.int32),
        name=np.full(n, -1, dtype=np.int32),
        by_name=np.zeros(n, dtype=np.bool_),
        dns=np.full(n, -1, dtype=np.int32),
    )
    keys = (rows.orig_p, rows.state, rows.resp_bytes, rows.orig_bytes, rows.duration, rows.start_us, rows.pair)
    assert np.array_equal(by_pair_and_start(rows), np.lexsort(keys))


def majority(names: Ints) -> tuple[str, int]:
    carried = Counter(names[names >= 0].tolist())
    top, conns = max(carried.items(), key=lambda item: item[1], default=(-1, 0))
    return (NAMES[top], conns) if 2 * conns > carried.total() else ("", 0)


HOSTS = [f"192.0.2.{number}" for number in (9, 3, 7, 1, 5)]
NAMES = ["b.example", "a.example", "c.example"]
SERVICES = ["ssl", "http", "dns"]
TEXTS = Spelled(HOSTS, NAMES, SERVICES, NAMES)
LOCAL_HOSTS = HOSTS[:2]
LOCAL = LOCAL_HOSTS.__contains__
NONE = np.full(4, -1)  # not looked up


def counted(batches: int, rows: int, seed: int) -> tuple[PairTable, list[tuple[Connections, Ints]], PairRows]:
    """A table that saw some batches, the batches, and an observation of each pair."""
    rng, table, seen = np.random.default_rng(seed), PairTable(), []
    observed: dict[int, int] = {}
    for _ in range(batches):
        given = connections(
            start_us=rng.integers(1, 10**9, rows),
            orig_h=rng.integers(0, 3, rows),
            resp_h=rng.integers(0, len(HOSTS), rows),
            resp_p=rng.choice([53, 443], rows),
            proto=rng.integers(0, 2, rows),
            service=rng.integers(-1, len(SERVICES), rows),
            name=np.where(rng.random(rows) < 0.7, -1, rng.integers(0, len(NAMES), rows)),
        )
        dns = np.where(rng.random(rows) < 0.5, -1, rng.integers(0, len(NAMES), rows))
        pairs = table.add(given, np.zeros(rows, dtype=np.bool_), dns)
        seen.append((given, dns))
        observed |= dict(zip(pairs.tolist(), given.resp_h.tolist(), strict=True))
    one_each = pair_rows(ints(*range(len(observed))), ints(*range(len(observed))))
    return table, seen, replace(one_each, addr=np.array([observed[n] for n in range(len(observed))], dtype=np.int32))


@pytest.mark.parametrize("batches", [1, 40])
def test_totals_are_those_of_all_connections(batches: int) -> None:
    table, seen, rows = counted(batches, 60, seed=batches)
    pairs = table.pairs(rows, TEXTS, LOCAL)
    columns = [np.concatenate([getattr(given, name) for given, _ in seen]) for name in ("orig_h", "resp_h", "resp_p")]
    proto, start, service, name = (
        np.concatenate([getattr(given, name) for given, _ in seen]) for name in ("proto", "start_us", "service", "name")
    )
    dns = np.concatenate([names for _, names in seen])
    expected = []
    for key in sorted({(HOSTS[o], HOSTS[r], p, PROTOS[k]) for o, r, p, k in zip(*columns, proto, strict=True)}):
        host, responder, port, kind = key
        own = (columns[0] == HOSTS.index(host)) & (columns[1] == HOSTS.index(responder))
        own &= (columns[2] == port) & (proto == PROTOS.index(kind))
        top, name_conns = majority(name[own])
        dns_top, _ = majority(dns[own])
        served = Counter(SERVICES[code] for code in service[own & (service >= 0)])
        expected.append(
            (
                *key,
                own.sum(),
                (name[own] >= 0).sum(),
                *(top, name_conns, dns_top, (dns[own] >= 0).sum()),
                *(host in LOCAL_HOSTS, responder in LOCAL_HOSTS),
                min(served, key=lambda text: (-served[text], text)) if served else "",
                start[own].min() / 1e6,
                len(set(columns[0][columns[1] == HOSTS.index(responder)].tolist())),
                len(set(columns[0].tolist())),
            )
        )
    found = zip(
        *(pairs.orig_h, pairs.resp, pairs.resp_p, pairs.proto, pairs.conns, pairs.named),
        *(pairs.server_name, pairs.name_conns, pairs.dns_name, pairs.dns_named, pairs.orig_local, pairs.resp_local),
        *(pairs.service, pairs.first_ts, pairs.resp_hosts, pairs.site_hosts),
        strict=True,
    )
    assert list(found) == expected


@pytest.mark.parametrize("name", [0, 1])
def test_the_one_name_of_a_pair_is_kept_whatever_its_number(name: int) -> None:
    table = PairTable()
    table.add(connections(name=ints(name, -1, name)), np.zeros(3, dtype=np.bool_), NONE[:3])
    pairs = table.pairs(pair_rows(ints(0), ints(5)), TEXTS, LOCAL)
    assert (pairs.server_name.tolist(), pairs.name_conns.tolist()) == ([NAMES[name]], [2])


@pytest.mark.parametrize(
    ("names", "top", "conns"),
    [((0, 0, 1), 0, 2), ((0, 1), None, 0), ((0, 0, 1, 2), None, 0), ((1, -1, -1), 1, 1), ((0, 1, 1, -1), 1, 2)],
)
def test_the_name_of_a_pair_is_that_of_more_than_half_of_the_named(
    names: tuple[int, ...], top: int | None, conns: int
) -> None:
    table = PairTable()
    for name in names:  # over as many batches
        table.add(connections(name=ints(name)), np.zeros(1, dtype=np.bool_), NONE[:1])
    pairs = table.pairs(pair_rows(ints(0), ints(5)), TEXTS, LOCAL)
    assert pairs.server_name.tolist() == ["" if top is None else NAMES[top]]
    assert pairs.name_conns.tolist() == [conns]
    assert not pairs.is_twin.any()


def test_the_share_of_named_tls_servers_counts_addresses() -> None:
    def share(servers: int, named: int) -> float:
        number = np.arange(servers)
        table, dark = PairTable(), np.full(servers, -1)
        for port in (443, 8443):
            name = np.where((number < named) & (port == 443), 0, -1)
            rows = connections(resp_h=number, resp_p=np.full(servers, port), service=np.zeros_like(number), name=name)
            table.add(rows, np.zeros(servers, dtype=np.bool_), dark)
        table.add(connections(resp_h=number, service=np.ones_like(number), name=number * 0), dark < -1, dark)
        texts = Spelled([f"192.0.2.{host}" for host in range(servers)], NAMES, ["smtp,ssl", "http"])
        pairs = table.pairs(pair_rows(np.arange(3 * servers), np.arange(3 * servers)), texts, LOCAL)
        assert len(set(pairs.site_tls_named.tolist())) == 1 or np.isnan(pairs.site_tls_named).all()
        return float(pairs.site_tls_named[0])

    assert share(20, 5) == 0.25
    assert share(10, 10) == 1.0
    assert np.isnan(share(9, 9))


def test_pairs_by_name_are_beside_those_by_address() -> None:
    table = PairTable()
    given = connections(name=ints(1, 1, -1), resp_h=ints(2, 3, 2))
    assert table.add(given, np.array([True, True, False]), NONE[:3]).tolist() == [0, 0, 1]
    rows = replace(pair_rows(ints(0, 0, 1), ints(1, 2, 3)), addr=np.array([2, 3, 2], dtype=np.int32))
    pairs = table.pairs(rows, TEXTS, LOCAL)
    assert pairs.resp.tolist() == [HOSTS[2], NAMES[1]]
    assert pairs.addr.tolist() == [HOSTS[2], HOSTS[3]]
    assert pairs.counts.tolist() == [1, 2]


def test_forgotten_connections_do_not_count() -> None:
    table = PairTable()
    name, dns = ints(0, 0, -1, 1), ints(2, 1, -1, 1)
    pair = table.add(connections(name=name, resp_h=ints(1, 1, 1, 2)), np.zeros(4, dtype=np.bool_), dns)
    twice = replace(pair_rows(pair[1:3], ints(0, 0)), name=name[1:3].astype(np.int32), dns=dns[1:3].astype(np.int32))
    table.forget(twice)
    pairs = table.pairs(pair_rows(ints(0, 1), ints(1, 1)), TEXTS, LOCAL)
    assert dict(zip(pairs.named.tolist(), pairs.conns.tolist(), strict=True)) == {1: 1}
    assert pairs.conns.tolist() == [1, 1]
    assert sorted(zip(pairs.server_name, pairs.name_conns.tolist(), pairs.dns_name, strict=True)) == [
        (NAMES[1], 1, NAMES[1]),
        (NAMES[0], 1, NAMES[2]),
    ]
