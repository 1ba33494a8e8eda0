"""Builds the server from its settings, and runs it until it is told to end."""

from __future__ import annotations

from pathlib import Path

import uvicorn

from zeek_beacons.config import Config
from zeek_beacons.errors import ConfigError
from zeek_beacons.live.forward.inbox import ForwardInbox
from zeek_beacons.live.settings import SidecarConfig, system_wide
from zeek_beacons.locality import PRIVATE_NETS
from zeek_beacons.operator_file.store import OperatorStore
from zeek_beacons.serve.access import Access
from zeek_beacons.serve.app import app_of
from zeek_beacons.serve.jobs import Jobs
from zeek_beacons.serve.many import fleet_of, with_operators
from zeek_beacons.serve.patient_protocol import PatientProtocol
from zeek_beacons.serve.settings import ServeConfig
from zeek_beacons.serve.surface import ManyShown, Shown, Surface

MEGABYTE = 1_000_000
GRACE = 3  # seconds for requests that are under way at the end


def surface_of(own: ServeConfig, sidecar: SidecarConfig, config: Config) -> Surface:
    """What the routes share. Raises ConfigError, StoreError and InputError."""
    surface = _over_sensors(own, config) if own.source else _over_one(own, sidecar, config)
    if own.inbox:
        inbox = ForwardInbox.open(Path(own.inbox), own.inbox_megabytes * MEGABYTE, own.inbox_hours * 3600)
        surface.inbox = inbox
    return surface


def _over_one(own: ServeConfig, sidecar: SidecarConfig, config: Config) -> Surface:
    shown = system_wide(own.shown(sidecar), own.report or own.history or sidecar.history)
    if own.report and not shown.is_dir():
        raise ConfigError(f"{shown}: no folder with a result; `zeek-beacons score LOGS -o {shown}` makes one")
    store = OperatorStore(own.operator_file(shown))
    access = Access(store, own.on_loopback, own.session_hours * 3600)
    nets = () if config.local_nets == PRIVATE_NETS else config.local_nets
    state = None
    if not own.report:
        path = Path(own.state) if own.state else None if len(sidecar.shards) > 1 else sidecar.state_file
        state = path and system_wide(path, own.state or sidecar.state)
    return Surface(own, Shown(shown), store, access, Jobs(store, own, nets), state)


def _over_sensors(own: ServeConfig, config: Config) -> Surface:
    store, fleet = OperatorStore(own.operator_file(Path())), fleet_of(own)
    access = Access(store, own.on_loopback, own.session_hours * 3600)
    nets = () if config.local_nets == PRIVATE_NETS else config.local_nets
    return with_operators(Surface(own, ManyShown(fleet), store, access, Jobs(store, own, nets), None, fleet))


def serve(surface: Surface) -> None:
    """Serves until SIGTERM or SIGINT."""
    uvicorn.Server(server_config(surface)).run()


def server_config(surface: Surface) -> uvicorn.Config:
    """How the server serves."""
    own = surface.settings
    host, port = own.address
    return uvicorn.Config(
        app_of(surface),
        host=host,
        port=port,
        http=PatientProtocol,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ssl_certfile=own.tls_cert or None,
        ssl_keyfile=own.tls_key or None,
        timeout_graceful_shutdown=GRACE,
        h11_max_incomplete_event_size=65_536,
        limit_concurrency=500,
    )
