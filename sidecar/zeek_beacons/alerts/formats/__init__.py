"""How an alert is written for a SIEM: one format a file, one line each here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from zeek_beacons.alerts.alert import Alert
from zeek_beacons.alerts.formats import cef, ecs, ocsf


@dataclass(frozen=True, slots=True)
class AlertFormat:
    """`text` makes one line of an alert."""

    text: Callable[[Alert], str]
    media_type: str


FORMATS: Mapping[str, AlertFormat] = {
    "json": AlertFormat(Alert.to_json, "application/json"),
    "ecs": AlertFormat(ecs.text, "application/json"),
    "ocsf": AlertFormat(ocsf.text, "application/json"),
    "cef": AlertFormat(cef.text, "text/plain; charset=utf-8"),
}
