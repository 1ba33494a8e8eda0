"""All sinks: one file and one line each. A sink's module is imported only when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TypeAlias

from zeek_beacons.alerts.sink import Sink, SinkSpec

Maker: TypeAlias = Callable[[SinkSpec], Sink]

SINKS: Mapping[str, str] = {
    "file": "zeek_beacons.alerts.file:FileSink",
    "syslog": "zeek_beacons.alerts.syslog:SyslogSink",
    "webhook": "zeek_beacons.alerts.webhook:WebhookSink",
    "email": "zeek_beacons.alerts.mail:MailSink",
}


def sink_of(text: str) -> Sink:
    """The sink that a text names, ready to be used; nothing is sent yet. Raises ConfigError."""
    spec = SinkSpec.parse(text)
    if spec.kind not in SINKS:
        raise spec.wrong(f"unknown kind {spec.kind!r}, expected one of {', '.join(SINKS)}")
    module, _, name = SINKS[spec.kind].partition(":")
    make: Maker = getattr(import_module(module), name)
    return make(spec)
