"""`zeek-beacons sidecar`: serves a running Zeek."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Optional

import typer

from zeek_beacons.cli import options

if TYPE_CHECKING:
    from zeek_beacons.live.alerting import LiveAlerts

LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


def sidecar(
    zeek: Annotated[
        Optional[str],
        typer.Option(
            help="Where Zeek listens: ws://, wss:// or broker://HOST:PORT.  [default: ws://127.0.0.1:27759]",
            show_default=False,
        ),
    ] = None,
    shard: Annotated[
        Optional[str],
        typer.Option(
            help="Whose pairs, where several sidecars share them: 2/4, or any/4 for one that nobody serves.  "
            "[default: all pairs]",
            show_default=False,
        ),
    ] = None,
    history: Annotated[
        Optional[Path], typer.Option(help="History file (default: history.db in the state folder).", show_default=False)
    ] = None,
    no_history: Annotated[bool, typer.Option("--no-history", help="Keep nothing of what pairs did before.")] = False,
    state: Annotated[
        Optional[Path],
        typer.Option(help="File for `zeek-beacons status` (default: in the state folder).", show_default=False),
    ] = None,
    allow: Annotated[
        Optional[Path], typer.Option(help="Allow-list file, reread when it changes.", show_default=False)
    ] = None,
    events: Annotated[
        Optional[str],
        typer.Option(
            help="Endpoints' events, with the process behind each: a file that grows, or unix:PATH to listen on.",
            show_default=False,
        ),
    ] = None,
    intel: options.Intel = None,
    mmdb: options.Mmdb = None,
    profile: Annotated[
        Optional[str],
        typer.Option(
            help="How much must be sure: conservative, balanced, sensitive.  [default: balanced]", show_default=False
        ),
    ] = None,
    threshold: options.Threshold = None,
    alerts_per_host_day: options.AlertsPerHostDay = None,
    model: Annotated[
        Optional[Path], typer.Option(help="Model folder (default: the shipped one).", show_default=False)
    ] = None,
    rules_only: Annotated[bool, typer.Option("--rules-only", help="Score by the interpretable rules alone.")] = False,
    min_connections: Annotated[
        Optional[int],
        typer.Option(help="Connections below which a pair is not scored.  [default: 6]", show_default=False),
    ] = None,
    max_observations: options.MaxObservations = None,
    alert: options.AlertSinks = None,
    alert_stopped: options.AlertStopped = False,
    metrics: Annotated[
        Optional[str],
        typer.Option(help="Where Prometheus finds /metrics: ADDRESS:PORT.  [default: nowhere]", show_default=False),
    ] = None,
    tls_ca: Annotated[
        Optional[Path], typer.Option(help="Certificate authority for wss:// (PEM).", show_default=False)
    ] = None,
    allow_plaintext: Annotated[
        bool, typer.Option("--allow-plaintext", help="Speak to another machine without TLS.")
    ] = False,
    once: Annotated[bool, typer.Option("--once", help="End when the Zeek that was served closes.")] = False,
    log_level: Annotated[str, typer.Option(help="DEBUG, INFO, WARNING or ERROR.")] = "INFO",
    config: options.SystemConfigFile = None,
) -> None:
    """Judge the candidates of a running Zeek and send verdicts back, which become its notices.

    Runs until SIGTERM. Connects again for as long as it takes; logs JSON lines to standard error.

    Examples:

        zeek-beacons sidecar

        zeek-beacons sidecar --alert syslog:tls://siem.example:6514 --alert file:/var/log/beacons.json

        zeek-beacons sidecar --shard any/4

        zeek-beacons sidecar --events unix:/run/zeek-beacons/events.sock

        zeek-beacons sidecar --history /data/beacons.db --allow /etc/zeek-beacons/allow.list --profile conservative
    """
    from zeek_beacons.errors import ConfigError
    from zeek_beacons.knowledge.local import LocalKnowledge
    from zeek_beacons.live import logs
    from zeek_beacons.live.service import serve
    from zeek_beacons.live.settings import SidecarConfig, config_file
    from zeek_beacons.live.start import start
    from zeek_beacons.live.takeover import serving_one
    from zeek_beacons.scoring import Scoring

    if log_level.upper() not in LEVELS:
        raise ConfigError(f"--log-level is {log_level!r}, expected one of {', '.join(LEVELS)}")
    if no_history and history:
        raise ConfigError("--history and --no-history exclude each other")
    options.either(threshold, alerts_per_host_day)
    file = config_file(config)
    own = SidecarConfig.load(
        file,
        flags={
            "zeek": zeek,
            "shard": shard,
            "history": "none" if no_history else _text(history),
            "alerts_per_host_day": alerts_per_host_day,
            "state": _text(state),
            "allow": _text(allow),
            "events": events,
            "metrics": metrics,
            "tls_ca": _text(tls_ca),
            "allow_plaintext": allow_plaintext or None,
        },
    )
    settings = options.settings(
        file,
        profile=profile,
        threshold=threshold,
        min_connections=min_connections,
        max_observations=max_observations,
        intel=intel,
        mmdb=mmdb,
    )
    scoring = Scoring.rules_only() if rules_only else Scoring.load(model, threads=1)
    scoring = scoring.knowing(LocalKnowledge.load(settings.intel, settings.mmdb))
    alerts = live_alerts(file, alert, alert_stopped)
    logs.set_up(log_level.upper())
    with serving_one(own) as found:
        if found is not None:
            mine, before = found
            serve(start(mine, settings, scoring, once, alerts, before))


def live_alerts(file: Path | None, sinks: list[str] | None, stopped: bool) -> LiveAlerts | None:
    """The sinks of the options and settings; None where there are none, and what sends is not imported."""
    from zeek_beacons.cli.alert_sinks import settings

    config = settings(file, sinks, stopped)
    if not config.alert:
        return None
    from zeek_beacons.live.alert_channels import channels_of
    from zeek_beacons.live.alerting import LiveAlerts

    return LiveAlerts(channels_of(config), config)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
