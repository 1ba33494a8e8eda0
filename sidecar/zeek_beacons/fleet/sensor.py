"""One sensor of a fleet: asked in threads that nobody has to wait for, and how it is."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import TypeVar

from zeek_beacons.errors import BeaconsError, InputError
from zeek_beacons.fleet.named import SensorSource
from zeek_beacons.fleet.remote import RemoteModel, SensorStatus
from zeek_beacons.fleet.row import SensorRow
from zeek_beacons.readmodel import About, Listing, Page, PairRow, ReadModel
from zeek_beacons.readmodel.filters import MOST
from zeek_beacons.readmodel.readable import Readable

MOST_ASKED = 16  # questions under way at a time
SHOWN = 300  # characters of a problem

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class SensorHealth:
    """How a sensor is, as the last look at it found."""

    about: About | None = None  # as last read
    problems: tuple[str, ...] = ()  # what its own console finds wrong
    read: float | None = None  # when it was last read
    unread_since: float | None = None  # from when on it could not be read; None: it can
    problem: str = ""  # why
    failures: int = 0  # looks and questions that failed in all
    alerting: tuple[PairRow, ...] = ()  # what alerts, the worst first
    alerts_in_all: int = 0  # of which those are the first


class FileModel(ReadModel):
    """A history or result on this machine, that may come later."""

    def status(self) -> SensorStatus:
        """What it holds; a file says nothing of the sidecar that writes it."""
        return SensorStatus(self.about(), ())


class Sensor:
    """One source. `rows`: how many of a list are taken at most; `patience`: seconds that a question may take."""

    def __init__(
        self,
        source: SensorSource,
        model: RemoteModel | FileModel,
        rows: int,
        patience: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.name, self.source, self.model = source.name, source, model
        self._rows, self._patience, self._clock = rows, patience, clock
        self._health = SensorHealth()
        self._lock = threading.Lock()
        self._free = threading.BoundedSemaphore(MOST_ASKED)

    @property
    def health(self) -> SensorHealth:
        """How it is."""
        return self._health

    @property
    def is_read(self) -> bool:
        """Whether it can be read, as far as is known."""
        return self._health.unread_since is None

    def ask(self, question: Callable[[Readable], T]) -> Future[T]:
        """Asks in a thread of its own: a question that hangs holds up nobody, and no more than MOST_ASKED may."""
        future: Future[T] = Future()
        if not self._free.acquire(blocking=False):
            future.set_exception(InputError(self.name, f"has not answered {MOST_ASKED} questions yet"))
            return future
        threading.Thread(target=self._run, args=(future, question), name=f"sensor {self.name}", daemon=True).start()
        return future

    def answer(self, future: Future[T], until: float) -> T:
        """The answer, awaited until then by the monotonic clock. Raises InputError, and remembers that."""
        try:
            return future.result(max(0.0, until - time.monotonic()))
        except TimeoutError as error:
            problem: Exception = InputError(self.name, f"does not answer within {self._patience:g} s")
            problem.__cause__ = error
        except InputError as error:
            problem = error
        self.failed(problem)
        raise problem

    def row(self, now: float) -> SensorRow:
        """How it is at `now`, seconds since the epoch; `drift` is for those to say who know the others."""
        health, about = self.health, self.health.about
        newest = about.last_seen if about else None
        return SensorRow(
            name=self.name,
            place=self.source.place,
            unread_since=health.unread_since,
            problem=health.problem,
            problems=health.problems,
            read=health.read,
            newest=newest,
            lag=None if newest is None else max(now - newest, 0.0),
            written=about.written if about else None,
            version=about.version if about else "",
            model=about.model if about else "",
            config=about.config if about else "",
            profile=about.profile if about else "",
            threshold=about.threshold if about else None,
            drift=(),
            pairs=about.pairs if about else 0,
            alerting=health.alerts_in_all,
            compared=len(health.alerting),
            failures=health.failures,
        )

    def look(self) -> None:
        """Looks how it is, and what alerts there."""
        until = time.monotonic() + self._patience
        try:
            status, alerting = self.answer(self.ask(self._looked), until)
        except BeaconsError:
            return
        with self._lock:
            now, failures = self._clock(), self._health.failures
            self._health = SensorHealth(
                status.about, status.problems, now, None, "", failures, alerting.rows, alerting.total
            )

    def failed(self, problem: Exception) -> None:
        """Notes that it could not be read."""
        text = str(problem).removeprefix(f"{self.name}: ")[:SHOWN]
        with self._lock:
            before = self._health
            since = self._clock() if before.unread_since is None else before.unread_since
            self._health = replace(before, unread_since=since, problem=text, failures=before.failures + 1)

    def _looked(self, _: Readable) -> tuple[SensorStatus, Listing[PairRow]]:
        model = self.model
        return model.status(), first(lambda page: model.beacons(page=page), Page(), self._rows)

    def _run(self, future: Future[T], question: Callable[[Readable], T]) -> None:
        try:
            answer = question(self.model)
        except BaseException as error:  # the one who waits for the future gets it
            self._free.release()
            future.set_exception(error)
        else:
            self._free.release()
            future.set_result(answer)


def first(ask: Callable[[Page], Listing[R]], page: Page, wanted: int) -> Listing[R]:
    """So many rows of a list, asked for in parts."""
    rows: list[R] = []
    while True:
        found = ask(replace(page, offset=len(rows), limit=min(MOST, wanted - len(rows))))
        rows += found.rows
        if not found.rows or len(rows) >= min(wanted, found.total):
            return Listing(tuple(rows), found.total)
