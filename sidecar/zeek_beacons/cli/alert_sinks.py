"""`--alert` of the batch commands: sinks are checked before anything is scored, and get what alerts at the end.

The modules that send are imported only where a sink is named.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeek_beacons.alerts.settings import AlertConfig
from zeek_beacons.errors import ConfigError
from zeek_beacons.pipeline import Scored
from zeek_beacons.reports.queries import Sources

if TYPE_CHECKING:
    from zeek_beacons.alerts.channels import Channels


@dataclass(frozen=True, slots=True)
class BatchAlerts:
    """Sinks that are ready to be used."""

    channels: Channels
    config: AlertConfig

    def send(self, scored: Scored, model: str, sources: Sources) -> None:
        """Sends an alert for each incident, waits a while, and says on standard error what was sent and what waits."""
        from zeek_beacons.alerts.build import incident_alerts, stopped_alerts

        now = time.time()
        alerts = list(incident_alerts(scored, model, now, sources))
        if self.config.stopped:
            alerts += stopped_alerts(scored, model, now, sources)
        self.channels.start()
        self.channels.submit(alerts)
        self.channels.flush(self.config.wait)
        self.channels.close()
        for line in told(self.channels.state()):
            print(line, file=sys.stderr)


def told(state: Mapping[str, Any]) -> list[str]:
    """What became of the alerts, a line a sink. `state`: as of `Channels.state`."""
    lines = []
    for name, health in state["sinks"].items():
        line = f"alerts to {name}: {health['delivered']} sent"
        if health["unconfirmed"]:
            line += f", {health['unconfirmed']} of them unconfirmed"
        if health["waiting"]:
            line = f"WARNING: {line}, {health['waiting']} wait in {state['queue']} for the next run"
            line += f" ({health['last_error']})" if health["last_error"] else ""
        if health["lost"]:
            line += "; lost so far: " + ", ".join(f"{count} ({why})" for why, count in health["lost"].items())
        lines.append(line)
    if state["held"] or state["lost_in_memory"]:
        lost = f"{state['held']} alerts never reached the disk, {state['lost_in_memory']} lost"
        lines.append(f"WARNING: {state['queue']}: {state['problem']}; {lost}")
    return lines


def opened(file: Path | None, sinks: list[str] | None, stopped: bool) -> BatchAlerts | None:
    """The sinks of the options and settings; None where there are none. Raises ConfigError."""
    config = settings(file, sinks, stopped)
    if not config.alert:
        return None
    from zeek_beacons.live.alert_channels import channels_of

    logging.getLogger("zeek_beacons").addHandler(logging.NullHandler())  # what failed is said at the end
    return BatchAlerts(channels_of(config), config)


def settings(file: Path | None, sinks: list[str] | None, stopped: bool) -> AlertConfig:
    """Settings of alerts, flags over environment over file. Raises ConfigError."""
    flags = {"alert": None if sinks is None else tuple(sinks), "stopped": stopped or None}
    config = AlertConfig.load(file, flags=flags)
    if stopped and not config.alert:
        raise ConfigError("--alert-stopped needs a sink to alert to: --alert")
    return config
