"""Takes events in by a thread of its own, so that nothing that writers do keeps the sidecar from its candidates."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any

from zeek_beacons.live.endpoints.event_socket import EventSocket
from zeek_beacons.live.endpoints.followed_file import FollowedFile
from zeek_beacons.live.endpoints.held import HeldEvents
from zeek_beacons.live.endpoints.source import EventSource, Lines
from zeek_beacons.live.settings import SOCKET
from zeek_beacons.readers.event_lines import events

RETRY = 5.0  # seconds until a source that failed is tried again
PATIENCE = 2.0  # seconds that the end waits for the thread

log = logging.getLogger(__name__)

_LEFT_OUT = {
    "bad": "lines that hold no event",
    "untimely": "events too old to be needed, or of the future",
    "forgotten": "more events than max_events",
    "refused": "more writers than are listened to",
}


class EventIntake:
    """Fills `held` from one source, and counts what does not get there."""

    def __init__(self, source: EventSource, held: HeldEvents) -> None:
        self.held = held
        self._source = source
        self._taken = self._bad = self._other = 0
        self._fault = ""
        self._said: set[str] = set()
        self._problem = ""  # that was said
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)

    def start(self) -> None:
        """Begins to read."""
        self._thread.start()

    def close(self) -> None:
        """Ends the reading; a thread that hangs is not waited for."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(PATIENCE)
        if not self._thread.is_alive():
            self._source.close()

    def state(self) -> dict[str, Any]:
        """For `zeek-beacons status` and the metrics."""
        return {
            "source": self._source.name,
            "problem": self._source.problem or self._fault,
            "taken": self._taken,
            "bad": self._bad + self._source.long,
            "other": self._other,
            "untimely": self.held.untimely,
            "forgotten": self.held.forgotten,
            "refused": self._source.refused,
            "held": len(self.held),
            "joined": self.held.joined,
        }

    def _run(self) -> None:
        """Reads for half of the time at most, however much there is."""
        while not self._stopping.is_set():
            pause = 0.0
            try:
                found = self._source.look()
                began = time.monotonic()
                for lines in found:
                    self._take(lines)
                self.held.add(())  # lets go what has become too old
                pause = time.monotonic() - began
                self._fault = ""
            except OSError as error:
                self._fault, pause = error.strerror or str(error), RETRY
            except Exception as error:  # a fault of ours, which must not end the sidecar's hearing
                log.exception("events_fault")
                self._fault, pause = str(error) or type(error).__name__, RETRY
            self._say()
            self._stopping.wait(pause)

    def _take(self, lines: Lines) -> None:
        made = events(lines.lines, lines.header)
        self._bad += made.bad
        self._other += made.other
        self._taken += self.held.add(made.found)

    def _say(self) -> None:
        """Says once what is left out, and what is wrong as it changes."""
        state = self.state()
        for name, meaning in _LEFT_OUT.items():
            if state[name] and name not in self._said:
                self._said.add(name)
                log.warning("events_left_out", extra={"fields": {"source": state["source"], "what": meaning}})
        if state["problem"] != self._problem:
            self._problem = state["problem"]
            if self._problem:
                log.error("events_failed", extra={"fields": {"source": state["source"], "problem": self._problem}})
            else:
                log.info("events_read", extra={"fields": {"source": state["source"]}})


def intake(source: str, most: int, seconds: float) -> EventIntake:
    """What takes events from a path, or from `unix:` and a path. Raises ConfigError."""
    path = Path(source.removeprefix(SOCKET))
    made: EventSource = EventSocket(path) if source.startswith(SOCKET) else FollowedFile(path)
    return EventIntake(made, HeldEvents(most, seconds))
