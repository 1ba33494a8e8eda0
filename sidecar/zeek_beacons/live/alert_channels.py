"""The sinks that the settings name, with their queue in the state folder."""

from __future__ import annotations

from pathlib import Path

from zeek_beacons.alerts.channels import Channels
from zeek_beacons.alerts.registry import sink_of
from zeek_beacons.alerts.settings import AlertConfig
from zeek_beacons.live.settings import state_folder


def channels_of(config: AlertConfig) -> Channels:
    """The sinks, checked; nothing is sent yet. Raises ConfigError."""
    sinks = [sink_of(text) for text in config.alert]
    return Channels(sinks, Path(config.queue) if config.queue else state_folder() / "alerts.db")
