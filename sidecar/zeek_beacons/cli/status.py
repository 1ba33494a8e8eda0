"""`zeek-beacons status`: how the sidecar on this machine, or on another one, is; and what a file holds."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Optional

import typer

from zeek_beacons.cli import asked, options
from zeek_beacons.errors import ConfigError, InputError

EXIT_CODES = {"": 0, "healthy": 0, "unhealthy": 1, "stale": 3, "unreadable": 2}
WORSE = ("", "healthy", "unhealthy", "stale", "unreadable")  # of several the last one gives the exit code


def status(
    paths: Annotated[
        Optional[list[Path]],
        typer.Argument(
            metavar="[PATH]...",
            help="A history, a result.sqlite or its folder: what it holds; a sidecar's state (.json): how that one "
            "is; of several a line each (default: how the sidecar is).",
            show_default=False,
        ),
    ] = None,
    state: Annotated[
        Optional[Path], typer.Option(help="State file of the sidecar (default: as the sidecar's).", show_default=False)
    ] = None,
    shard: Annotated[
        Optional[str],
        typer.Option(
            help="Of sidecars by shard: 2/4, or any/4 for a line of each (default: as the sidecar's).",
            show_default=False,
        ),
    ] = None,
    url: asked.Url = None,
    token: asked.Token = "",
    authority: asked.Authority = None,
    as_json: options.AsJson = False,
    config: options.SystemConfigFile = None,
) -> None:
    """Show whether the sidecar serves Zeek, what it did, and what was lost.

    Exit code 0: healthy; 1: it runs, and something is wrong; 3: it does not run; 2: the state cannot be read.
    Of several that of the worst, in this order.

    Examples:

        zeek-beacons status

        zeek-beacons status --json | jq .state.unconfirmed

        zeek-beacons status --url https://sensor.example:8520

        zeek-beacons status --shard any/4

        zeek-beacons status report

        zeek-beacons status /var/lib/sensor-1/status.json /var/lib/sensor-2/status.json
    """
    if paths is not None and len(paths) > 1:
        if url is not None or state is not None:
            raise ConfigError("paths, --state and --url exclude each other: one of them is asked")
        raise typer.Exit(_several([(str(one), one) for one in paths], as_json))
    if shard is not None and (paths or url is not None):
        raise ConfigError("--shard and a path or --url exclude each other: one of them is asked")
    if not paths and url is None and (files := _shards(config, state, shard)):
        raise typer.Exit(_several(files, as_json))
    path = paths[0] if paths else None
    if path is not None and state is None and _is_state(path):
        path, state = None, path
    if path is None and (url is None or state is not None):
        if url is not None:
            raise ConfigError("--state and --url exclude each other: one of them is asked")
        condition, problems, found = _here(config, state, shard)
        told = {"condition": condition, "problems": problems, "state": found}
        lines = _lines(found) if found else []
    else:
        if state is not None:
            raise ConfigError("a path and --state exclude each other: one of them is asked")
        condition, problems, told, lines = _elsewhere(path, url, token, authority)
    if as_json:
        print(json.dumps(told, indent=2))
    else:
        print(f"{condition or 'readable'}{': ' if problems else ''}{_printable('; '.join(problems))}")
        for name, text in lines:
            print(f"  {name:<12}{_printable(text)}")
    raise typer.Exit(EXIT_CODES.get(condition, 1))


def _shards(config: Path | None, state: Path | None, shard: str | None) -> list[tuple[str, Path]]:
    """Of several shards the state file of each, with what it is called; else none."""
    from zeek_beacons.live.settings import SidecarConfig, config_file

    flags = {"state": None if state is None else str(state), "shard": shard}
    own = SidecarConfig.load(config_file(config), flags=flags)
    if len(own.shards) == 1:
        return []
    return [(f"shard {one}", _state_file(config, state, str(one))) for one in own.shards]


def _several(files: list[tuple[str, Path]], as_json: bool) -> int:
    """Prints a line for each, by its name, or all of it as JSON. Returns the exit code of the worst."""
    told = []
    for name, path in files:
        try:
            if _is_state(path):
                condition, problems, found = _state(path)
            else:
                condition, problems, found, _ = _elsewhere(path, None, "", None)
        except InputError as error:
            condition, problems, found = "unreadable", [error.problem], None
        told.append({"path": str(path), "condition": condition, "problems": problems, "state": found})
        if not as_json:
            rest = f": {'; '.join(problems)}" if problems else ""
            print(_printable(f"{name}: {condition or 'readable'}{rest}"))
    if as_json:
        print(json.dumps(told, indent=2))
    return EXIT_CODES[max((str(one["condition"]) for one in told), key=WORSE.index)]


def _is_state(path: Path) -> bool:
    """Whether it is a sidecar's state, and no database."""
    return path.suffix == ".json"


def _here(
    config: Path | None, state: Path | None, shard: str | None = None
) -> tuple[str, list[str], dict[str, Any] | None]:
    """Condition, problems and state of the sidecar on this machine."""
    return _state(_state_file(config, state, shard))


def _state(path: Path) -> tuple[str, list[str], dict[str, Any] | None]:
    """The same of the sidecar that writes this state."""
    from zeek_beacons.live import status as states

    found = states.read(path)
    condition, problems = states.judge(found, time.time())
    return condition.name.lower(), problems, found


