"""Hands one sink its alerts, one after the other, in a thread of its own: a receiver that hangs holds up no other."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from zeek_beacons.alerts.outbox import Delivery, Outbox
from zeek_beacons.alerts.sink import DeliveryError, Sink
from zeek_beacons.database_errors import DATABASE_ERRORS

FIRST_DELAY, LAST_DELAY = 2.0, 3600.0  # seconds until an alert is tried again; doubles each time
LOOK = 1.0  # seconds between looks at the queue, which another process may have put something in
DISK_RETRY = 5.0  # seconds until a queue that fails is tried again

log = logging.getLogger(__name__)


@dataclass(slots=True)
class SinkHealth:
    """How a sink fares in this process, for `zeek-beacons status`."""

    delivered: int = 0
    unconfirmed: int = 0  # of these, such as are not known to have arrived
    failures: int = 0
    last_error: str = ""  # empty: the last try succeeded


class Sender:
    """The thread of one sink. `clock`: the wall clock."""

    def __init__(self, sink: Sink, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.sink, self.health = sink, SinkHealth()
        self._path, self._clock = path, clock
        self._outbox: Outbox | None = None
        self._unmarked: str | None = None  # an alert that the sink has and the queue does not know of yet
        self._wake, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"alerts {sink.name}", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def wake(self) -> None:
        """There is something in the queue."""
        self._wake.set()

    def stop(self, seconds: float) -> None:
        """Ends after the delivery under way, which is waited for this long."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                pause = 0.0 if self._step() else LOOK
            except (*DATABASE_ERRORS, OSError) as error:
                self._failed("alert_queue_failed", str(error))
                pause = DISK_RETRY
            if pause:
                self._wake.wait(pause)
        if self._outbox is not None:
            self._outbox.close()

    def _step(self) -> bool:
        """Delivers what is due next. Returns whether there was something. Raises sqlite3.Error, OSError."""
        if self._outbox is None:
            self._outbox = Outbox.open(self._path)
        self._mark(self._outbox)
        delivery = self._outbox.take(self.sink.name, self._clock())
        if delivery is None:
            return False
        try:
            confirmed = self.sink.deliver(delivery.alert)
        except DeliveryError as error:
            self._postpone(self._outbox, delivery, str(error), error.retry_after)
        except Exception as error:
            log.exception("alert_fault", extra={"fields": {"sink": self.sink.name, "alert": delivery.alert.id}})
            self._postpone(self._outbox, delivery, f"a fault of ours: {error}")
        else:
            self._unmarked = delivery.alert.id
            self.health.delivered += 1
            self.health.unconfirmed += not confirmed
            self.health.last_error = ""
            self._mark(self._outbox)
        return True

    def _mark(self, outbox: Outbox) -> None:
        """Has the queue know what the sink has; nothing else is sent before that."""
        if self._unmarked is not None:
            outbox.done(self.sink.name, self._unmarked, self._clock())
            self._unmarked = None

    def _postpone(self, outbox: Outbox, delivery: Delivery, problem: str, at_least: float = 0.0) -> None:
        self._failed("alert_failed", problem)
        delay = min(FIRST_DELAY * 2 ** min(delivery.attempts, 20), LAST_DELAY) * random.uniform(0.8, 1.2)  # noqa: S311
        outbox.postpone(self.sink.name, delivery.alert.id, self._clock() + max(delay, at_least))

    def _failed(self, event: str, problem: str) -> None:
        self.health.failures += 1
        self.health.last_error = problem
        log.warning(event, extra={"fields": {"sink": self.sink.name, "problem": problem}})
