"""`zeek-beacons status`: reads the state that a sidecar left, and judges it. `state.py` is the side that writes it."""

from __future__ import annotations

import enum
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from zeek_beacons.errors import InputError
from zeek_beacons.live.protocol.session import HEARTBEAT_INTERVAL, Role

STALE = 3 * HEARTBEAT_INTERVAL  # seconds without a new state
SILENT = 4 * HEARTBEAT_INTERVAL  # seconds without a heartbeat from a node

State = dict[str, Any]


class Condition(enum.IntEnum):
    """How a sidecar is; the value is the exit code of `zeek-beacons status`."""

    HEALTHY = 0
    UNHEALTHY = 1
    STALE = 3


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


def _operators(state: Mapping[str, Any]) -> list[str]:
    """What keeps the sidecar from following what is said in the console."""
    told = state.get("operator") or {}
    problems = (told.get("last_error"), told.get("problem"))
    return [f"operators' file: {problem}" for problem in problems if problem]


def _sinks(state: Mapping[str, Any]) -> list[str]:
    """What keeps alerts from their sinks: the queue, or a receiver whose last try failed while something waits."""
    told = state.get("sinks")
    if not told:
        return []
    failing = {name: one["last_error"] for name, one in told["sinks"].items() if one["waiting"] and one["last_error"]}
    problems = [f"alerts to {name}: {problem}" for name, problem in failing.items()]
    return [f"alert queue: {told['problem']}", *problems] if told["problem"] else problems


def _events(state: Mapping[str, Any]) -> list[str]:
    told = state.get("events")
    return [f"events: {told['source']}: {told['problem']}"] if told and told["problem"] else []


def _topics(state: Mapping[str, Any]) -> list[str]:
    """What keeps a topic that is followed from being read."""
    sources = (state.get("followed") or {}).get("sources") or {}
    return [f"{name}: {one['problem']}" for name, one in sources.items() if "partitions" in one and one["problem"]]


def _forwarding(state: Mapping[str, Any]) -> list[str]:
    told = state.get("forwarded")
    return [f"forward: {told['problem']}"] if told and told["problem"] else []


_CHECKS = (_role, _silence, _history, _allow, _operators, _sinks, _events, _topics, _forwarding)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
