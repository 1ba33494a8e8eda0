"""`zeek-beacons follow`: judges what a Zeek writes to its logs, where nothing can be installed beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from zeek_beacons.cli import options
from zeek_beacons.cli.sidecar import LEVELS, live_alerts

HOURS = 24.0  # that are read at the start, where nothing else is said


def follow(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Folders of logs, or a log; logs beside a conn.log and in folders below are found. "
            "Or kafka://HOST:PORT/TOPIC[,TOPIC][?group=NAME&config=FILE].",
            show_default=False,
        ),
    ],
    history: Annotated[
        Optional[Path], typer.Option(help="History file (default: history.db in the state folder).", show_default=False)
    ] = None,
    no_history: Annotated[
        bool, typer.Option("--no-history", help="Keep nothing: a restart begins anew, and tells again.")
    ] = False,
    state: Annotated[
        Optional[Path],
        typer.Option(help="File for `zeek-beacons status` (default: in the state folder).", show_default=False),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Read what is there, judge it, and end.")] = False,
    back: Annotated[
        Optional[float],
        typer.Option(
            help="Hours before the start in which a file must have changed to be read.  "
            f"[default: {HOURS:g}; all files with --once]",
            show_default=False,
        ),
    ] = None,
    interval: Annotated[float, typer.Option(help="Seconds between looks at the files.")] = 10.0,
    max_pairs: Annotated[
        int, typer.Option(help="Pairs held at once; beyond, those seen least lately are forgotten.")
    ] = 500_000,
    max_total_observations: Annotated[
        int, typer.Option(help="Observations held in all; beyond, the longest pairs are cut to their newest half.")
    ] = 8_000_000,
    max_held: Annotated[
        int, typer.Option(help="Rows held of each log beside conn.log, until the row of their connection comes.")
    ] = 2_000_000,
    allow: Annotated[
        Optional[Path], typer.Option(help="Allow-list file, reread when it changes.", show_default=False)
    ] = None,
    intel: options.Intel = None,
    mmdb: options.Mmdb = None,
    direction: options.Direction = None,
    local_net: options.LocalNets = None,
    profile: options.Profile = None,
    threshold: options.Threshold = None,
    alerts_per_host_day: options.AlertsPerHostDay = None,
    model: options.ModelFolder = None,
    rules_only: options.RulesOnly = False,
    min_connections: Annotated[
        Optional[int],
        typer.Option(help="Connections below which a pair is not scored.  [default: 5]", show_default=False),
    ] = None,
    max_observations: options.MaxObservations = None,
    columns: options.Columns = None,
    alert: options.AlertSinks = None,
    alert_stopped: options.AlertStopped = False,
    forward: Annotated[
        Optional[str],
        typer.Option(
            help="Judge nothing here: send it to the `serve --inbox` at this https:// address.", show_default=False
        ),
    ] = None,
    forward_token: Annotated[
        Optional[Path], typer.Option(help="File with the token that it asks for.", show_default=False)
    ] = None,
    forward_ca: Annotated[
        Optional[Path],
        typer.Option(
            help="Certificate authority (PEM) to check it against (default: the system's).", show_default=False
        ),
    ] = None,
    forward_name: Annotated[
        Optional[str],
        typer.Option(help="What this sensor is called there (default: this machine's name).", show_default=False),
    ] = None,
    forward_buffer: Annotated[
        Optional[Path],
        typer.Option(help="File of what waits (default: forward.sqlite in the state folder).", show_default=False),
    ] = None,
    metrics: Annotated[
        Optional[str], typer.Option(help="ADDRESS:PORT to tell Prometheus at.", show_default=False)
    ] = None,
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
    config: options.SystemConfigFile = None,
) -> None:
    """Follow logs as Zeek writes and rotates them, and alert: for sensors where nothing can be installed.

    Reads conn.log with ssl, http, dns and the other logs beside it (TSV or JSON, plain, .gz or .zst, or a topic of
    Kafka), or flow logs, by the rules of `score`; keeps a history, tells sinks and the console as `sidecar` does. Runs
    until SIGTERM.

    Examples:

        zeek-beacons follow /opt/zeek/logs --alert syslog:tls://siem.example:6514

        zeek-beacons follow kafka://broker.example:9092/zeek --history /data/beacons.db

        zeek-beacons follow /nsm/zeek/logs --history /data/beacons.db --alert file:/var/log/beacons.json

        zeek-beacons follow /opt/zeek/logs --forward https://console.example:8520 --forward-token token

        zeek-beacons follow /opt/zeek/logs --once --history /data/beacons.db
    """
    from zeek_beacons.errors import ConfigError
    from zeek_beacons.knowledge.local import LocalKnowledge
    from zeek_beacons.live import logs
    from zeek_beacons.live.follow.start import start
    from zeek_beacons.live.follow.tracker import TrackerBounds
    from zeek_beacons.live.settings import SidecarConfig, config_file
    from zeek_beacons.scoring import Scoring

    if log_level.upper() not in LEVELS:
        raise ConfigError(f"--log-level is {log_level!r}, expected one of {', '.join(LEVELS)}")
    if no_history and history:
        raise ConfigError("--history and --no-history exclude each other")
    for name, value, least in (
        ("max-pairs", max_pairs, 100),
        ("max-total-observations", max_total_observations, 1000),
        ("max-held", max_held, 1000),
        ("interval", interval, 0.1),
    ):
        if not value >= least:
            raise ConfigError(f"--{name} is {value}, expected at least {least}")
    options.either(threshold, alerts_per_host_day)
    file = config_file(config)
    own = SidecarConfig.load(
        file,
        flags={
            "history": "none" if no_history else None if history is None else str(history),
            "alerts_per_host_day": alerts_per_host_day,
            "state": None if state is None else str(state),
            "shard": "",  # the files are followed by one
            "allow": None if allow is None else str(allow),
            "metrics": metrics,
            "forward": forward,
            "forward_token": None if forward_token is None else str(forward_token),
            "forward_ca": None if forward_ca is None else str(forward_ca),
            "forward_name": forward_name,
            "forward_buffer": None if forward_buffer is None else str(forward_buffer),
        },
    )
    settings = options.settings(
        file,
        profile=profile,
        threshold=threshold,
        direction=direction,
        local_nets=local_net,
        min_connections=min_connections,
        max_observations=max_observations,
        intel=intel,
        mmdb=mmdb,
        map=columns,
    )
    hours = back if back is not None or once else HOURS
    seconds = None if hours is None else hours * 3600
    if own.forward:
        from zeek_beacons.live.forward.start import start_forwarding

        if alert:
            raise ConfigError("--forward and --alert exclude each other: what judges also tells")
        logs.set_up(log_level.upper())
        start_forwarding(paths, own, settings, back=seconds, interval=interval, once=once).serve()
        return
    scoring = Scoring.rules_only() if rules_only else Scoring.load(model, threads=1)
    scoring = scoring.knowing(LocalKnowledge.load(settings.intel, settings.mmdb))
    alerts = live_alerts(file, alert, alert_stopped)
    logs.set_up(log_level.upper())
    start(
        paths,
        own,
        settings,
        scoring,
        TrackerBounds(max_pairs, max_total_observations, max_held),
        back=seconds,
        interval=interval,
        once=once,
        alerts=alerts,
    ).serve()
