"""A sidecar from its settings: everything that can be wrong with them is said here, before it runs."""

from __future__ import annotations

import logging
import os
import secrets
import socket
import time
from dataclasses import replace
from pathlib import Path

from zeek_beacons import __version__
from zeek_beacons.config import Config
from zeek_beacons.live.allowing import Allowing
from zeek_beacons.live.history.guard import Keeper
from zeek_beacons.live.history.store import Limits
from zeek_beacons.live.protocol import wire
from zeek_beacons.live.protocol.candidate_queue import Bounds
from zeek_beacons.live.protocol.messages import Greeting
from zeek_beacons.live.protocol.session import Session
from zeek_beacons.live.service import Service
from zeek_beacons.live.settings import SidecarConfig
from zeek_beacons.live.threshold import SiteThreshold
from zeek_beacons.live.transport import transport
from zeek_beacons.live.worker import Worker
from zeek_beacons.scoring import Scoring

log = logging.getLogger(__name__)
MEGABYTE = 1_000_000


def start(own: SidecarConfig, config: Config, scoring: Scoring, once: bool = False) -> Service:
    """A service that is ready to run. Raises ConfigError and InputError."""
    way = transport(own)
    allowing = Allowing(Path(own.allow) if own.allow else None)
    me = Greeting(secrets.token_hex(8), f"{socket.gethostname()}:{os.getpid()}", __version__, scoring.identity)
    session = Session(me, Bounds(own.queue))
    path = own.history_file
    log.info(
        "starting",
        extra={
            "fields": {
                "sidecar": me.sidecar,
                "version": me.version,
                "model": me.model,
                "zeek": way.address,
                "history": None if path is None else str(path),
                "profile": config.profile,
                "alerts_per_host_day": own.alerts_per_host_day or None,
            }
        },
    )
    keeper = site = None
    if path is not None:
        keeper = Keeper(path, Limits(own.history_days, own.history_megabytes * MEGABYTE))
        _resume(session, keeper)
        if own.alerts_per_host_day:
            site = SiteThreshold(scoring, config, own.alerts_per_host_day)
            site.refresh(keeper)
    return Service(session, way, Worker(me.sidecar, scoring, config, keeper, site), allowing, own, once)


def _resume(session: Session, keeper: Keeper) -> None:
    """Takes up the alerts that no Zeek has confirmed."""
    alerts, progress = keeper.start()
    now = time.monotonic()
    for verdict in filter(None, map(wire.decode_verdict, alerts)):
        session.unconfirmed.add(replace(verdict, sidecar=session.me.sidecar), now)
    session.resume(progress)
