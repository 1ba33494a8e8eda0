"""Builds a sidecar from its settings. Everything that can be wrong with them is found here, before it runs."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from zeek_beacons import __version__
from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.errors import ConfigError
from zeek_beacons.incidents import identity
from zeek_beacons.live.allow_list_file import AllowListFile
from zeek_beacons.live.history.guard import HistoryGuard
from zeek_beacons.live.history.store import Limits
from zeek_beacons.live.incidents import MOST_MEMBERS, LiveIncidents
from zeek_beacons.live.operators import ANALYSIS, Operators, followed
from zeek_beacons.live.protocol import wire
from zeek_beacons.live.protocol.candidate_queue import QueueBounds
from zeek_beacons.live.protocol.messages import SidecarHello
from zeek_beacons.live.protocol.session import Session
from zeek_beacons.live.service import Service
from zeek_beacons.live.settings import SidecarConfig
from zeek_beacons.live.threshold import SiteThreshold
from zeek_beacons.live.transport import transport
from zeek_beacons.live.worker import FOLLOWED, Worker
from zeek_beacons.operator_file.follow import OperatorFollower
from zeek_beacons.operator_file.telemetry import ORIGIN
from zeek_beacons.scoring import Scoring

if TYPE_CHECKING:
    from zeek_beacons.live.alerting import LiveAlerts
    from zeek_beacons.live.endpoints.intake import EventIntake
    from zeek_beacons.live.metrics_server import MetricsServer
    from zeek_beacons.live.takeover import Predecessor

log = logging.getLogger(__name__)
MEGABYTE = 1_000_000


def start(
    own: SidecarConfig,
    config: Config,
    scoring: Scoring,
    once: bool = False,
    alerts: LiveAlerts | None = None,
    before: Predecessor | None = None,
) -> Service:
    """A service that is ready to run; what alerts goes to Zeek, and to `alerts`. Raises ConfigError and InputError.

    `before`: whose shard it takes over.
    """
    if config.threshold and own.alerts_per_host_day:
        raise ConfigError("threshold and alerts_per_host_day exclude each other: each sets the threshold")
    way = transport(own)
    allow_list = AllowListFile(Path(own.allow) if own.allow else None)
    name = f"{socket.gethostname()}:{os.getpid()}"
    me = SidecarHello(secrets.token_hex(8), name, __version__, scoring.identity, own.one_shard)
    session = Session(me, QueueBounds(own.queue))
    metrics, intake = metrics_server(own.metrics_address), _events(own)
    path = own.history_file
    log.info(
        "starting",
        extra={
            "fields": {
                "sidecar": me.sidecar,
                "version": me.version,
                "model": me.model,
                "zeek": way.address,
                "shard": own.shard or None,
                "history": None if path is None else str(path),
                "profile": config.profile,
                "threshold": config.threshold or None,
                "alerts_per_host_day": own.alerts_per_host_day or None,
                "metrics": own.metrics_address or None,
                "events": own.events_source or None,
                "alerts": None if alerts is None else list(alerts.channels.state()["sinks"]),
            }
        },
    )
    for warning in scoring.warnings:
        log.warning("knowledge_missing", extra={"fields": {"problem": warning}})
    for told in scoring.local.indicators.said:
        log.info("indicators", extra={"fields": {"list": told}})
    history = site = None
    unconfirmed: list[str] = []
    progress: dict[tuple[str, str], int] = {}
    if path is not None:
        limits = Limits(own.history_days, own.history_megabytes * MEGABYTE, own.history_hourly_days)
        history = HistoryGuard(path, limits)
        history.claim()
        unconfirmed, progress = history.start()
        session.resume({place: seq for place, seq in progress.items() if place[0] not in (ORIGIN, ANALYSIS, FOLLOWED)})
        if own.alerts_per_host_day:
            site = SiteThreshold(scoring, config, own.alerts_per_host_day)
            site.refresh(history)
    worker = Worker(me.sidecar, scoring, config, history, site, alerts, None if intake is None else intake.held)
    if history is not None:
        known = history.incidents(MOST_MEMBERS)
        worker.incidents.resume(known.members, known.incidents, time.time())
        if alerts is not None:
            worker.rejudging = rejudging(worker, history, alerts)
    _resume(session, unconfirmed, worker.incidents)
    followers = operators(own, worker, progress)
    return Service(session, way, worker, allow_list, own, once, followers, metrics, intake, before)


def operators(own: SidecarConfig, worker: Worker, progress: Mapping[tuple[str, str], int]) -> Operators | None:
    """Those who follow what people say in the console, where a file for it is named."""
    path = own.operator_file
    if path is None:
        return None
    follower = OperatorFollower(path, followed(progress, ORIGIN))
    return Operators(follower, worker, followed(progress, ANALYSIS))


def rejudging(worker: Worker, history: HistoryGuard, alerts: LiveAlerts) -> Callable[[AllowList], bool] | None:
    """What judges again all that is held, where another model has judged it before."""
    model, before = worker.scoring.identity, alerts.channels.model
    if before in (None, model):
        alerts.channels.note_model(model)
        return None
    from zeek_beacons.live.rejudging import Rejudging

    log.info("judging_again", extra={"fields": {"model": model, "before": before}})
    return Rejudging(worker, history, alerts).step


def metrics_server(address: str) -> MetricsServer | None:
    """What answers Prometheus; None where it is not asked for, and nothing of it is imported."""
    if not address:
        return None
    from zeek_beacons.live.metrics_server import MetricsServer

    return MetricsServer(address)


def _events(own: SidecarConfig) -> EventIntake | None:
    """What takes events of endpoints in; None where there are none, and nothing of it is imported."""
    if not own.events:
        return None
    from zeek_beacons.live.endpoints.intake import intake

    return intake(own.events_source, own.max_events, own.events_hours * 3600)


def _resume(session: Session, alerts: list[str], incidents: LiveIncidents) -> None:
    """Takes up the alerts that no Zeek has confirmed."""
    now = time.monotonic()
    for verdict in filter(None, map(wire.decode_verdict, alerts)):
        incident = incidents.of(verdict.key) or verdict.incident or identity(verdict.key)
        session.pending_alerts.add(replace(verdict, sidecar=session.me.sidecar, incident=incident), now)
