"""The channel of dns.log: what is asked for under each domain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeek_beacons import traits
from zeek_beacons.config import Config
from zeek_beacons.pairs import OBSERVATION_COLUMNS, PAIR_COLUMNS, STATE_CODE, STATES, Pairs
from zeek_beacons.readers import Request, dns_asked, dns_channel, dns_queries, read
from zeek_beacons.readers.channel_rows import ChannelCollector
from zeek_beacons.readers.dns_asked import MOST_NAMES, NamesAsked, entropy, share, usual
from zeek_beacons.readers.dns_channel import has_server
from zeek_beacons.readers.ingest import Ingest

from .logs import T0, conn

DNS = {"id.orig_h": "10.0.0.5", "id.orig_p": 40_000, "id.resp_h": "10.0.0.53", "id.resp_p": 53, "uid": "D1", "Z": 0}


def asks(number: float, name: str, **more: Any) -> dict[str, Any]:
    """A query that is answered."""
    made = {"ts": T0 + 60.0 * number, "proto": "udp", "query": name, "qtype_name": "A", "rtt": 0.02, "rcode": 0}
    given = DNS | made | {"answers": ["45.0.0.9"]} | more
    return {name: value for name, value in given.items() if value is not None}


def read_both(folder: Path, conns: list[dict[str, Any]], queries: list[dict[str, Any]]) -> tuple[Pairs, Ingest]:
    for name, rows in (("conn", conns), ("dns", queries)):
        (folder / f"{name}.log").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read(Request([str(folder / "conn.log")]), Config())


def of_dns(pairs: Pairs) -> Pairs:
    return pairs.take(pairs.channel == "dns")


def test_queries_are_pairs_of_client_and_domain(tmp_path: Path) -> None:
    queries = [asks(n, f"x{n}.A.c2.example", qtype_name="TXT", answers=["TXT 4 abcd", "TXT 1 \\x00"]) for n in range(6)]
    queries += [asks(6, "c2.EXAMPLE.", rtt=None, rcode=None, answers=None)]
    queries += [asks(n, "www.shop.co.uk", **{"id.resp_p": 5300, "proto": "tcp"}) for n in range(3)]
    pairs = of_dns(read_both(tmp_path, [conn(0.0)], queries)[0])
    assert pairs.keys() == [
        ("10.0.0.5", "c2.example", 53, "udp", "dns"),
        ("10.0.0.5", "shop.co.uk", 5300, "tcp", "dns"),
    ]
    assert pairs.addr.tolist() == ["10.0.0.53"] * 2
    assert pairs.service.tolist() == ["dns"] * 2
    assert not pairs.resp_local.any()
    assert pairs.conns.tolist() == [7, 3]
    assert pairs.names_asked.tolist() == [7, 1]
    assert pairs.names_length.tolist() == [6 * 15 + 10, 3 * 0 + 14]
    assert pairs.for_addresses.tolist() == [1, 3]
    assert pairs.orig_bytes[:7].tolist() == [15] * 6 + [10]
    assert pairs.resp_bytes[:6].tolist() == [10 + 7] * 6
    assert np.isnan([pairs.resp_bytes[6], pairs.duration[6]]).all()
    assert pairs.duration[0] == 0.02
    assert [STATES[state] for state in pairs.state[:7]] == ["SF"] * 6 + ["S0"]


@pytest.mark.parametrize(
    ("name", "port"),
    [
        ("wpad", 53),
        ("1.0.0.10.in-addr.arpa", 53),
        ("b.ip6.arpa", 53),
        ("wpad.localdomain", 53),
        ("printer.local", 5353),
        ("host.corp", 5355),
        ("some.name", 137),
        ("45.0.0.9", 53),
        ("", 53),
    ],
)
def test_what_is_nobodys_server_is_no_pair(name: str, port: int, tmp_path: Path) -> None:
    queries = [asks(n, name, **{"id.resp_p": port}) for n in range(8)]
    assert not len(of_dns(read_both(tmp_path, [conn(0.0)], queries)[0]))


def test_a_log_that_does_not_tell_of_answers_leaves_them_unknown(tmp_path: Path) -> None:
    queries = [asks(n, "a.c2.example", rtt=None, rcode=None, answers=None, Z=None, qtype_name=None) for n in range(3)]
    pairs = of_dns(read_both(tmp_path, [conn(0.0)], queries)[0])
    assert pairs.state.tolist() == [0] * 3
    assert np.isnan(pairs.resp_bytes).all()
    assert pairs.for_addresses.tolist() == [0]


def test_connections_under_the_domain_are_counted(tmp_path: Path) -> None:
    queries = [asks(n, "www.shop.example") for n in range(4)]
    conns = [conn(60.0 * n + 1, **{"id.orig_h": "10.0.0.5", "id.resp_h": "45.0.0.9"}) for n in range(4)]
    conns += [conn(60.0 * n + 2, **{"id.orig_h": "10.0.0.5", "id.resp_h": "45.0.0.10"}) for n in range(4)]
    pairs = of_dns(read_both(tmp_path, conns, queries)[0])
    assert pairs.connected.tolist() == [4]


def test_answers_with_thousands_of_records_count_for_a_message_at_most(tmp_path: Path) -> None:
    queries = [asks(n, f"n{n}.c2.example", answers=["T" * 250] * 4_000) for n in range(3)]
    pairs = of_dns(read_both(tmp_path, [conn(0.0)], queries)[0])
    assert pairs.resp_bytes.tolist() == [dns_queries.LARGEST_ANSWER] * 3


def test_a_great_many_names_are_counted_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    queries = [asks(n / 100, f"n{n:06d}.c2.example") for n in range(20_000)]
    pairs = of_dns(read_both(tmp_path, [conn(0.0)], queries)[0])
    assert pairs.conns.tolist() == [20_000]
    assert pairs.counts.tolist() == [Config().max_observations]
    assert pairs.names_asked.tolist() == [MOST_NAMES]
    assert pairs.names_length.tolist() == [MOST_NAMES * 18]
    monkeypatch.setattr(dns_asked, "MOST_NAMES_HELD", 100)
    pairs, ingest = read_both(tmp_path, [conn(0.0)], queries[:150])
    assert of_dns(pairs).names_asked.tolist() == [100]
    assert any("50 names beyond 100 are not told apart" in note for note in ingest.notes)


def test_what_is_asked_for_and_answered_is_told(tmp_path: Path) -> None:
    kinds = ["TXT"] * 5 + ["A"] * 3
    queries = [asks(n, f"{'ab'[n % 2]}.{'cd'[n // 4]}.c2.example", qtype_name=kind) for n, kind in enumerate(kinds)]
    queries += [asks(8, "c2.example", qtype_name=None, rcode=3), asks(9, "c2.example", rcode=None, rtt=None)]
    pairs = of_dns(read_both(tmp_path, [conn(0.0)], queries)[0])
    assert traits.read(pairs.traits[0]) == {
        "server_first_seen": "2026-01-01",
        "dns_types": "TXT 56 %, A 44 %",
        "dns_entropy": "2.0",
        "dns_nxdomain": "11",
        "dns_unanswered": "10",
    }
    assert pairs.for_addresses.tolist() == [4]


def test_what_a_log_does_not_tell_is_no_trait(tmp_path: Path) -> None:
    queries = [asks(n, "c2.example", rtt=None, rcode=None, answers=None, Z=None, qtype_name=None) for n in range(3)]
    assert of_dns(read_both(tmp_path, [conn(0.0)], queries)[0]).traits.tolist() == [""]


def test_types_of_a_pair_are_bounded_and_hostile_ones_are_escaped(tmp_path: Path) -> None:
    queries = [asks(n, "c2.example", qtype_name=f"query-{n:05d}") for n in range(20)]
    queries += [asks(20 + n, "c2.example", qtype_name="\n" + "x" * 999) for n in range(36)]
    queries += [asks(60 + n, "c2.example") for n in range(4)]
    queries += [asks(n, "b.example", qtype_name="\n" + "x" * 999) for n in range(4)]
    found = [traits.read(text)["dns_types"] for text in of_dns(read_both(tmp_path, [conn(0.0)], queries)[0]).traits]
    assert found == [
        "\\x0a" + "x" * 23 + " 100 %",
        "A 7 %, query-00000 2 %, query-00001 2 %, query-00002 2 %",
    ]


@pytest.mark.parametrize(
    ("parts", "bits"),
    [
        (["aaaa."], "0.0"),
        (["ab."], "1.0"),
        (["a.", "b.", "c.", "d."], "2.0"),
        (["aaaabbcd"], "1.8"),  # 1.75
        (["www."], "0.0"),
        (["", "."], ""),
        ([], ""),
    ],
)
def test_entropy_is_of_all_names_together(parts: list[str], bits: str) -> None:
    assert entropy(parts) == bits


def test_shares_are_whole_percents() -> None:
    assert [share(1, 3), share(1, 200), share(0, 5), share(3, 3), share(0, 0)] == ["33", "1", "0", "100", ""]
    assert (
        usual({"A": 1, "TXT": 3, "": 4, "MX": 1, "NS": 1, "SOA": 1, "NULL": 2}) == "TXT 23 %, NULL 15 %, A 8 %, MX 8 %"
    )
    assert usual({}) == ""


ROWS = st.lists(
    st.tuples(
        st.sampled_from(("10.0.0.5", "10.0.0.6")),
        st.sampled_from(("c2.example", "b.co.uk")),
        st.integers(0, 400),
        st.integers(0, 50),
        st.sampled_from(("A", "TXT")),
    ),
    min_size=30,
    max_size=300,
)


@given(rows=ROWS, seed=st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=40)
def test_rows_in_any_order_and_in_any_parts_give_the_same_pairs(rows: list[Any], seed: Any) -> None:
    def made(given: list[Any], size: int) -> Pairs:
        collector, asked = ChannelCollector(Config(), "dns", lambda _: True), NamesAsked()
        for begin in range(0, len(given), size):
            part = _queries(given[begin : begin + size])
            taken = dns_channel.rows_of(part)
            asked.take(taken, part)
            collector.take(taken)
        return dns_channel.told(asked, collector.pairs(), Pairs.empty())

    mixed = list(rows)
    seed.shuffle(mixed)
    with mock.patch.object(dns_asked, "MOST_NAMES", 2):
        one, other = made(rows, len(rows)), made(mixed, 7)
    assert one.keys() == other.keys()
    for name in (*PAIR_COLUMNS, *OBSERVATION_COLUMNS):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def _queries(rows: list[Any]) -> dns_queries.Queries:
    client, domain, number, at, kind = (np.array(column, dtype=np.object_) for column in zip(*rows, strict=True))
    n = len(rows)
    names = [f"{'n' * (one % 9 + 1)}{one}.{of}" for one, of in zip(number, domain, strict=True)]
    return dns_queries.Queries(
        start=T0 + at.astype(np.float64),
        orig_h=client,
        resp_h=np.full(n, "10.0.0.53", dtype=np.object_),
        resp_p=np.full(n, 53, dtype=np.int64),
        proto=np.full(n, "udp", dtype=np.object_),
        name=np.array(names, dtype=np.object_),
        kind=kind,
        no_such_name=number % 3 == 0,
        rtt=np.full(n, 0.02),
        answer_bytes=number.astype(np.float64),
        state=np.where(number % 4 == 1, STATE_CODE["S0"], STATE_CODE["SF"]).astype(np.uint8),
    )


def test_a_name_without_a_domain_has_no_server() -> None:
    assert has_server("c2.example")
    assert not has_server("arpa")
    assert not has_server("")
