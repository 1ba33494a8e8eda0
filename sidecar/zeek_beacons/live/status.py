"""The state that a sidecar leaves for `zeek-beacons status`, and whether it is a good one."""

from __future__ import annotations

import enum
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from zeek_beacons.errors import InputError
from zeek_beacons.live.history.guard import HistoryHealth
from zeek_beacons.live.protocol.session import HEARTBEAT_INTERVAL, Role, Session

STALE = 3 * HEARTBEAT_INTERVAL  # seconds without a new state
SILENT = 4 * HEARTBEAT_INTERVAL  # seconds without a heartbeat from a node

State = dict[str, Any]


class Condition(enum.IntEnum):
    """How a sidecar is; the value is the exit code of `zeek-beacons status`."""

    HEALTHY = 0
    UNHEALTHY = 1
    STALE = 3


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
        "unconfirmed": len(session.pending_alerts),
        "forgotten_alerts": session.pending_alerts.forgotten,
        "lag_seconds": _percentiles(session.lags),
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
    """Puts the state in place, whole. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".status-", delete=False) as file:
        try:
            json.dump(state, file)
            file.flush()
            Path(file.name).chmod(0o644)
            Path(file.name).replace(path)
        except BaseException:
            Path(file.name).unlink(missing_ok=True)
            raise


def read(path: Path) -> State | None:
    """The state last written, None where there is none. Raises InputError where the file is something else."""
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise InputError(str(path), "no state of a sidecar") from error
    if not isinstance(state, dict) or not {"written", "pid", "role", "nodes"} <= state.keys():
        raise InputError(str(path), "no state of a sidecar")
    return state


def judge(state: Mapping[str, Any] | None, wall: float) -> tuple[Condition, list[str]]:
    """The condition, and what is wrong."""
    if state is None:
        return Condition.STALE, ["no sidecar has run here"]
    age = wall - state["written"]
    if state.get("ended"):
        return Condition.STALE, [f"the sidecar ended {age:.0f} s ago"]
    if age > STALE or not _is_alive(state["pid"]):
        return Condition.STALE, [f"no sign of the sidecar for {age:.0f} s"]
    problems = [problem for check in _CHECKS for problem in check(state)]
    return (Condition.UNHEALTHY if problems else Condition.HEALTHY), problems


def _role(state: Mapping[str, Any]) -> list[str]:
    if state["role"] == Role.SERVING.name.lower():
        return []
    told = Role[state["role"].upper()].value
    reason = (state.get("zeek") or {}).get("reason") if state["role"] == "standby" else state.get("problem")
    return [f"{told}: {reason}" if reason else told]


def _silence(state: Mapping[str, Any]) -> list[str]:
    return [
        f"no heartbeat from {node} for {seen['silent_seconds']:.0f} s"
        for node, seen in state["nodes"].items()
        if seen["silent_seconds"] > SILENT
    ]


def _history(state: Mapping[str, Any]) -> list[str]:
    history = state.get("history")
    return [f"history: {history['last_error']}"] if history and not history["working"] and history["last_error"] else []


def _allow(state: Mapping[str, Any]) -> list[str]:
    return [f"allow-list: {state['allow_problem']}"] if state.get("allow_problem") else []


_CHECKS = (_role, _silence, _history, _allow)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
