"""What names addresses were looked up by: dns.log joined by client, address and time."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zeek_beacons.pairs import Pairs
from zeek_beacons.readers import answers, files
from zeek_beacons.readers.ingest import Ingest

from . import logs
from .logs import T0, assert_same, conn, conns, json_log, tsv

DNS = (
    *("ts", "uid", "id.orig_h", "id.resp_h", "id.resp_p", "proto", "trans_id", "rtt", "query", "qtype_name", "rcode"),
    *("answers", "TTLs"),
)
HOUR, DAY = 3600.0, 86_400.0


def take(*given: Any, **request: Any) -> tuple[Pairs, Ingest]:
    """What is read of some inputs: the pairs by connection, which answers tell of. Queries are pairs of their own."""
    pairs, ingest = logs.take(*given, **request)
    return pairs.take(np.flatnonzero(pairs.channel == "conn")), ingest


def load(*given: Any, **request: Any) -> tuple[Pairs, Ingest]:
    """The same of one log that is written first."""
    pairs, ingest = logs.load(*given, **request)
    return pairs.take(np.flatnonzero(pairs.channel == "conn")), ingest


def answer(at: float, name: str | None = "a.example", *addresses: str, **given: Any) -> dict[str, Any]:
    """A query of 10.0.0.5 that is answered `at` seconds after T0."""
    found = addresses or ("203.0.113.9",)
    row: dict[str, Any] = {
        "ts": T0 + at - 0.25,
        "uid": f"D{at}",
        "id.orig_h": "10.0.0.5",
        "id.resp_h": "10.0.0.53",
        "id.resp_p": 53,
        "proto": "udp",
        "trans_id": 7,
        "rtt": 0.25,
        "query": name,
        "qtype_name": "A",
        "rcode": 0,
        "answers": list(found),
        "TTLs": [60.0] * len(found),
    }
    return row | {key.replace("__", "."): value for key, value in given.items()}


def named(folder: Path, rows: list[dict[str, Any]], *times: float, as_json: bool = False, **given: Any) -> Pairs:
    """The pairs of connections at these times, with this dns.log beside."""
    folder.mkdir(exist_ok=True)
    (folder / "dns.log").write_bytes(json_log(rows) if as_json else tsv(rows, DNS, "dns"))
    return load(folder, tsv(conns(times, **given)))[0]


def names_at(folder: Path, rows: list[dict[str, Any]], *times: float) -> list[str]:
    """The name of a connection at each of these times alone."""
    return [str(named(folder, rows, time).dns_name[0]) for time in times]


@pytest.mark.parametrize("as_json", [False, True])
def test_a_connection_has_the_name_that_was_asked_for_before(as_json: bool, tmp_path: Path) -> None:
    rows = [answer(-5.0, "WWW.Example.", "cdn.example.net", "203.0.113.8", "203.0.113.9")]
    pairs = named(tmp_path, rows, 0.0, 60.0, as_json=as_json)
    assert (pairs.dns_name[0], pairs.dns_named[0], pairs.named[0]) == ("www.example", 2, 0)
    assert not pairs.is_twin.any()


def test_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "dns.log").write_bytes(tsv([answer(-5.0)], DNS, "dns"))
    ingest = load(tmp_path, tsv(conns([0.0])))[1]
    assert ingest.files[str(tmp_path / "dns.log")] == "DNS answers"
    given = load(tmp_path / "else", tsv(conns([0.0])), name_logs=[str(tmp_path / "dns.log")])[0]
    assert given.dns_name.tolist() == ["a.example"]
    assert load(tmp_path, tsv(conns([0.0])), name_logs=[])[0].dns_name.tolist() == [""]


def test_the_newest_answer_by_the_start_counts(tmp_path: Path) -> None:
    rows = [answer(0.0, "a.example"), answer(100.0, "b.example"), answer(200.0, "a.example")]
    assert names_at(tmp_path, rows, -1.0, 0.0, 99.0, 100.0, 199.0, 200.0) == [
        "",
        *(f"{letter}.example" for letter in "aabba"),
    ]


@pytest.mark.parametrize(
    ("ttl", "lasts"), [(60.0, HOUR), (2 * HOUR, 2 * HOUR), (90 * DAY, DAY), (None, HOUR), (0.0, HOUR)]
)
def test_an_answer_holds_for_its_ttl_an_hour_at_least_and_a_day_at_most(
    ttl: float | None, lasts: float, tmp_path: Path
) -> None:
    rows = [answer(0.0, TTLs=None if ttl is None else [ttl])]
    assert names_at(tmp_path, rows, lasts, lasts + 0.000001) == ["a.example", ""]


def test_a_later_answer_ends_an_earlier_one_even_if_it_holds_for_less(tmp_path: Path) -> None:
    rows = [answer(0.0, TTLs=[DAY]), answer(10.0, TTLs=[60.0])]
    assert names_at(tmp_path, rows, HOUR + 10, HOUR + 11) == ["a.example", ""]


@pytest.mark.parametrize(
    "given",
    [
        {"id__orig_h": "10.0.0.6"},
        {"answers": None, "TTLs": None},
        {"qtype_name": "TXT"},
        {"query": None},
        {"query": "203.0.113.9"},
        {"answers": ["TXT 11 203.0.113.9"]},
    ],
)
def test_what_tells_nothing_of_the_address(given: dict[str, Any], tmp_path: Path) -> None:
    for as_json in (False, True):
        pairs = named(tmp_path, [answer(-5.0, **given)], 0.0, as_json=as_json)
        assert pairs.dns_name.tolist() == [""]
        assert np.isnan(pairs.dns_named).all()


@pytest.mark.parametrize(
    ("resolver", "server", "believed"),
    [
        ("45.0.0.53", "45.0.0.7", False),
        ("45.0.0.7", "45.0.0.7", False),
        ("45.0.1.53", "45.0.0.7", True),
        ("10.0.0.53", "10.0.0.9", True),  # a site's own name server knows its own hosts
        ("2a00:1:2:3::53", "2a00:1:2:3::7", False),
        ("2a00:1:2:4::53", "2a00:1:2:3::7", True),
    ],
)
def test_a_name_server_is_not_believed_about_its_own_network(
    resolver: str, server: str, believed: bool, tmp_path: Path
) -> None:
    for as_json in (False, True):
        rows = [answer(-5.0, "bank.example", server, id__resp_h=resolver)]
        pairs = named(tmp_path, rows, 0.0, as_json=as_json, id__resp_h=server)
        assert pairs.dns_name.tolist() == ["bank.example" if believed else ""]


def test_of_clients_that_got_answers_it_is_known_what_they_did_not_look_up(tmp_path: Path) -> None:
    rows = [answer(30.0, "a.example", "203.0.113.8")]
    assert named(tmp_path, rows, 29.0, 31.0).dns_named.tolist() == [0]
    assert named(tmp_path, rows, 30.0 + 2 * DAY).dns_named.tolist() == [0]
    assert np.isnan(named(tmp_path, rows, 29.0).dns_named).all()
    assert np.isnan(named(tmp_path, rows, 31.0, id__orig_h="10.0.0.6").dns_named).all()
    (tmp_path / "dns.log").unlink()
    assert np.isnan(load(tmp_path, tsv(conns([0.0])))[0].dns_named).all()


def test_contradictory_answers_of_one_moment_have_one_order(tmp_path: Path) -> None:
    rows = [answer(-5.0, name) for name in ("b.example", "c.example", "a.example")]
    for order in (rows, rows[::-1]):
        assert named(tmp_path, order, 0.0).dns_name.tolist() == ["c.example"]


def test_a_pair_has_the_name_of_more_than_half_of_those_that_have_one(tmp_path: Path) -> None:
    rows = [answer(0.0, "a.example"), answer(100.0, "b.example")]
    assert named(tmp_path, rows, -9.0, -8.0, 1.0, 2.0, 101.0).dns_name.tolist() == ["a.example"]
    both = named(tmp_path, rows, 1.0, 101.0)
    assert (both.dns_name.tolist(), both.dns_named.tolist()) == ([""], [2])


def test_a_pair_by_name_has_none(tmp_path: Path) -> None:
    (tmp_path / "ssl.log").write_bytes(json_log([{"ts": 1.0, "uid": "C0.0", "server_name": "sni.example"}]))
    pairs = named(tmp_path, [answer(-5.0)], 0.0)
    assert pairs.resp.tolist() == ["203.0.113.9", "sni.example"]
    assert pairs.dns_name.tolist() == ["a.example", ""]
    assert np.array_equal(pairs.dns_named, [1, np.nan], equal_nan=True)


def test_a_continued_connection_was_looked_up_before_its_first_piece(tmp_path: Path) -> None:
    first = conn(0.0, conn_state="S1", history="ShADad")
    later = conn(600.0, conn_state="SF", history="DadFf")
    (tmp_path / "dns.log").write_bytes(tsv([answer(-5.0), answer(300.0, "b.example")], DNS, "dns"))
    pairs = load(tmp_path, tsv([first, later]))[0]
    assert (pairs.conns.tolist(), pairs.dns_name.tolist(), pairs.dns_named.tolist()) == ([1], ["a.example"], [1])


def test_ipv6_and_spellings(tmp_path: Path) -> None:
    rows = [answer(-5.0, "six.example", "2001:DB8:0::9", qtype_name="AAAA", id__orig_h="2001:db8::5")]
    pairs = named(tmp_path, rows, 0.0, id__orig_h="2001:db8:0::5", id__resp_h="2001:db8::9")
    assert pairs.dns_name.tolist() == ["six.example"]


@pytest.mark.parametrize("as_json", [False, True])
def test_bad_lines_are_left_out(as_json: bool, tmp_path: Path) -> None:
    good = answer(-5.0)
    if as_json:
        bad = b'{"ts": 1, "trans_id": 1, "query": 7}\n{"trans_id": 2, "answers": "x"}\n{"answers": [1]}\n{"trans_id"\n'
        data = json_log([{"ts": 1.0, "trans_id": 1}]) + bad + json_log([good])
    else:
        data = tsv([good, good | {"ts": "x"}, good | {"TTLs": ["a", "b", "c"]}], DNS, "dns") + b"cut\toff"
    (tmp_path / "dns.log").write_bytes(data)
    assert load(tmp_path, tsv(conns([0.0])))[0].dns_name.tolist() == ["a.example"]


def test_a_log_without_the_columns_tells_nothing(tmp_path: Path) -> None:
    (tmp_path / "dns.json").write_bytes(json_log([{"ts": 1.0, "trans_id": 1, "query": "a.example"}]))
    (tmp_path / "dns.log").write_bytes(tsv([answer(-5.0)], [name for name in DNS if name != "answers"], "dns"))
    assert np.isnan(load(tmp_path, tsv(conns([0.0])))[0].dns_named).all()
    fewer = ("ts", "id.orig_h", "query", "answers")
    (tmp_path / "dns.log").write_bytes(tsv([answer(-5.0)], fewer, "dns"))
    assert load(tmp_path, tsv(conns([0.0])))[0].dns_named.tolist() == [1]


def test_a_name_of_a_megabyte_is_cut(tmp_path: Path) -> None:
    assert named(tmp_path, [answer(-5.0, "n" * 1_000_000)], 0.0).dns_name.tolist() == ["n" * 253]


def random_rows(n: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(1)
    return [
        answer(
            float(np.round(at, 3)),
            f"{'abc'[rng.integers(3)]}.example",
            f"203.0.113.{rng.integers(8, 11)}",
            id__orig_h=f"10.0.0.{rng.integers(4, 7)}",
            TTLs=[float(rng.choice([60, 7200]))],
        )
        for at in np.sort(rng.uniform(0, 40_000, n))
    ]


def brute_force(rows: list[dict[str, Any]], client: str, server: str, start: float) -> str:
    known = [row for row in rows if row["id.orig_h"] == client and server in row["answers"]]
    known = [row for row in known if row["ts"] + row["rtt"] <= start]
    if not known:
        return ""
    newest = max(known, key=lambda row: row["ts"])
    holds = min(max(newest["TTLs"][0], HOUR), DAY)
    return str(newest["query"]) if start - newest["ts"] - newest["rtt"] <= holds else ""


def test_many_answers_as_by_hand_whatever_the_order_and_the_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = random_rows(120)
    rng = np.random.default_rng(2)
    lines = [
        conn(float(at), id__orig_h=f"10.0.0.{rng.integers(4, 7)}", id__resp_h=f"203.0.113.{rng.integers(8, 11)}")
        | {"id.orig_p": 1024 + number, "id.resp_p": number + 1}
        for number, at in enumerate(rng.integers(0, 50_000, 300))
    ]
    (tmp_path / "dns.log").write_bytes(tsv(rows, DNS, "dns"))
    whole = load(tmp_path, tsv(lines))[0]
    expected = {
        line["id.resp_p"]: brute_force(rows, line["id.orig_h"], line["id.resp_h"], line["ts"]) for line in lines
    }
    assert dict(zip(whole.resp_p.tolist(), whole.dns_name.tolist(), strict=True)) == expected
    assert 60 < (whole.dns_name != "").sum() < 290
    order = np.random.default_rng(3).permutation(len(rows))
    (tmp_path / "dns.log").write_bytes(json_log([rows[row] for row in order]))
    assert_same(whole, load(tmp_path, tsv(lines))[0])
    monkeypatch.setattr(files, "BLOCK", 2000)
    monkeypatch.setattr(answers, "MOST", 40)
    monkeypatch.setattr(answers, "PENDING", 30)
    (tmp_path / "dns.log").write_bytes(tsv(rows[-40:], DNS, "dns"))
    few = load(tmp_path, tsv(lines))[0]
    (tmp_path / "dns.log").write_bytes(tsv(rows, DNS, "dns"))
    cut, ingest = load(tmp_path, tsv(lines))
    assert [note for note in ingest.notes if "DNS answers beyond 40" in note]
    found = set(zip(few.resp_p.tolist(), few.dns_name.tolist(), strict=True))
    assert found <= set(zip(cut.resp_p.tolist(), cut.dns_name.tolist(), strict=True)) | {
        (port, name) for port, name in found if name != expected[port]
    }


def test_ten_thousand_names_for_one_address_take_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "MOST", 1_000)
    monkeypatch.setattr(answers, "PENDING", 1_000)
    monkeypatch.setattr(files, "BLOCK", 1 << 17)
    rows = [answer(number - 10_000.0, f"n{number}.{'x' * 200}.example") for number in range(10_000)]
    (tmp_path / "dns.log").write_bytes(tsv(rows, DNS, "dns"))
    (tmp_path / "conn.log").write_bytes(tsv(conns([0.0, 60.0])))
    take([tmp_path / "conn.log"])  # what is imported by then does not count
    tracemalloc.start()
    pairs, _ = take([tmp_path / "conn.log"])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert pairs.dns_name[0].startswith("n9999.")
    assert peak < 12_000_000
