"""Builds what sends logs on from its settings. Everything that can be wrong with them is found here."""

from __future__ import annotations

import logging
import secrets
import socket
from collections.abc import Sequence
from pathlib import Path

from zeek_beacons import __version__
from zeek_beacons.config import Config
from zeek_beacons.fleet.remote import trust_of
from zeek_beacons.live.follow.start import named_sources, sources_of
from zeek_beacons.live.forward.buffer import ForwardBuffer
from zeek_beacons.live.forward.receiver import BatchReceiver, token_in
from zeek_beacons.live.forward.service import Forwarder
from zeek_beacons.live.protocol.candidate_queue import QueueBounds
from zeek_beacons.live.protocol.messages import SidecarHello
from zeek_beacons.live.protocol.session import Session
from zeek_beacons.live.settings import SidecarConfig
from zeek_beacons.live.start import MEGABYTE, metrics_server

log = logging.getLogger(__name__)


def start_forwarding(
    paths: Sequence[str],
    own: SidecarConfig,
    config: Config,
    *,
    back: float | None = None,
    interval: float = 10.0,
    once: bool = False,
) -> Forwarder:
    """What is ready to run. Raises ConfigError and InputError."""
    files, topics = named_sources(paths)
    token = token_in(Path(own.forward_token)) if own.forward_token else ""
    source = own.forward_name or socket.gethostname()
    receiver = BatchReceiver(own.forward, source, token, trust_of(own.forward_ca, "forward_ca"))
    buffer = ForwardBuffer.open(own.forward_buffer_file, own.forward_megabytes * MEGABYTE)
    me = SidecarHello(secrets.token_hex(8), source, __version__, "")
    log.info("forwarding", extra={"fields": {"paths": list(paths), "to": receiver.url, "as": source}})
    sources = sources_of(files, topics, buffer.progress(), config, back=back, interval=interval, once=once, resume=True)
    return Forwarder(
        sources,
        buffer,
        receiver,
        Session(me, QueueBounds(own.queue)),
        own,
        config,
        interval,
        once,
        metrics_server(own.metrics),
    )
