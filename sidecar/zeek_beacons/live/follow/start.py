"""Builds what follows logs from its settings. Everything that can be wrong with them is found here, before it runs."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from zeek_beacons import __version__
from zeek_beacons.config import Config
from zeek_beacons.errors import ConfigError, InputError
from zeek_beacons.live.allow_list_file import AllowListFile
from zeek_beacons.live.follow.kafka_address import PREFIX, SCHEME, KafkaAddress
from zeek_beacons.live.follow.log_files import LogFiles
from zeek_beacons.live.follow.service import Follower
from zeek_beacons.live.follow.sources import FollowedFiles, FollowedSource
from zeek_beacons.live.follow.tracker import Tracker, TrackerBounds
from zeek_beacons.live.history.guard import HistoryGuard
from zeek_beacons.live.history.store import Limits
from zeek_beacons.live.incidents import MOST_MEMBERS
from zeek_beacons.live.operators import followed
from zeek_beacons.live.protocol.candidate_queue import QueueBounds
from zeek_beacons.live.protocol.messages import SidecarHello
from zeek_beacons.live.protocol.session import Session
from zeek_beacons.live.settings import SidecarConfig
from zeek_beacons.live.start import MEGABYTE, metrics_server, operators, rejudging
from zeek_beacons.live.threshold import SiteThreshold
from zeek_beacons.live.worker import FOLLOWED, Worker
from zeek_beacons.scoring import Scoring

if TYPE_CHECKING:
    from zeek_beacons.live.alerting import LiveAlerts

PATIENCE = 60.0  # seconds that the history may take: nobody waits for a verdict here, and logs stay where they are

log = logging.getLogger(__name__)


def named_sources(named: Sequence[str]) -> tuple[list[Path], list[KafkaAddress]]:
    """Paths and topics that the user named. Raises ConfigError and InputError where one is none."""
    paths = [Path(one) for one in named if not one.startswith(SCHEME)]
    for path in paths:
        if not path.exists():
            raise InputError(str(path), "no such file or folder")
    addresses = [KafkaAddress.parsed(one) for one in named if one.startswith(SCHEME)]
    if addresses:
        import zeek_beacons.live.follow.kafka  # noqa: F401  # needs packages that few have, and says so
    return paths, addresses


def sources_of(
    paths: Sequence[Path],
    addresses: Sequence[KafkaAddress],
    known: Mapping[str, int],
    config: Config,
    *,
    back: float | None = None,
    interval: float = 10.0,
    once: bool = False,
    resume: bool = False,
) -> list[FollowedSource]:
    """What is followed. `known`: how far an earlier run got; `resume`: go on there. Raises ConfigError."""
    of_topics = {one: offset for one, offset in known.items() if one.startswith(PREFIX)}
    of_files = {one: read for one, read in known.items() if one not in of_topics}
    found: list[FollowedSource] = []
    if paths:
        found.append(FollowedFiles(LogFiles(paths, of_files or None, back, config.map, resume), once))
    if addresses:
        from zeek_beacons.live.follow.kafka import KafkaTopics

        found += [KafkaTopics(one, of_topics, back, interval, once, resume) for one in addresses]
    return found


def start(
    paths: Sequence[str],
    own: SidecarConfig,
    config: Config,
    scoring: Scoring,
    bounds: TrackerBounds,
    *,
    back: float | None = None,
    interval: float = 10.0,
    once: bool = False,
    alerts: LiveAlerts | None = None,
) -> Follower:
    """What is ready to run. `back`: seconds, see LogFiles. Raises ConfigError and InputError."""
    files, topics = named_sources(paths)
    if config.threshold and own.alerts_per_host_day:
        raise ConfigError("threshold and alerts_per_host_day exclude each other: each sets the threshold")
    me = SidecarHello(secrets.token_hex(8), f"{socket.gethostname()}:{os.getpid()}", __version__, scoring.identity)
    file = own.history_file
    told: dict[str, object] = {"version": me.version, "model": me.model, "paths": list(paths)}
    told |= {"history": None if file is None else str(file), "profile": config.profile}
    log.info("starting", extra={"fields": told})
    for warning in scoring.warnings:
        log.warning("knowledge_missing", extra={"fields": {"problem": warning}})
    history = site = None
    progress: dict[tuple[str, str], int] = {}
    if file is not None:
        limits = Limits(own.history_days, own.history_megabytes * MEGABYTE, own.history_hourly_days)
        history = HistoryGuard(file, limits, patience=PATIENCE, slow=PATIENCE)
        history.claim()
        _, progress = history.start()
        if own.alerts_per_host_day:
            site = SiteThreshold(scoring, config, own.alerts_per_host_day)
            site.refresh(history)
    worker = Worker(me.sidecar, scoring, config, history, site, alerts)
    if history is not None:
        known = history.incidents(MOST_MEMBERS)
        worker.incidents.resume(known.members, known.incidents, time.time())
        if alerts is not None:
            worker.rejudging = rejudging(worker, history, alerts)
    return Follower(
        sources_of(files, topics, followed(progress, FOLLOWED), config, back=back, interval=interval, once=once),
        Tracker(config, bounds),
        worker,
        Session(me, QueueBounds(own.queue)),
        AllowListFile(Path(own.allow) if own.allow else None),
        own,
        operators(own, worker, progress),
        interval,
        once,
        metrics_server(own.metrics),
    )
