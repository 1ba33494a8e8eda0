"""Where a pair's ends lie: what cannot be an implant by its addresses alone, and what still can."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeek_beacons.config import Config
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import score
from zeek_beacons.scoring import Scoring, place
from zeek_beacons.verdicts import SUPPRESSIONS

Make = Callable[..., dict[str, Any]]
SHIPPED = Scoring.load()
SILENT = {"resp_bytes": np.full(100, np.nan), "state": ["S0"] * 100}
NETBIOS = {"orig_h": "192.168.1.5", "resp": "192.168.1.255", "resp_p": 138, "proto": "udp"}


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (NETBIOS | SILENT, "broadcast"),
        (NETBIOS | SILENT | {"resp_p": 9995}, "broadcast"),
        (NETBIOS | {"resp_p": 9995}, ""),  # answered: a host
        (NETBIOS | SILENT | {"resp_p": 9995, "proto": "tcp"}, ""),
        (NETBIOS | SILENT | {"resp_p": 9995, "resp": "198.18.7.255"}, ""),  # of another network: it may be a host
        ({"orig_h": "fe80::1", "resp": "fe80::2", "resp_p": 128, "proto": "icmp"}, "link-local"),
        ({"orig_h": "10.0.0.5", "resp": "169.254.1.9"}, "link-local"),
        ({"orig_h": "45.140.140.75", "resp": "10.0.0.9", "resp_p": 23}, "inbound"),
        ({"orig_h": "45.140.140.75", "resp": "145.36.215.180"}, ""),  # nobody said which end is ours
        ({"orig_h": "10.0.0.5", "resp": "145.36.215.180"}, ""),
        ({"orig_h": "10.0.0.5", "resp": "10.0.0.9"}, ""),
    ],
)
def test_a_timer_alerts_unless_its_place_speaks_against_it(given: dict[str, Any], why: str, pair: Make) -> None:
    verdicts = score(Pairs.build([pair(**given)]), SHIPPED, Config()).verdicts
    assert SUPPRESSIONS[verdicts.suppressed[0]] == why
    assert verdicts.alerts[0] == (why == "")


def test_what_is_local_is_what_the_pair_says(pair: Make) -> None:
    timer = pair(orig_h="45.140.140.75", resp="147.32.81.167")
    assert score(Pairs.build([timer]), SHIPPED, Config()).verdicts.alerts[0]
    told = Pairs.build([timer | {"resp_local": True}])
    inside = score(told, SHIPPED, Config()).verdicts
    assert SUPPRESSIONS[inside.suppressed[0]] == "inbound"
    assert score(told, SHIPPED, Config(direction="inbound")).verdicts.alerts[0]


def test_netbios_is_known_by_its_port_inside(pair: Make) -> None:
    asked = pair(**NETBIOS | {"resp": "192.168.1.1", "resp_p": 137}, orig_bytes=np.full(100, 900.0))
    outside = pair(**NETBIOS | {"resp": "45.140.140.75", "resp_p": 137}, orig_bytes=np.full(100, 900.0))
    verdicts = score(Pairs.build([asked, outside]), SHIPPED, Config()).verdicts
    assert [SUPPRESSIONS[code] for code in verdicts.suppressed] == ["look-alike", ""]


@pytest.mark.parametrize("rest", ["0.0.1", "254.0.9", "255.255.255"])
def test_every_network_of_ipv4_is_where_it_is(rest: str) -> None:
    addresses = [f"{first}.{rest}" for first in range(256)]
    pairs = Pairs.build([{"orig_h": "10.0.0.5", "resp": addr, "resp_p": 443, "start": [1.0]} for addr in addresses])
    known = [ipaddress.ip_address(addr) for addr in addresses]
    assert place.is_link_local(pairs).tolist() == [one.is_link_local for one in known]
    assert pairs.is_multicast.tolist() == [one.is_multicast or str(one) == "255.255.255.255" for one in known]


@given(st.ip_addresses())
def test_any_address_is_where_it_is(addr: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    pairs = Pairs.build([{"orig_h": "10.0.0.5", "resp": str(addr), "resp_p": 443, "start": [1.0]}])
    assert place.is_link_local(pairs)[0] == addr.is_link_local
    assert pairs.is_multicast[0] == (addr.is_multicast or str(addr) == "255.255.255.255")
