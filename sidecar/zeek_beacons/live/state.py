"""The state that a running sidecar leaves in a file. `status.py` reads and judges it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from zeek_beacons.files import write_atomic
from zeek_beacons.live.history.guard import HistoryHealth
from zeek_beacons.live.protocol.session import Session
from zeek_beacons.live.status import State

READABLE_BY_ALL = 0o644  # whoever asks for the status may be another user than the sidecar


def state_of(session: Session, health: HistoryHealth | None, now: float, **more: object) -> State:
    """The session as plain data. `now`: the session's clock; `more`: what its owner knows."""
    counts = {field.name: getattr(session.counts, field.name) for field in fields(session.counts)}
    zeek = session.zeek
    return {
        "role": session.role.name.lower(),
        "sidecar": session.me.sidecar,
        "name": session.me.name,
        "version": session.me.version,
        "model": session.me.model,
        "zeek": None if zeek is None else asdict(zeek),
        "nodes": _nodes(session, now),
        "queue": len(session.queue),
        "queue_limit": session.queue.bounds.candidates,
        "unconfirmed": len(session.pending_alerts),
        "forgotten_alerts": session.pending_alerts.forgotten,
        "lag_seconds": _percentiles(session.lags),
        "delays": session.delays.state(),
        "history": None if health is None else asdict(health),
        **counts,
        "gaps": session.gaps(),
        **more,
    }


def _nodes(session: Session, now: float) -> dict[str, Any]:
    return {
        node: {
            "boot": beat.boot,
            "seq": beat.seq,
            "outstanding": beat.outstanding,
            "lost": beat.lost,
            "silent_seconds": round(now - heard, 1),
        }
        for node, (heard, beat) in session.heard.items()
    }


def _percentiles(lags: Sequence[float]) -> dict[str, float] | None:
    if not lags:
        return None
    p50, p99, most = np.percentile(np.array(lags), [50, 99, 100]).tolist()
    return {"p50": round(p50, 4), "p99": round(p99, 4), "max": round(most, 4)}


def write(state: State, path: Path) -> None:
    """Puts the state in place, whole. Raises OutputError."""
    write_atomic(path, json.dumps(state), mode=READABLE_BY_ALL)


def memory_peak() -> int:
    """Bytes of memory that this process took at most."""
    import resource  # not on Windows, where no sidecar runs, and this module is imported all the same

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
