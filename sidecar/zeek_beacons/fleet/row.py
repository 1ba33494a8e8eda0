"""A sensor as it is listed."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SensorRow:
    """How a sensor is. Times are seconds since the epoch, None where not known."""

    name: str
    place: str  # where it is read
    unread_since: float | None  # from when on it could not be read; None: it can
    problem: str  # why it cannot
    problems: tuple[str, ...]  # what its own console finds wrong
    read: float | None  # when it was last looked at with success
    newest: float | None  # its newest connection
    lag: float | None  # seconds since then
    written: float | None  # when what is read was last written
    version: str
    model: str
    config: str  # digest of the settings
    profile: str
    threshold: float | None
    drift: tuple[str, ...]  # of version, model, config, profile and threshold those that differ from most sensors'
    pairs: int
    alerting: int
    compared: int  # of the pairs that alert, those that are looked at to tell which incidents are one
    failures: int
