"""`zeek-beacons status`: how the sidecar on this machine is."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from zeek_beacons.cli import options
from zeek_beacons.errors import ConfigError


def status(
    state: Annotated[
        Optional[Path], typer.Option(help="State file of the sidecar (default: as the sidecar's).", show_default=False)
    ] = None,
    as_json: options.AsJson = False,
    config: options.SystemConfigFile = None,
) -> None:
    """Show whether the sidecar serves Zeek, what it did, and what was lost.

    Exit code 0: healthy; 1: it runs, and something is wrong; 3: it does not run; 2: the state cannot be read.

    Examples:

        zeek-beacons status

        zeek-beacons status --json | jq .unconfirmed
    """
    from zeek_beacons.live import status as states

    path = _state_file(config, state)
    found = states.read(path)
    condition, problems = states.judge(found, time.time())
    if as_json:
        print(json.dumps({"condition": condition.name.lower(), "problems": problems, "state": found}, indent=2))
    else:
        print(f"{condition.name.lower()}{': ' if problems else ''}{'; '.join(problems)}")
        for name, text in _lines(found) if found else ():
            print(f"  {name:<12}{text}")
    raise typer.Exit(int(condition))


def _state_file(config: Path | None, state: Path | None) -> Path:
    """Where the sidecar, who may be another user, writes its state."""
    from zeek_beacons.live.settings import SYSTEM_FOLDER, SidecarConfig, config_file

    own = SidecarConfig.load(config_file(config), flags={"state": None if state is None else str(state)})
    if own.state_file is None:
        raise ConfigError("state is 'none': the sidecar writes no state")
    system = SYSTEM_FOLDER / own.state_file.name
    return system if not own.state and not own.state_file.exists() and system.exists() else own.state_file


def _lines(state: Mapping[str, Any]) -> list[tuple[str, str]]:
    zeek, lag, history = state["zeek"], state["lag_seconds"], state["history"]
    lines = [
        ("sidecar", f"{state['name']}, {state['version']}, model {state['model']}, since {_when(state['started'])}"),
        ("zeek", f"{state['address']}: {state['role']}" + (f", {_zeek(zeek)}" if zeek else "")),
        *((f"node {name}", _node(node)) for name, node in state["nodes"].items()),
        ("candidates", f"{state['received']} received, {state['scored']} scored, {state['queue']} waiting"),
        (
            "alerts",
            f"{state['alerts']} raised, {state['confirmed']} confirmed by Zeek, "
            f"{state['unconfirmed']} not yet, {state['forgotten_alerts']} given up",
        ),
        (
            "lost",
            f"{state['dropped']} dropped, {state['gaps']} never came, {state['failed'] + state['faults']} failed; "
            f"asked again {state['resyncs']} times",
        ),
        ("bad", ", ".join(f"{count} {reason}" for reason, count in state["bad"].items()) or "none"),
    ]
    if sinks := state.get("sinks"):
        lines += [("sink", _sink(name, one)) for name, one in sinks["sinks"].items()]
    if alerting := state.get("alerting"):
        lines.append(("threshold", _alerting(alerting)))
    if lag:
        lines.append(("delay", f"{lag['p50'] * 1000:.0f} ms median, {lag['p99'] * 1000:.0f} ms for 99 %"))
    if history:
        size = f"{history['pairs']} pairs, {history['bytes'] / 1e6:.1f} MB"
        lines.append(("history", f"{'works' if history['working'] else 'FAILS'}, {size}, {history['errors']} errors"))
    return lines


def _sink(name: str, health: Mapping[str, Any]) -> str:
    sent = f"{health['delivered']} sent, {health['unconfirmed']} of them unconfirmed"
    lost = sum(health["lost"].values())
    return f"{name}: {sent}, {health['waiting']} waiting, {lost} lost, {health['failures']} failed tries"


def _alerting(alerting: Mapping[str, Any]) -> str:
    budget = alerting["alerts_per_host_day"]
    if alerting.get("is_set"):
        return f"{alerting['threshold']:g}, set by hand in place of a profile's"
    if budget is None:
        return f"{alerting['threshold']:g}, profile {alerting['profile']}"
    watched = f"{alerting['pairs']} pairs of {alerting['hosts']} hosts in {alerting['host_days']:g} host-days"
    return f"{alerting['threshold']:g}, for {budget:g} alerts per host-day; watched {watched}"


def _zeek(zeek: Mapping[str, Any]) -> str:
    sensor = f"sensor {zeek['sensor']}, " if zeek["sensor"] else ""
    return _printable(f"{sensor}node {zeek['node']}, Zeek {zeek['zeek']}, package {zeek['package']}")


def _node(node: Mapping[str, Any]) -> str:
    return (
        f"candidate {node['seq']}, {node['outstanding']} without a verdict, {node['lost']} given up, "
        f"heard {node['silent_seconds']:.0f} s before"
    )


def _printable(text: str) -> str:
    return "".join(character if character.isprintable() else "?" for character in text)


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
