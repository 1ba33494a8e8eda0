"""All sinks of a process behind one queue: what is submitted here is on the disk before it is sent anywhere.

Where the disk is full or the file fails, alerts wait in memory, and are put there as soon as that works again.
"""

from __future__ import annotations

import concurrent.futures
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from zeek_beacons.alerts.alert import Alert
from zeek_beacons.alerts.outbox import Outbox, Raised
from zeek_beacons.alerts.sender import Sender
from zeek_beacons.alerts.sink import Sink
from zeek_beacons.background_thread import BackgroundThread
from zeek_beacons.database_errors import DATABASE_ERRORS
from zeek_beacons.errors import ConfigError

PATIENCE = 2.0  # seconds that the disk may take before the caller goes on
MOST_HELD = 1000  # alerts in memory while the disk fails
MAINTENANCE = 60.0  # seconds between prunings
POLL, DISK_POLL = 0.05, 1.0  # seconds between looks while waiting for the sinks, and for a disk that fails

log = logging.getLogger(__name__)


class Channels:
    """The sinks, the queue, and a thread for each."""

    def __init__(self, sinks: Sequence[Sink], path: Path) -> None:
        """Opens the queue. Raises ConfigError where it cannot be, or a sink is named twice."""
        names = [sink.name for sink in sinks]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ConfigError(f"alert sink {twice} is named twice")
        self.lost, self.problem = 0, ""  # alerts lost in memory; what is wrong with the queue
        self._path, self._names = path, names
        self._held: list[Alert] = []
        self._raised: dict[str, Raised] = {}
        self._lock = threading.Lock()
        self._disk = BackgroundThread("alert queue")
        self._storing: concurrent.futures.Future[None] | None = None
        self._maintain_at = 0.0
        self._waiting: dict[str, int] = {}
        self._losses: dict[str, dict[str, int]] = {}
        try:
            self._outbox = Outbox.open(path)
            self.known, self.model = self._outbox.raised(), self._outbox.model()  # as earlier runs left them
        except (*DATABASE_ERRORS, OSError) as error:
            raise ConfigError(f"{path}: cannot be the alert queue: {error}") from error
        self._senders = [Sender(sink, path) for sink in sinks]

    def start(self) -> None:
        """Begins to send, first what earlier runs have left."""
        self._put(lambda: self._outbox.hurry(self._names, time.time()))
        for sender in self._senders:
            sender.start()

    def submit(self, alerts: Sequence[Alert], raised: Mapping[str, Raised] | None = None) -> None:
        """Queues alerts, on the disk on return unless that fails. `raised`: what is now told of incidents."""
        with self._lock:
            self._held += alerts
            self._raised |= raised or {}
            beyond = len(self._held) - MOST_HELD
            if beyond > 0:
                del self._held[:beyond]
                self.lost += beyond
                log.error("alerts_lost", extra={"fields": {"alerts": beyond, "problem": self.problem}})
        self._put(self._store)

    def note_model(self, model: str) -> None:
        """All that is held has been judged by this model."""
        self._put(lambda: self._outbox.note_model(model))

    def maintain(self) -> None:
        """Tries again what is held, and prunes; to be called every few seconds."""
        if self._held or self._raised:
            self._put(self._store)
        if time.monotonic() >= self._maintain_at:
            self._maintain_at = time.monotonic() + MAINTENANCE
            self._put(lambda: self._outbox.prune(time.time()))
        self._put(self._count)

    def flush(self, seconds: float) -> dict[str, int]:
        """Waits until the sinks have everything, at most so long. Returns what still waits, by sink."""
        deadline = time.monotonic() + seconds
        while True:
            self._put(self._store if self._held else self._count)
            waiting = {name: self._waiting.get(name, 0) + len(self._held) for name in self._names}
            if not any(waiting.values()) or time.monotonic() >= deadline:
                return {name: number for name, number in waiting.items() if number}
            time.sleep(DISK_POLL if self.problem else POLL)

    def close(self, seconds: float = PATIENCE) -> None:
        """Ends what was started; what waits is sent by the next run."""
        self._put(self._store)
        deadline = time.monotonic() + seconds
        for sender in self._senders:
            sender.stop(max(0.0, deadline - time.monotonic()))
        self._put(self._outbox.close)

    def state(self) -> dict[str, Any]:
        """How the sinks fare, as plain data, by what was last counted."""
        return {
            "queue": str(self._path),
            "problem": self.problem,
            "held": len(self._held),
            "lost_in_memory": self.lost,
            "sinks": {
                sender.sink.name: asdict(sender.health)
                | {
                    "waiting": self._waiting.get(sender.sink.name, 0),
                    "lost": self._losses.get(sender.sink.name, {}),
                }
                for sender in self._senders
            },
        }

    def _store(self) -> None:
        with self._lock:
            alerts, raised = list(self._held), dict(self._raised)
        if not alerts and not raised:
            return
        self._outbox.add(alerts, self._names, raised, time.time())
        with self._lock:
            stored = {one.id for one in alerts}
            self._held = [one for one in self._held if one.id not in stored]
            self._raised = {name: one for name, one in self._raised.items() if raised.get(name) is not one}
        for sender in self._senders:
            sender.wake()
        self._count()

    def _count(self) -> None:
        self._waiting, self._losses = self._outbox.waiting(), self._outbox.losses()

    def _put(self, call: Any) -> None:
        """Has the disk do it, and waits a little; not at all while it hangs with what it was given before."""
        if self._storing is not None and not self._storing.done():
            return
        self._storing = self._disk.submit(call)
        try:
            self._storing.result(PATIENCE)
        except (*DATABASE_ERRORS, OSError, concurrent.futures.TimeoutError) as error:
            problem = str(error) or f"no answer within {PATIENCE:g} s"
            log.error("alert_queue_failed", extra={"fields": {"path": str(self._path), "problem": problem}})
            self.problem = problem
        else:
            self.problem = ""