def _elsewhere(
    path: Path | None, url: str | None, token: str, authority: Path | None
) -> tuple[str, list[str], dict[str, Any], list[tuple[str, str]]]:
    """Condition and problems of what a file or another machine tells, all of it, and the same as lines."""
    from zeek_beacons.cli.listing import source_of  # what reads files is loaded only where it is asked for

    source = source_of(path, url, token, authority, None)
    found = source.status()
    try:
        lines = _lines(found.state) if found.state else _held(found.held)
    except (AttributeError, KeyError, TypeError, ValueError) as problem:
        raise InputError(source.name, "answers with no status of this version") from problem
    return found.condition, found.problems, found._asdict(), lines


def _state_file(config: Path | None, state: Path | None, shard: str | None) -> Path:
    """Where the sidecar, who may be another user, writes its state."""
    from zeek_beacons.live.settings import SidecarConfig, config_file, system_wide

    flags = {"state": None if state is None else str(state), "shard": shard}
    own = SidecarConfig.load(config_file(config), flags=flags)
    if own.state_file is None:
        raise ConfigError("state is 'none': the sidecar writes no state")
    return system_wide(own.state_file, own.state)


def _lines(state: Mapping[str, Any]) -> list[tuple[str, str]]:
    zeek, lag, history = state["zeek"], state["lag_seconds"], state["history"]
    lines = [
        ("sidecar", f"{state['name']}, {state['version']}, model {state['model']}, since {_when(state['started'])}"),
        ("zeek", f"{state['address']}: {state['role']}" + (f", {_zeek(zeek)}" if zeek else "")),
        *([("shard", state["shard"])] if state.get("shard") else []),
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
    if before := state.get("taken_over"):
        gone = f"{before['silent_seconds']:.0f} s after its last sign"
        lines.append(("taken over", f"from {before['name']}, {gone}, at {_when(before['at'])}"))
    if followed := state.get("followed"):
        lines += [_followed(name, one) for name, one in followed["sources"].items()]
        if "rows" in followed:
            lines.append(("rows", f"{_rows(followed['rows'])}; {followed['tracked']} pairs held"))
    if forwarded := state.get("forwarded"):
        lines.append(("forward", _forwarded(state["address"], forwarded)))
    if events := state.get("events"):
        lines.append(("events", _events(events)))
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


def _held(held: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a file holds."""
    if not held:
        return []
    times = [_when(held[name]) for name in ("first_seen", "last_seen") if held[name] is not None]
    return [
        ("file", f"{held['kind']}, {held['bytes'] / 1e6:.1f} MB, schema {held['schema']}"),
        ("model", f"{held['model']}, profile {held['profile'] or 'none'}"),
        ("held", f"pairs {held['pairs']}, with enough connections {held['scored']}, hosts {held['hosts']}"),
        ("alerting", f"pairs {held['beacons']}, incidents {held['incidents']}"),
        ("not", f"near misses {held['near_misses']}, kept quiet {held['suppressed']}"),
        *([("seen", " to ".join(times))] if times else []),
    ]


def _followed(name: str, source: Mapping[str, Any]) -> tuple[str, str]:
    """What came of files, or of a topic."""
    if "partitions" in source:
        told = (
            f"{name}: {source['messages']} messages, {source['bytes'] / 1e6:.1f} MB, {source['behind']} behind, "
            f"{source['bad']} bad, {source['other']} of other logs, {source['missed']} missed, "
            f"{source['hurried']} that did not wait, {source['cut']} begun anew"
        )
        problems = [source["example"], source["problem"]]
        return "topic", "; ".join([told, *filter(None, problems)])
    told = (
        f"{source['files']} known, {source['bytes'] / 1e6:.1f} MB read, {source['behind'] / 1e6:.1f} MB behind, "
        f"{source['left_out']} too old, {source['cut']} cut, {source['unreadable']} unreadable"
    )
    return "files", f"{told}; {source['problem']}" if source["problem"] else told


def _forwarded(address: str, told: Mapping[str, Any]) -> str:
    text = (
        f"{address}: {told['sent']} of {told['rows']} rows sent in {told['batches']} batches, "
        f"{told['duplicates']} twice, {told['waiting']} wait ({told['waiting_bytes'] / 1e6:.1f} MB), "
        f"{told['bad']} rows bad, {told['refused']} batches refused, {told['retries']} tries failed, "
        f"{told['full']} times full"
    )
    return "; ".join([text, *filter(None, (told["example"], told["problem"]))])


def _rows(rows: Mapping[str, Any]) -> str:
    told = (
        f"{rows['rows']} connections, {rows['bad']} bad, {rows['duplicates']} twice; "
        f"forgotten: {rows['forgotten_pairs']} pairs, {rows['cut_observations']} observations, "
        f"{rows['forgotten_rows']} rows beside; {rows['clock_steps']} steps back of the clock"
    )
    return f"{told}; {rows['problem']}" if rows["problem"] else told


def _events(events: Mapping[str, Any]) -> str:
    return (
        f"{events['source']}: {events['taken']} taken, {events['joined']} candidates joined, {events['held']} held, "
        f"{events['other']} of other things, {events['bad']} bad, {events['untimely']} untimely, "
        f"{events['forgotten']} forgotten, {events['refused']} writers refused"
    )


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
