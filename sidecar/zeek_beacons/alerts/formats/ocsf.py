"""An alert as a Detection Finding (class 2004) of the Open Cybersecurity Schema Framework."""

from __future__ import annotations

import json
import re
from typing import Any

from zeek_beacons import __version__
from zeek_beacons.alerts.alert import STOPPED, Alert, is_address, milliseconds, present
from zeek_beacons.reports import attack
from zeek_beacons.verdicts import FROM_OUTSIDE, KINDS

OCSF_VERSION = "1.3.0"
ATTACK_VERSION = "16"
CREATE, CLOSE = 1, 3
NEW, RESOLVED = 1, 4
INBOUND, OUTBOUND = 1, 2
LEARNING = 4  # type of analytic
_HOSTNAME = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
SEVERITY_OFFSET = 1  # 1 is informational there, 2 low, up to 5 critical


def text(alert: Alert) -> str:
    """One line of JSON."""
    return json.dumps(present(finding(alert)), allow_nan=False)


def finding(alert: Alert) -> dict[str, Any]:
    """The finding as a tree. Times are milliseconds since the epoch."""
    facts, gone = alert.facts, alert.event == STOPPED
    activity = CLOSE if gone else CREATE
    now = round(1000 * alert.time)
    return {
        "category_uid": 2,
        "category_name": "Findings",
        "class_uid": 2004,
        "class_name": "Detection Finding",
        "activity_id": activity,
        "activity_name": "Close" if gone else "Create",
        "type_uid": 200400 + activity,
        "time": now,
        "severity_id": alert.level + SEVERITY_OFFSET,
        "severity": alert.severity.capitalize(),
        "status_id": RESOLVED if gone else NEW,
        "status": "Resolved" if gone else "New",
        "message": alert.summary,
        "confidence_score": None if alert.score is None else round(100 * alert.score),
        "metadata": {
            "version": OCSF_VERSION,
            "uid": alert.id,
            "correlation_uid": alert.incident,
            "product": {"name": "zeek-beacons", "vendor_name": "zeek-beacons", "version": __version__},
        },
        "finding_info": {
            "uid": alert.incident,
            "title": alert.title,
            "desc": alert.summary,
            "types": ["C2 beacon"],
            "created_time": now,
            "first_seen_time": milliseconds(facts.first_seen),
            "last_seen_time": milliseconds(facts.last_seen),
            "analytic": {
                "type_id": LEARNING,
                "type": "Learning (ML/DL)",
                "name": "zeek-beacons",
                "uid": alert.model,
                "version": __version__,
            },
            "attacks": [_attack(number) for number in facts.attack],
        },
        "evidences": [
            {
                "src_endpoint": _endpoint(alert.orig_h),
                "dst_endpoint": present(_endpoint(alert.addr) | _named(facts.name) | {"port": alert.resp_p}),
                "connection_info": {
                    "protocol_name": alert.proto,
                    "direction_id": INBOUND if alert.kind == KINDS[FROM_OUTSIDE] else OUTBOUND,
                },
                "data": present(
                    {
                        "sleep": alert.sleep,
                        "jitter": alert.jitter,
                        "connections": facts.connections,
                        "pairs": alert.pairs,
                        "reasons": list(alert.reasons),
                        "zeek_uids": list(facts.uids),
                    }
                ),
            }
        ],
    }


def _endpoint(addr: str) -> dict[str, Any]:
    """An address; what is none stands as the endpoint's unique identifier."""
    return {"ip" if is_address(addr) else "uid": addr}


def _named(name: str) -> dict[str, Any]:
    """The name of a server; one that no host can have, which a client may send all the same, as a mere label."""
    return {"hostname" if _HOSTNAME.fullmatch(name) else "name": name}


def _attack(number: str) -> dict[str, Any]:
    whole = number.partition(".")[0]
    parts = {"sub_technique": {"uid": number, "name": attack.name(number)}} if whole != number else {}
    return {
        "version": ATTACK_VERSION,
        "tactic": {"uid": attack.TACTIC, "name": attack.TACTIC_NAME},
        "technique": {"uid": whole, "name": attack.name(whole)},
    } | parts
