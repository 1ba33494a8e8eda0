"""States as a sidecar leaves them, built in the test."""

from __future__ import annotations

import json
import os
from typing import Any

from zeek_beacons.live.history.guard import HistoryHealth
from zeek_beacons.live.protocol.messages import BadMessage, NodeHeartbeat
from zeek_beacons.live.protocol.session import Session
from zeek_beacons.live.state import state_of
from zeek_beacons.live.status import State

from .made import ME, candidate, hello, verdict

SINK: dict[str, Any] = {"delivered": 3, "unconfirmed": 1, "failures": 2, "last_error": "", "waiting": 4}
SINK |= {"lost": {"the queue was full": 5}}
SINKS = {"queue": "q", "problem": "disk full", "held": 1, "lost_in_memory": 6, "sinks": {"file:a": SINK}}

EVENTS: dict[str, Any] = {"source": "e.json", "problem": "no such file", "taken": 9, "bad": 1, "other": 2}
EVENTS |= {"untimely": 3, "forgotten": 4, "held": 5, "joined": 6, "refused": 7}


# What a follower tells of a folder and a topic, and where it forwards, of its buffer.
FOLLOWED = {
    "sources": {
        "/logs": {"bytes": 100, "behind": 7},
        "kafka://a/t": {"bytes": 50, "behind": 8, "bad": 4, "missed": 9, "partitions": {}, "problem": "no broker"},
    },
    "tracked": 6,
    "unjudged": 1,
    "rows": {
        "rows": 10,
        "bad": 1,
        "duplicates": 2,
        "forgotten_pairs": 3,
        "cut_observations": 4,
        "forgotten_rows": 5,
        "newest": 40.0,
    },
}
FORWARDED = {
    "rows": 9,
    "sent": 8,
    "batches": 7,
    "bad": 1,
    "refused": 2,
    "retries": 3,
    "full": 4,
    "problem": "",
    "waiting": 5,
    "waiting_bytes": 6,
}


def busy_session() -> Session:
    """Three candidates answered, one of which alerts; one waits; a bad message came."""
    session = Session(ME)
    session.connected(0.0)
    session.receive(hello(), 0.0)
    session.receive(NodeHeartbeat("zeek", "b1", 0, 2, 1), 0.5)
    for seq in range(1, 5):
        session.receive(candidate(seq, orig_h=f"10.0.0.{seq}"), 1.0)
    taken = session.take(3)
    session.answer([verdict(one, level=3 if one.seq == 1 else 0) for one in taken], 1.04)
    session.receive(BadMessage("frame is no JSON"), 1.1)
    return session


def state(session: Session, history: HistoryHealth | None = None, **more: Any) -> State:
    about = {
        "written": 100.0,
        "started": 50.0,
        "pid": os.getpid(),
        "faults": 0,
        "unreadable": 0,
        "memory_peak": 1,
        "problem": "",
    }
    alerting = {"threshold": 0.8, "profile": "balanced", "is_set": False, "alerts_per_host_day": None}
    given: dict[str, Any] = about | {"alerting": alerting, "allow_problem": "", "sinks": None, "ended": False} | more
    found: State = json.loads(json.dumps(state_of(session, history, 2.0, **given)))
    return found
