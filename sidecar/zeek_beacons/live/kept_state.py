"""What a service said of itself last: for its metrics, which another thread serves, and in a file for `status`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path

from zeek_beacons.live import state as states
from zeek_beacons.live.protocol.session import HEARTBEAT_INTERVAL
from zeek_beacons.live.status import State

log = logging.getLogger(__name__)


class KeptState:
    """`tell` is asked at the start, then at most every HEARTBEAT_INTERVAL seconds. `path`: None for no file."""

    def __init__(self, tell: Callable[[], State], path: Path | None) -> None:
        self._tell, self._path, self._told = tell, path, 0.0
        self.last = tell()

    def keep(self, ended: bool = False) -> None:
        """Asks again where it is time to, or at the end. A file that cannot be written is logged."""
        now = time.monotonic()
        if not ended and now - self._told < HEARTBEAT_INTERVAL:
            return
        self._told, self.last = now, self._tell() | {"ended": ended}
        if self._path is None:
            return
        try:
            states.write(self.last, self._path)
        except Exception as error:
            log.error("state_failed", extra={"fields": {"path": str(self._path), "problem": str(error)}})
