"""What a server is called: half of the connections decide, and everybody goes by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from zeek_beacons.called import called
from zeek_beacons.config import Config
from zeek_beacons.incidents import members_at
from zeek_beacons.knowledge import shipped_knowledge
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import score
from zeek_beacons.reports.facts import facts
from zeek_beacons.scoring import Scoring
from zeek_beacons.scoring.names import ServerNames

Make = Callable[..., dict[str, Any]]


def carried(count: int, name: str = "claimed.example") -> dict[str, Any]:
    return {"service": "ssl", "server_name": name, "name_conns": count, "named": count}


def looked_up(count: float) -> dict[str, Any]:
    return {"dns_name": "told.example", "dns_named": count}


@pytest.mark.parametrize(
    ("given", "name", "learned"),
    [
        (carried(50), "claimed.example", "TLS SNI"),
        (carried(49), "", ""),
        (carried(100) | {"name_conns": 49}, "", ""),
        (looked_up(50), "told.example", "a DNS answer"),
        (looked_up(49), "", ""),
        (looked_up(np.nan), "", ""),
        (carried(50) | looked_up(100), "claimed.example", "TLS SNI"),
        (carried(49) | looked_up(100), "told.example", "a DNS answer"),
        (carried(100, "x.example") | {"resp": "x.example", "addr": "203.0.113.9"}, "x.example", "TLS SNI"),
        ({"cert_name": "*.certified.example", "cert_valid": 1.0}, "certified.example", "a certificate"),
        ({"cert_name": "certified.example", "cert_valid": 0.0}, "", ""),
        ({"cert_name": "certified.example"}, "", ""),
        (looked_up(50) | {"cert_name": "certified.example", "cert_valid": 1.0}, "told.example", "a DNS answer"),
        ({}, "", ""),
    ],
)
def test_all_go_by_what_half_of_the_connections_called_it(
    given: dict[str, Any], name: str, learned: str, pair: Make
) -> None:
    pairs = Pairs.build([pair(**given)])
    scored = score(pairs, Scoring.rules_only(), Config())
    known = facts(scored, 0)
    (member,) = members_at(pairs, scored.verdicts, np.array([0]))
    assert (known.name, known.name_from) == (name, learned)
    assert member.name == called(pairs).name[0] == ServerNames.of(pairs, shipped_knowledge()).name[0] == name
    assert member.domain == (name or ("*" if pairs.named[0] else ""))
