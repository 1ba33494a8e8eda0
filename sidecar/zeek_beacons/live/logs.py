"""The daemon's log: one JSON object a line, the same trouble not more often than a person can read."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable

BURST = 5  # lines of one kind
PERIOD = 60.0  # seconds in which a burst is let through


class JsonLines(logging.Formatter):
    """`ts, level, event`, the fields given as `extra={"fields": {...}}`, and a traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line = {"ts": round(record.created, 3), "level": record.levelname.lower(), "event": record.getMessage()}
        line |= getattr(record, "fields", {})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class RateLimit(logging.Filter):
    """Lets a burst of each kind through a period; the first one after a silence tells how many were left out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._kinds: dict[tuple[str, str], tuple[float, int]] = {}  # start of the period, lines in it

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is to be written."""
        fields = getattr(record, "fields", {})
        kind = (record.getMessage()[:100], str(fields.get("reason", fields.get("problem", "")))[:100])
        now = self._clock()
        began, lines = self._kinds.get(kind, (now, 0))
        left_out = 0
        if now - began >= PERIOD:
            left_out, began, lines = max(0, lines - BURST), now, 0
        if kind not in self._kinds and len(self._kinds) >= 1000:
            self._kinds.clear()
        self._kinds[kind] = (began, lines + 1)
        if left_out:
            record.fields = fields | {"left_out": left_out}
        return lines < BURST


def set_up(level: str = "INFO") -> None:
    """Sends this package's log to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    handler.addFilter(RateLimit())
    log = logging.getLogger("zeek_beacons")
    log.handlers[:] = [handler]
    log.setLevel(level)
    log.propagate = False
