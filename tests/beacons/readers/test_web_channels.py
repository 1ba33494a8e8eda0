"""The channels of http.log: what is asked for inside kept-alive connections, and of proxies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeek_beacons.config import Config
from zeek_beacons.pairs import Pairs
from zeek_beacons.readers import Request, http_channel, read
from zeek_beacons.readers.http_channel import at_stem, stem
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.readers.proxy_channel import asked_for

from .logs import T0, conn

HTTP = {"id.orig_h": "10.0.0.5", "id.orig_p": 40_000, "id.resp_h": "45.0.0.9", "id.resp_p": 80, "uid": "C1"}


def asks(number: int, **more: Any) -> dict[str, Any]:
    """One of many requests in one connection."""
    made = {"ts": T0 + 60.0 * number, "trans_depth": number + 1, "method": "GET", "uri": f"/poll?{number}"}
    sizes = {"host": "c2.example", "request_body_len": 10, "response_body_len": 20, "status_code": 200}
    given = HTTP | made | sizes | more
    return {name: value for name, value in given.items() if value is not None}


def read_both(folder: Path, conns: list[dict[str, Any]], requests: list[dict[str, Any]]) -> tuple[Pairs, Ingest]:
    for name, rows in (("conn", conns), ("http", requests)):
        (folder / f"{name}.log").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read(Request([str(folder / "conn.log")]), Config())


def of(pairs: Pairs, channel: str) -> dict[str, int]:
    return {key[1]: row for row, key in enumerate(pairs.keys()) if key[-1] == channel}


def test_what_is_asked_inside_a_connection_is_a_pair_by_server_and_by_stem(tmp_path: Path) -> None:
    requests = [asks(n) for n in range(10)] + [asks(10, uri="/mail", status_code=None)]
    pairs, _ = read_both(tmp_path, [conn(0.0, uid="C1")], requests)
    rows = of(pairs, "http")
    assert rows.keys() == {"c2.example", "c2.example/poll", "c2.example/mail"}
    host = rows["c2.example"]
    assert (pairs.conns[host], pairs.named[host], pairs.name_conns[host]) == (10, 10, 9)
    assert (pairs.server_name[host], pairs.other_paths[host]) == ("c2.example/poll", 0)
    others = {resp: pairs.other_paths[row] for resp, row in rows.items()}
    assert others == {"c2.example": 0, "c2.example/poll": 0, "c2.example/mail": 1}, "as it was at their last request"
    held = pairs.take(pairs.channel == "http")
    assert set(held.state.tolist()) == {2, 3}, "answered, and not"
    assert (held.service[0], held.addr[0], held.orig_bytes[0]) == ("http", "45.0.0.9", 10)


def test_one_stem_speaks_for_its_server(tmp_path: Path) -> None:
    pairs, _ = read_both(tmp_path, [conn(0.0, uid="C1")], [asks(n, host=None) for n in range(10)])
    twins = {key[1]: bool(twin) for key, twin in zip(pairs.keys(), pairs.is_twin, strict=True) if key[-1] == "http"}
    assert twins == {"45.0.0.9": True, "45.0.0.9/poll": False}


def test_how_much_else_of_a_site_is_asked_for(tmp_path: Path) -> None:
    pages = [asks(0, uid=f"P{n}", ts=T0 + n, uri=f"/story/{n}", host="www.c2.example") for n in range(12)]
    pairs, _ = read_both(tmp_path, [conn(0.0, uid="C1")], pages + [asks(n) for n in range(10)])
    rows = of(pairs, "http")
    assert pairs.other_paths[rows["c2.example"]] == 12
    assert pairs.other_paths[rows["c2.example/poll"]] == 12


def test_sites_are_bounded_and_that_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_channel, "MOST_SITES", 1)
    requests = [asks(n, host=f"c{n % 2}.example") for n in range(10)]
    pairs, ingest = read_both(tmp_path, [conn(0.0, uid="C1")], requests)
    assert pairs.conns[of(pairs, "http")["c1.example"]] == 5
    assert any("sites beyond 1" in note for note in ingest.notes)


def test_requests_that_do_not_say_their_place_are_told_of(tmp_path: Path) -> None:
    pairs, ingest = read_both(tmp_path, [conn(0.0, uid="C1")], [asks(n, trans_depth=None) for n in range(10)])
    assert not of(pairs, "http")
    assert any("10 requests do not say which of their connection" in note for note in ingest.notes)


def test_a_tunnel_has_what_conn_log_tells_of_it(tmp_path: Path) -> None:
    ends = {"id__resp_h": "10.0.0.9", "id__resp_p": 3128}
    conns = [conn(60.0 * n, uid=f"T{n}", duration=3.5, orig_bytes=700, **ends) for n in range(8)]
    proxy = {"id.resp_h": "10.0.0.9", "id.resp_p": 3128, "host": "c2.example:443", "method": "CONNECT"}
    requests = [asks(n, uid=f"T{n}", trans_depth=1, uri="c2.example:443", **proxy) for n in range(8)]
    requests += [asks(9, uid="gone", trans_depth=1, uri="c2.example:443", **proxy)]
    requests += [asks(9, uid="bad", trans_depth=1, uri="c2.example:" + "9" * 5000, **proxy)]
    pairs, ingest = read_both(tmp_path, conns, requests)
    (row,) = of(pairs, "proxy").values()
    assert pairs.keys()[row] == ("10.0.0.5", "c2.example", 443, "tcp", "proxy")
    assert (pairs.conns[row], pairs.addr[row], bool(pairs.resp_local[row])) == (9, "10.0.0.9", False)
    held = pairs.take(pairs.channel == "proxy")
    assert held.duration[:8].tolist() == [3.5] * 8
    assert held.orig_bytes[:8].tolist() == [700] * 8
    assert set(pairs.resp[pairs.channel == "conn"]) == {"10.0.0.9"}, "no pair by name besides"
    notes = " ".join(ingest.notes)
    assert "1 tunnels are in no conn.log" in notes
    assert "1 requests to proxies name no server that can be" in notes


@pytest.mark.parametrize(
    ("method", "uri", "server"),
    [
        ("CONNECT", "c2.example:443", ("c2.example", 443)),
        ("CONNECT", "[2001:DB8::1]:8443", ("2001:db8::1", 8443)),
        ("CONNECT", "[2001:db8::1]", ("2001:db8::1", 443)),
        ("GET", "http://user:pass@Plain.Example:8080/poll?a=b@c", ("plain.example", 8080)),
        ("GET", "https://c2.example/", ("c2.example", 443)),
        ("GET", "gopher://c2.example/", None),
        ("GET", "/poll", None),
        ("CONNECT", "c2.example:0", None),
        ("CONNECT", "c2.example:000443", None),
        ("CONNECT", "c2.example:" + "9" * 5000, None),
        ("CONNECT", ":443", None),
    ],
)
def test_what_a_proxy_is_asked_for(method: str, uri: str, server: tuple[str, int] | None) -> None:
    assert asked_for(method, uri) == server


@given(st.sampled_from(["CONNECT", "GET"]), st.text(max_size=400))
def test_whatever_is_asked_for_is_a_server_or_none(method: str, uri: str) -> None:
    found = asked_for(method, uri)
    assert found is None or (found[0] and 0 < found[1] <= 65_535)


@given(st.text(max_size=600))
def test_a_stem_is_printable_and_short(uri: str) -> None:
    called = at_stem("c2.example", uri)
    assert len(called) <= 253
    assert called.isascii()
    assert called.isprintable()
    assert bool(called) == uri.startswith("/")
    assert "?" not in stem(uri)
