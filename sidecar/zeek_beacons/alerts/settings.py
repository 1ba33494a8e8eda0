"""Settings of alerts: the table `[alerts]` of the settings file < ZEEK_BEACONS_ALERTS_... < flags."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from zeek_beacons.config import layered, read_toml, refuse_unknown
from zeek_beacons.errors import ConfigError, SettingError

TABLE = "alerts"
ENVIRONMENT = "ZEEK_BEACONS_ALERTS_"


@dataclass(frozen=True, slots=True)
class AlertConfig:
    """All settings of alerts, valid from creation on."""

    # Sinks: file:PATH, syslog:SCHEME://HOST:PORT, webhook:URL, email:ADDRESS; see docs/alerts.md.
    alert: tuple[str, ...] = ()
    # File of the queue; empty: `alerts.db` in the state folder.
    queue: str = ""
    # Hours in which the sidecar tells an incident again only when its severity rises.
    cooldown_hours: float = 24.0
    # Whether it is told too when a beacon has stopped.
    stopped: bool = False
    # Seconds that `score` and `pcap` wait for the sinks at their end; what waits longer stays in the queue.
    wait: float = 30.0

    def __post_init__(self) -> None:
        if not 0 < self.cooldown_hours <= 720:
            raise SettingError("cooldown_hours", f"is {self.cooldown_hours}, expected above 0 to 720")
        if not 0 <= self.wait <= 3600:
            raise SettingError("wait", f"is {self.wait}, expected 0 to 3600")

    @classmethod
    def load(
        cls,
        file: Path | None = None,
        environ: Mapping[str, str] = os.environ,
        flags: Mapping[str, Any] | None = None,
    ) -> Self:
        """Settings from a TOML file's table `[alerts]`, the environment and flags; None means not given."""
        table = read_toml(file).get(TABLE, {}) if file else {}
        if not isinstance(table, dict):
            raise ConfigError(f"{file}: {TABLE} is no table")
        refuse_unknown(cls, ENVIRONMENT, environ)
        return layered(cls, f"{file} [{TABLE}]", table, ENVIRONMENT, environ, flags)
