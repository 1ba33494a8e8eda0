"""An alert in the Common Event Format of ArcSight, version 0."""

from __future__ import annotations

from typing import Any

from zeek_beacons import __version__
from zeek_beacons.alerts.alert import Alert, milliseconds, present

SEVERITIES = {1: 3, 2: 6, 3: 8, 4: 10}  # 0 to 10 there
_HEADER = str.maketrans({"\\": r"\\", "|": r"\|"})
_VALUE = str.maketrans({"\\": r"\\", "=": r"\="})


def text(alert: Alert) -> str:
    """One line. Texts of an alert hold no line break that would have to be escaped."""
    event = f"{alert.kind}-{alert.event}"
    header = ("zeek-beacons", "zeek-beacons", __version__, event, alert.title, str(SEVERITIES[alert.level]))
    told = " ".join(f"{name}={str(value).translate(_VALUE)}" for name, value in present(_extension(alert)).items())
    return "|".join(["CEF:0", *(one.translate(_HEADER) for one in header), told])


def _extension(alert: Alert) -> dict[str, Any]:
    facts = alert.facts
    named = (
        ("cs1", "incident", alert.incident),
        ("cs2", "attack", " ".join(facts.attack)),
        ("cs3", "reasons", "; ".join(alert.reasons)),
        ("cs4", "zeekUids", " ".join(facts.uids)),
        ("cfp1", "score", alert.score),
        ("cfp2", "sleepSeconds", alert.sleep),
        ("cfp3", "jitter", alert.jitter),
        ("cn1", "pairs", alert.pairs),
    )
    told: dict[str, Any] = {
        "rt": round(1000 * alert.time),
        "externalId": alert.id,
        "cat": "C2",
        "start": milliseconds(facts.first_seen),
        "end": milliseconds(facts.last_seen),
        "cnt": facts.connections,
        "dhost": facts.name,
        "dpt": alert.resp_p,
        "proto": alert.proto.upper(),
        "app": alert.service,
        "out": facts.bytes_out,
        "in": facts.bytes_in,
        "msg": alert.summary,
    }
    told |= _addresses("src", "c6a2", "Source IPv6 Address", alert.orig_h)
    told |= _addresses("dst", "c6a3", "Destination IPv6 Address", alert.addr)
    for field, label, value in named:
        if value not in (None, ""):
            told |= {field: value, f"{field}Label": label}
    return told


def _addresses(field: str, field6: str, label: str, addr: str) -> dict[str, str]:
    """`src` and `dst` take IPv4 alone."""
    return {field6: addr, f"{field6}Label": label} if ":" in addr else {field: addr}
