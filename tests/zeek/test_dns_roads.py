"""What hides in queries to name servers is found by the same verdict on every road."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from zeek_beacons.pipeline import Scored
from zeek_beacons.verdicts import KINDS, SUPPRESSIONS

from .conftest import TRACES
from .test_channels import alerting, loop, rows, same, scored, told, verdicts

# By trace the pairs of channel dns that alert, with what kind of finding each is.
ALERTS = {
    "dns_beacon": {("10.0.0.5", "dns", "c2.example"): "beacon"},
    "dns_tunnel": {("10.0.0.5", "dns", "tunnel.example"): "tunnel"},
}


def facts(found: Scored, fact: str) -> dict[str, float | str]:
    """A fact of the pairs of channel dns, by client and domain."""
    pairs = found.pairs
    columns = zip(pairs.channel, pairs.orig_h, pairs.resp, getattr(pairs, fact).tolist(), strict=True)
    return {f"{orig_h} {resp}": value for channel, orig_h, resp, value in columns if channel == "dns"}


@pytest.mark.parametrize("name", ALERTS)
def test_every_road_says_the_same(name: str, zeek: str, run_zeek: Callable[..., Path], tmp_path: Path) -> None:
    looped = loop(zeek, TRACES / f"{name}.pcap", tmp_path / "loop")
    by_loop = told(looped)
    by_logs = scored(looped / "conn.log")
    by_candidates = scored(run_zeek(TRACES / f"{name}.pcap") / "beacon_candidates.log")
    for found in (by_logs, by_candidates):
        keys = zip(found.pairs.orig_h, found.pairs.channel, found.pairs.resp, strict=True)
        kinds = dict(zip(keys, (KINDS[kind] for kind in found.verdicts.kind), strict=True))
        assert {key: kinds[key] for key in alerting(found) if key[1] == "dns"} == ALERTS[name]
    assert alerting(by_logs) == alerting(by_candidates)
    known = verdicts(by_logs)
    assert verdicts(by_candidates).keys() == known.keys() == by_loop.keys()
    same(known, by_loop, known)
    same(known, verdicts(by_candidates), known)
    for fact in ("names_asked", "names_length", "for_addresses", "connected"):
        by_road = [facts(found, fact) for found in (by_logs, by_candidates)]
        assert by_road[0]
        assert by_road[0] == by_road[1]
    notices = [row for row in rows(looped / "notice.log") if row["note"] == "Beacons::C2_Beacon"]
    ((orig_h, _, resp),) = ALERTS[name]
    of_dns = [row for row in notices if f"resp={resp} " in row["sub"]]
    assert len({row["sub"].partition("incident=")[2].split()[0] for row in of_dns}) == 1
    assert {row["src"] for row in of_dns} == {orig_h}


def test_the_notices_say_what_hides_in_names(zeek: str, tmp_path: Path) -> None:
    beacon = rows(loop(zeek, TRACES / "dns_beacon.pcap", tmp_path / "beacon") / "notice.log")
    tunnel = rows(loop(zeek, TRACES / "dns_tunnel.pcap", tmp_path / "tunnel") / "notice.log")
    texts = " ".join(row["msg"] for row in (*beacon, *tunnel) if row["note"] == "Beacons::C2_Beacon")
    assert "10.0.0.5 checks in with c2.example:53/udp, in queries to 10.0.0.53, every " in texts
    assert "128 different names or more under tunnel.example, 78 characters on average: carries data in DNS" in texts


@pytest.mark.parametrize("name", [*ALERTS, "dns_facts"])
def test_logs_and_candidates_tell_the_same_of_queries(name: str, run_zeek: Callable[..., Path]) -> None:
    logs = run_zeek(TRACES / f"{name}.pcap")
    of_logs, of_candidates = (scored(logs / log) for log in ("conn.log", "beacon_candidates.log"))
    told = facts(of_logs, "traits")
    assert told == facts(of_candidates, "traits")
    assert facts(of_logs, "for_addresses") == facts(of_candidates, "for_addresses")
    assert all("dns_types=" in str(text) and "dns_unanswered=" in str(text) for text in told.values())


def test_look_ups_for_connections_stay_quiet(run_zeek: Callable[..., Path]) -> None:
    found = scored(run_zeek(TRACES / "dns_beacon.pcap") / "beacon_candidates.log")
    row = found.pairs.resp.tolist().index("shop.example")
    assert SUPPRESSIONS[found.verdicts.suppressed[row]] == "look-up"
