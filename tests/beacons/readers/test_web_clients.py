"""What clients told of themselves, of http.log, joined by uid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zeek_beacons.pairs import Pairs
from zeek_beacons.readers.web_clients import LONGEST_AGENT

from .logs import T0, conn, conns, json_log, load, tsv

HTTP = ("ts", "uid", "method", "host", "status_code", "user_agent")


def request(at: float, agent: str | None = "curl/8", host: str | None = None, **given: Any) -> dict[str, Any]:
    """A row of http.log of the connection at this time, answered."""
    return {
        "ts": T0 + at,
        "uid": f"C{at}",
        "method": "GET",
        "host": host,
        "status_code": 200,
        "user_agent": agent,
        **given,
    }


def said(folder: Path, rows: list[dict[str, Any]], *times: float, as_json: bool = False) -> Pairs:
    """The pairs by address of connections at these times, with this http.log beside."""
    folder.mkdir(exist_ok=True)
    (folder / "http.log").write_bytes(json_log(rows) if as_json else tsv(rows, HTTP, "http"))
    pairs = load(folder, tsv(conns(times or (0.0,), service="http")))[0]
    return pairs.take(~pairs.is_named)


@pytest.mark.parametrize("as_json", [False, True])
def test_the_first_agent_of_the_newest_connection_counts(as_json: bool, tmp_path: Path) -> None:
    rows = [request(0.0, "old"), request(60.0, None, "a.example"), request(60.0, "b c"), request(60.0, "d")]
    pairs = said(tmp_path, rows, 0.0, 60.0, 120.0, as_json=as_json)
    assert (pairs.user_agent[0], pairs.agent_hosts[0], pairs.no_host[0]) == ("b c", 1, 1)


def test_hosts_with_one_agent_are_counted(tmp_path: Path) -> None:
    lines = [conn(float(host), id__orig_h=f"10.0.0.{host}", service="http") for host in (1, 2, 3)]
    said(tmp_path, [request(1.0), request(2.0, host="a.example"), request(3.0, "else")])
    pairs = load(tmp_path, tsv(lines))[0]
    assert dict(zip(pairs.orig_h, pairs.agent_hosts.tolist(), strict=True)) == {
        "10.0.0.1": 2.0,
        "10.0.0.2": 2.0,
        "10.0.0.3": 1.0,
    }


@pytest.mark.parametrize("given", [{"status_code": None}, {"method": None}, {"uid": None}, {"uid": "C7"}])
def test_what_was_not_answered_tells_nothing(given: dict[str, Any], tmp_path: Path) -> None:
    for as_json in (False, True):
        pairs = said(tmp_path, [request(0.0, **given)], as_json=as_json)
        assert pairs.user_agent[0] == ""
        assert np.isnan([pairs.agent_hosts[0], pairs.no_host[0]]).all()


def test_an_empty_host_is_none(tmp_path: Path) -> None:
    assert said(tmp_path, [request(0.0, host="")], as_json=True).no_host[0] == 1
    assert said(tmp_path, [request(0.0, host="a.example")]).no_host[0] == 0


@pytest.mark.parametrize("agent", [None, "-", "(empty)", r"\x2d"])
def test_no_agent_is_counted_with_nobodys(agent: str | None, tmp_path: Path) -> None:
    pairs = said(tmp_path, [request(0.0, agent)], as_json=True)
    assert (pairs.user_agent[0], pairs.no_host[0]) == ("", 1)
    assert np.isnan(pairs.agent_hosts[0])


def test_an_agent_stays_short_and_printable(tmp_path: Path) -> None:
    pairs = said(tmp_path, [request(0.0, "a\x1b \u00c4" + "x" * 500_000)], as_json=True)
    assert len(pairs.user_agent[0]) == LONGEST_AGENT
    assert pairs.user_agent[0].startswith(r"a\x1b \xc3\x84x")
