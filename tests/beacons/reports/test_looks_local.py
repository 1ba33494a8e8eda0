"""What looks like the site's own network is suggested; scanners and guests are not."""

from __future__ import annotations

from typing import Any

from zeek_beacons.pairs import Pairs
from zeek_beacons.reports.looks_local import LEAST_SERVERS, looks_local


def pair(orig: str, resp: str, **columns: Any) -> dict[str, Any]:
    return {"orig_h": orig, "resp": resp, "resp_p": 443, "start": [1.0], **columns}


def clients(orig: str, servers: int) -> list[dict[str, Any]]:
    return [pair(orig, f"45.77.{n}.9") for n in range(servers)]


def test_a_host_with_many_servers_elsewhere_looks_local() -> None:
    (line,) = looks_local(Pairs.build(clients("147.32.83.165", LEAST_SERVERS)))
    assert line.startswith(f"147.32.83.0/24 looks local: a host with connections to {LEAST_SERVERS} servers elsewhere")
    assert line.endswith("--local-net 147.32.83.0/24")
    assert looks_local(Pairs.build(clients("147.32.83.165", LEAST_SERVERS - 1))) == []


def test_hosts_of_a_network_are_counted_together() -> None:
    both = [*clients("147.32.83.165", 12), *clients("147.32.83.9", 11), *clients("2001:67c::5", 10)]
    first, second = looks_local(Pairs.build(both))
    assert "2 hosts with connections to up to 12 servers elsewhere" in first
    assert second.startswith("2001:67c::/64 ")


def test_what_is_local_and_who_scans_the_site_is_not_suggested() -> None:
    assert looks_local(Pairs.build(clients("10.0.0.5", 30))) == []
    scans = [pair("45.140.140.75", f"10.0.0.{n}") for n in range(1, 60)]
    neighbours = [pair("147.32.83.165", f"147.32.83.{n}") for n in range(1, 60)]
    assert looks_local(Pairs.build([*scans, *neighbours])) == []
    assert looks_local(Pairs.empty()) == []
