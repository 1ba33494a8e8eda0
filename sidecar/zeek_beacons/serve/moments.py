"""Times as people write them in an address bar or a form: seconds since the epoch, ISO 8601, or `24h` from now."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

from zeek_beacons.errors import ConfigError

_UNITS = {"m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}
_SPAN = re.compile(r"(\d{1,6})([mhdw])")
LATEST = 253_402_300_799.0  # the end of the year 9999


def ago(text: str, now: float) -> float | None:
    """A time in the past; None for an empty text. Raises ConfigError."""
    span = _span(text)
    return now - span if span is not None else _moment(text)


def ahead(text: str, now: float) -> float | None:
    """A time to come; None for an empty text. Raises ConfigError, also for one that is past."""
    span = _span(text)
    at = now + span if span is not None else _moment(text)
    if at is not None and at <= now:
        raise ConfigError(f"until is {text!r}, which is past")
    return at


def _span(text: str) -> float | None:
    found = _SPAN.fullmatch(text.strip())
    return None if found is None else int(found[1]) * _UNITS[found[2]]


def _moment(text: str) -> float | None:
    text = text.strip()
    if not text:
        return None
    try:
        at = float(text)
    except ValueError:
        try:
            parsed = datetime.fromisoformat(text)
            at = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError) as error:
            raise ConfigError(f"{text[:40]!r} is no time, expected 2026-01-31T12:00Z, epoch seconds or 24h") from error
    if not math.isfinite(at) or abs(at) > LATEST:
        raise ConfigError(f"{text[:40]!r} is no time between the years 1 and 9999")
    return at
