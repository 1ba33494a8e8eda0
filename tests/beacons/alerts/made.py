"""Alerts, built in the test."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from zeek_beacons.alerts.alert import Alert
from zeek_beacons.reports.facts import PairFacts

T0 = 1_767_225_600.0  # 2026-01-01T00:00:00Z
# What a server may call itself to reach whoever reads of it.
HOSTILE = 'a"]|=\\<b>*_`@here`<!channel>\r\nX: y\x1b[31m\u202eevil\ud800'


def alert(number: int = 1, name: str = "c2.example", **given: Any) -> Alert:
    """A beacon of its own incident; `given` by field."""
    facts = PairFacts(
        first_seen="2026-01-01T00:00:00Z",
        last_seen="2026-01-01T06:00:00Z",
        connections=360,
        held=360,
        answered=360,
        unanswered=0,
        bytes_out=108_000,
        bytes_in=432_000,
        name=name,
        name_from="TLS SNI",
        other_hosts=0,
        site_hosts=20,
        could_be="",
        attack=("T1071.001", "T1573"),
        waits="waits of 60 s, always the same",
        implant="",
        filter='id.orig_h == "10.0.0.5"',
        command="",
        uids=("C1", "C2"),
    )
    made = Alert(
        event="beacon",
        time=T0 + 21_600.25,
        incident=f"incident{number}",
        kind="beacon",
        severity="high",
        level=3,
        score=0.97,
        sleep=60.0,
        jitter=0.1,
        summary=f"10.0.0.5 checks in with {name}:443 every 60 s",
        orig_h="10.0.0.5",
        resp=name,
        resp_p=443,
        proto="tcp",
        channel="conn",
        addr="203.0.113.9",
        service="ssl",
        model="model",
        facts=facts,
        reasons=("waits stray little",),
    )
    return replace(made, **given)
