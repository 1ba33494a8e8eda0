"""What keeps connections alive that stay open: it beats like an implant, and does not alert where it is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import Scored, score
from zeek_beacons.scoring import Scoring
from zeek_beacons.scoring.lookalike_table import LOOK_ALIKES
from zeek_beacons.verdicts import EXPECTED, LOOK_ALIKE, NOT_SUPPRESSED

N = 300
SERVER = "185.12.45.60"


def beats(gap: float, sent: float, received: float, jitter: float = 0.002, **given: Any) -> dict[str, Any]:
    """Exchanges inside a connection to a server that nobody knows."""
    waits = gap * np.random.default_rng(1).uniform(1 - jitter, 1 + jitter, N)
    told = {"channel": "poll", "orig_h": "10.0.0.5", "resp": SERVER, "addr": given.get("resp", SERVER), "resp_p": 443}
    sizes = {"orig_bytes": [sent] * N, "resp_bytes": [received] * N, "state": ["SF"] * N}
    return told | {"service": "ssl", "start": 1_767_225_600.0 + np.cumsum(waits)} | sizes | given


def judged(pair: dict[str, Any]) -> Scored:
    return score(Pairs.build([pair]), Scoring.load(), Config())


VARIED = np.random.default_rng(2).integers(40, 900, N).astype(float).tolist()
UDP: dict[str, Any] = {"proto": "udp", "service": ""}
KEPT_ALIVE = {
    "ipsec": beats(20, 1, 0, resp_p=4500, **UDP),
    "wireguard": beats(25, 32, 0, resp_p=51_820, **UDP),
    "openvpn": beats(10, 53, 53, resp_p=1194, **UDP),
    "mqtt": beats(60, 2, 2, resp_p=1883, service="mqtt"),
    "bgp": beats(60, 19, 19, jitter=0.1, resp_p=179, service=""),
    "session": beats(60, 52, 36, resp_p=22, service="ssh"),
    "telephone": beats(30, 4, 4, resp_p=5060, proto="udp", service="sip"),
    "medium": beats(5, 100, 80, jitter=1.0, resp_p=20_001, orig_bytes=VARIED, resp_bytes=VARIED[::-1], **UDP),
    "ntp": beats(16, 48, 48, resp_p=123, proto="udp", service="ntp"),
}
OTHER = {"ipsec": 4.0, "wireguard": 33.0, "openvpn": 200.0, "mqtt": 20.0, "bgp": 23.0, "session": 200.0}


@pytest.mark.parametrize("code", KEPT_ALIVE)
def test_keep_alives_are_known_and_quiet(code: str) -> None:
    scored = judged(KEPT_ALIVE[code])
    assert LOOK_ALIKES[scored.verdicts.look_alike[0]].code == code
    assert scored.verdicts.suppressed.tolist() == [LOOK_ALIKE]


@pytest.mark.parametrize("code", OTHER)
def test_other_sizes_on_their_ports_alert(code: str) -> None:
    assert judged(KEPT_ALIVE[code] | {"orig_bytes": [OTHER[code]] * N}).verdicts.alerts.all()


@pytest.mark.parametrize("code", [*OTHER, "medium"])
def test_they_are_none_of_connections(code: str) -> None:
    assert judged(KEPT_ALIVE[code] | {"channel": "conn"}).verdicts.look_alike.tolist() == [-1]


def test_a_fast_timer_over_datagrams_alerts_all_the_same() -> None:
    scored = judged(beats(5, 32, 16, jitter=0.1, resp_p=4444, **UDP))
    assert LOOK_ALIKES[scored.verdicts.look_alike[0]].code == "medium"
    assert scored.verdicts.alerts.all()


def test_a_slower_medium_is_none() -> None:
    assert judged(beats(20, 100, 80, jitter=0.5, **UDP)).verdicts.look_alike.tolist() == [-1]


EXPLAINED: Sequence[dict[str, Any]] = (
    beats(600, 40, 40, resp_p=5228),
    beats(41, 40, 20, resp="gateway.discord.gg", addr=SERVER),
    beats(30, 30, 30, resp="10.0.0.9", addr="10.0.0.9", resp_p=5432, service=""),
)


@pytest.mark.parametrize("pair", EXPLAINED, ids=["push service", "popular name", "inside the site"])
def test_heartbeats_that_the_server_explains_are_expected(pair: dict[str, Any]) -> None:
    assert judged(pair).verdicts.suppressed.tolist() == [EXPECTED]
    assert judged(pair | {"channel": "conn"}).verdicts.suppressed.tolist() != [EXPECTED], (
        "connections are no heartbeats"
    )


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"resp": "c2.example", "addr": SERVER},
        {"resp": "d111111abcdef8.cloudfront.net", "addr": SERVER},
        {"resp": "x.hetzner.com", "addr": SERVER},
    ],
    ids=["an address", "an unknown name", "a network that anybody rents", "one of a million names"],
)
def test_heartbeats_of_others_alert(given: dict[str, Any]) -> None:
    scored = judged(beats(30, 50, 50, **given))
    assert scored.verdicts.suppressed.tolist() == [NOT_SUPPRESSED]
    assert scored.verdicts.alerts.all()


def test_a_popular_site_that_implants_use_explains_nothing() -> None:
    assert judged(beats(30, 50, 50, resp="docs.google.com", addr=SERVER)).verdicts.suppressed.tolist() == [
        NOT_SUPPRESSED
    ]
