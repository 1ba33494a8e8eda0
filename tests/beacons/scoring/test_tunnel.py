"""Queries that look servers up, and those that carry data."""

from __future__ import annotations

from typing import Any

import pytest

from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import Scored, score
from zeek_beacons.scoring import Scoring
from zeek_beacons.verdicts import KINDS, SUPPRESSIONS

T0 = 1_700_000_000.0


def scored(**given: Any) -> Scored:
    """A pair of channel dns with 200 queries at uneven times, each for a name of its own."""
    pair = {
        "orig_h": "10.0.0.5",
        "resp": "tunnel.example",
        "addr": "10.0.0.53",
        "resp_p": 53,
        "proto": "udp",
        "channel": "dns",
        "service": "dns",
        "resp_local": False,
        "start": [T0 + (n % 7) + 0.01 * n * n for n in range(200)],
        "names_asked": 128.0,
        "names_length": 128 * 40.0,
        "for_addresses": 0.0,
        "connected": 0.0,
    }
    return score(Pairs.build([pair | given]), Scoring.load(), Config(), AllowList())


def kind(found: Scored) -> str:
    return KINDS[found.verdicts.kind[0]]


def test_many_long_names_are_a_tunnel_whatever_the_rhythm() -> None:
    found = scored()
    assert kind(found) == "tunnel"
    assert found.verdicts.alerts.tolist() == [True]
    assert kind(scored(names_asked=100.0, names_length=4_000.0)) == "tunnel"


@pytest.mark.parametrize(
    "given",
    [
        {"names_asked": 99.0, "names_length": 9_900.0},
        {"names_length": 128 * 39.9},
        {"names_asked": 1.0, "names_length": 200.0},
        {"resp": "microsoft.com"},
        {"resp": "sophosxl.net"},
        {"channel": "conn"},
    ],
)
def test_few_short_and_well_known_names_are_none(given: dict[str, Any]) -> None:
    found = scored(**given)
    assert kind(found) == "beacon"


def suppressed(**given: Any) -> str:
    """Why a regular pair with 40 queries stays quiet."""
    regular = {"start": [T0 + 60.0 * n for n in range(40)], "names_asked": 40.0, "names_length": 600.0}
    return SUPPRESSIONS[scored(**regular | given).verdicts.suppressed[0]]


def test_look_ups_stay_quiet_and_check_ins_do_not() -> None:
    assert suppressed() == ""
    assert suppressed(connected=10.0) == "look-up"
    assert suppressed(connected=9.0) == ""
    assert suppressed(names_asked=10.0, for_addresses=40.0) == "look-up"
    assert suppressed(names_asked=11.0, for_addresses=40.0) == ""
    assert suppressed(names_asked=1.0, for_addresses=39.0) == ""
    assert suppressed(resp="nytimes.com") == "look-up"
