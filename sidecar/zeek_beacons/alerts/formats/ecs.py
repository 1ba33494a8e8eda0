"""An alert in the Elastic Common Schema, version 8; what it has no field for stands under `zeek_beacons`."""

from __future__ import annotations

import json
from typing import Any

from zeek_beacons import __version__
from zeek_beacons.alerts.alert import STOPPED, Alert, is_address, present
from zeek_beacons.reports import attack

ECS_VERSION = "8.11.0"  # the newest of 8 whose schema is published for programs; later ones only add to it


def text(alert: Alert) -> str:
    """One line of JSON."""
    return json.dumps(present(document(alert)), allow_nan=False)


def document(alert: Alert) -> dict[str, Any]:
    """The fields as a tree."""
    facts = alert.facts
    return {
        "@timestamp": alert.when.isoformat(),
        "ecs": {"version": ECS_VERSION},
        "message": alert.summary,
        "tags": ["zeek-beacons"],
        "event": {
            "id": alert.id,
            "kind": "alert",
            "category": ["intrusion_detection", "network"],
            "type": ["info", "end"] if alert.event == STOPPED else ["info"],
            "module": "zeek_beacons",
            "dataset": "zeek_beacons.alert",
            "action": alert.event,
            "severity": alert.level,
            "risk_score": None if alert.score is None else round(100 * alert.score, 2),
            "start": facts.first_seen,
            "end": facts.last_seen,
            "reason": "; ".join(alert.reasons),
        },
        "rule": {"name": alert.title, "ruleset": "zeek-beacons", "version": alert.model},
        "source": _endpoint(alert.orig_h) | {"bytes": facts.bytes_out},
        "destination": _endpoint(alert.addr) | {"port": alert.resp_p, "domain": facts.name, "bytes": facts.bytes_in},
        "network": {"transport": alert.proto, "protocol": alert.service.split(",")[0].lower()},
        "related": {
            "ip": sorted(filter(is_address, {alert.orig_h, alert.addr})),
            "hosts": [facts.name] if facts.name else [],
        },
        "threat": {
            "framework": "MITRE ATT&CK",
            "tactic": {"id": [attack.TACTIC], "name": [attack.TACTIC_NAME]},
            "technique": _techniques(facts.attack),
        },
        "observer": {"product": "zeek-beacons", "type": "ids", "version": __version__},
        "zeek_beacons": {
            "incident": alert.incident,
            "kind": alert.kind,
            "severity": alert.severity,
            "score": alert.score,
            "sleep": alert.sleep,
            "jitter": alert.jitter,
            "pairs": alert.pairs,
            "connections": facts.connections,
            "unanswered": facts.unanswered,
            "could_be": facts.could_be,
            "uids": list(facts.uids),
        },
    }


def _endpoint(addr: str) -> dict[str, Any]:
    """An address, as `ip` too where it is one: that field takes nothing else."""
    return {"address": addr, "ip": addr} if is_address(addr) else {"address": addr}


def _techniques(numbers: tuple[str, ...]) -> dict[str, Any]:
    """Techniques, and apart from them the subtechniques, as ECS has them."""
    whole = sorted({number.partition(".")[0] for number in numbers})
    parts = [number for number in numbers if "." in number]
    return {"id": whole, "name": [attack.name(number) for number in whole]} | {
        "subtechnique": {"id": parts, "name": [attack.name(number) for number in parts]}
    }
