"""Keeps the sidecar running when the history's disk is full, slow, broken or hangs: counts, logs, and goes on without.

A full or unreadable disk is tried again after RETRY; a corrupt file is set aside and a new one begun, and where one is
removed or replaced what lies at its place is used; a slow one is used a tenth of the time; one that does not answer is
not waited for.
"""

from __future__ import annotations

import concurrent.futures
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from zeek_beacons.background_thread import BackgroundThread
from zeek_beacons.database_errors import DATABASE_ERRORS
from zeek_beacons.errors import ConfigError
from zeek_beacons.keys import Key
from zeek_beacons.live.history.alert_incidents import StoredIncidents
from zeek_beacons.live.history.sole_writer import SoleWriter
from zeek_beacons.live.history.store import Changes, History, Limits, Stored
from zeek_beacons.scoring.site import SiteBaseline

PATIENCE = 2.0  # seconds that a call may take before the sidecar goes on without its result
SLOW = 0.25  # seconds of a call after which the file is left alone for ten times as long
RETRY = 30.0  # seconds until a file that failed is tried again
MAINTENANCE = 60.0  # seconds between prunings, unless there is more to prune
JUMP = 86_400.0  # seconds; a wall clock that goes on by more at once was wrong before, or is now
BELIEVED = 86_400.0  # seconds after which such a clock is believed, and what is old by it forgotten
_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(slots=True)
class HistoryHealth:
    """How the history fares, for `zeek-beacons status`."""

    working: bool = False
    errors: int = 0
    last_error: str = ""
    set_aside: int = 0
    skipped: int = 0  # batches scored without history
    pruned: int = 0
    pairs: int = 0
    bytes: int = 0


class HistoryGuard:
    """Guards a history file. Used by one thread; the file by another one, which may hang."""

    def __init__(
        self,
        path: Path,
        limits: Limits,
        clock: Callable[[], float] = time.monotonic,
        patience: float = PATIENCE,
        wall: Callable[[], float] = time.time,
        slow: float = SLOW,
    ) -> None:
        """`patience`, `slow`: seconds, as PATIENCE and SLOW; who can wait may have more of both."""
        self._slow = slow
        self.health = HistoryHealth()
        self._path, self._limits = path, limits
        self._clock, self._wall, self._patience = clock, wall, patience
        self._background = BackgroundThread("history")
        self._history: History | None = None
        self._stuck: concurrent.futures.Future[Any] | None = None
        self._place: tuple[int, int] | None = None  # of the file that is open
        self._claim: SoleWriter | None = None
        self._started = False
        self._retry_at = 0.0
        self._maintain_at = 0.0
        self._looked: tuple[float, float] | None = None  # wall and monotonic clock, when things were last forgotten
        self._jump = self._believed_at = 0.0
        self._progress: dict[tuple[str, str], int] = {}  # as it is in the file
        self._about: dict[str, Any] = {}  # the same

    @property
    def horizon(self) -> float:
        """Seconds before a pair's newest observation from which on observations are kept."""
        return self._limits.days * 86_400

    def claim(self) -> None:
        """Makes this process the file's only writer until `close`. Raises ConfigError where another one is."""
        self._claim = SoleWriter(self._path)

    def start(self) -> tuple[list[str], dict[tuple[str, str], int]]:
        """Opens the file. Returns the unconfirmed alerts and the progress in it: the last seq by node and boot.

        Raises ConfigError where the file is another program's, or of a later version of this one.
        """
        found = self._guarded(lambda history: (history.unconfirmed(), history.progress()))
        self._started = True
        alerts, progress = found if found is not None else ([], {})
        self._progress = dict(progress)
        return alerts, progress

    def incidents(self, most: int) -> StoredIncidents:
        """The alerts that were seen last, by incident; none where the history fails."""
        return self._guarded(lambda history: history.incidents(most)) or StoredIncidents()

    def load(self, keys: Iterable[Key]) -> dict[Key, Stored]:
        """What is stored of these pairs; nothing where the history fails."""
        wanted = list(keys)
        found = self._guarded(lambda history: history.load(wanted))
        if found is None:
            self.health.skipped += 1
        return found or {}

    def first_sights(self, responders: Iterable[str]) -> dict[str, float]:
        """When each of these servers was first seen here, of those that are known; none where the history fails."""
        wanted = list(responders)
        return self._guarded(lambda history: history.first_sights(wanted)) or {}

    def page(self, after: int, most: int) -> list[tuple[int, Key, Stored]] | None:
        """Pairs behind a place in the file, each with its own place; None where the history fails."""
        return self._guarded(lambda history: history.page(after, most))

    def end(self) -> int | None:
        """The place of the last pair, 0 where there is none; None where the history fails."""
        return self._guarded(History.end)

    def sent(self, keys: Iterable[Key]) -> dict[Key, int] | None:
        """The highest level sent to Zeek about these pairs, of those that alerted; None where the history fails."""
        wanted = list(keys)
        return self._guarded(lambda history: history.sent(wanted))

    def store(self, changes: Changes) -> bool:
        """Writes a batch, of its progress and settings only what has changed. Returns whether it is committed.

        Progress of a Zeek that is gone thus stays untouched, and is forgotten with what is old.
        """
        now = self._wall()
        moved = {node: seq for node, seq in changes.progress.items() if self._progress.get(node) != seq}
        told = {name: value for name, value in changes.about.items() if self._about.get(name) != value}
        batch = replace(changes, progress=moved, about=told)
        if self._guarded(lambda history: history.store(batch, now)) is None:
            return False
        self._progress |= moved
        self._about |= told
        return True

    def thresholds(self, keys: Iterable[Key], model: str, budget: float) -> dict[Key, float]:
        """What was in force when these pairs first alerted, of those that did; nothing where the history fails."""
        wanted = list(keys)
        return self._guarded(lambda history: history.thresholds(wanted, model, budget)) or {}

    def baseline(self, model: str, budget: float) -> SiteBaseline | None:
        """What is remembered of the site under this model; None where the history fails."""
        return self._guarded(lambda history: history.baseline(model, budget))

    def maintain(self) -> None:
        """Prunes when it is time to."""
        if self._clock() < self._maintain_at or not self.health.working:
            return
        now = self._wall() - self._ahead()
        figures = self._guarded(lambda history: (history.prune(now), history.pairs(), history.size()))
        if figures is not None:
            pruned, self.health.pairs, self.health.bytes = figures
            self.health.pruned += pruned
            self._maintain_at = self._clock() + (1.0 if pruned else MAINTENANCE)

    def _ahead(self) -> float:
        """By how much the wall clock has gone ahead at once, until that is believed: what is held is not old by it."""
        wall, clock = self._wall(), self._clock()
        if self._looked is not None:
            jump = (wall - self._looked[0]) - (clock - self._looked[1])
            if jump > JUMP:
                self._jump, self._believed_at = self._jump + jump, clock + BELIEVED
                fields = {"path": str(self._path), "seconds": round(jump), "forgets_by_it_after": BELIEVED}
                log.warning("clock_jumped", extra={"fields": fields})
            elif jump < -JUMP:
                self._jump = max(0.0, self._jump + jump)
        self._looked = wall, clock
        if clock >= self._believed_at:
            self._jump = 0.0
        return self._jump

    def close(self) -> None:
        """Ends the use of the file, if it still answers."""
        if self._history is not None:
            self._guarded(History.close)
            self._history = None
        if self._claim is not None:
            self._claim.release()

    def _guarded(self, call: Callable[[History], T]) -> T | None:
        """The call's result, or None: the file fails, is slow, or does not answer."""
        if self._is_stuck() or self._clock() < self._retry_at:
            return None
        began, opens = self._clock(), self._history is None
        future = self._background.submit(lambda: call(self._opened()))
        try:
            result = future.result(self._patience)
        except concurrent.futures.TimeoutError:
            self._stuck = future
            self._failed(f"no answer within {self._patience:g} s")
            return None
        except (*DATABASE_ERRORS, OSError) as error:
            self._handle_failure(error)
            return None
        except ConfigError as error:
            if not self._started:
                raise
            self._handle_failure(error)
            return None
        self._check_speed(0.0 if opens else self._clock() - began)  # a file is opened once, and may be made then
        return result

    def _is_stuck(self) -> bool:
        """Whether a call that was not waited for still runs."""
        if self._stuck is None or not self._stuck.done():
            return self._stuck is not None
        error = self._stuck.exception()
        self._stuck = None
        if error is not None:
            self._handle_failure(error)
        return False

    def _check_speed(self, seconds: float) -> None:
        """A file that costs this much is used a tenth of the time at most."""
        if seconds > self._slow:
            self._retry_at = self._clock() + 10 * seconds
            self._failed(f"slow: a call took {seconds:.2f} s")
        elif not self.health.working:
            self.health.working = True
            log.info("history_works", extra={"fields": {"path": str(self._path)}})

    def _opened(self) -> History:
        if self._history is not None and self._place != _place(self._path):
            history, self._history = self._history, None
            history.close()
            self._begin_anew("the file was removed or replaced: what it held is not known any more")
        if self._history is None:
            self._history = History.open(self._path, self._limits)
            self._place = _place(self._path)
        return self._history

    def _begin_anew(self, problem: str) -> None:
        """What was written before is not in the file that is used from here on."""
        self._progress.clear()
        self._about.clear()
        self._failed(problem)

    def _handle_failure(self, error: BaseException) -> None:
        """The file cannot be used now: corrupt, the disk full, a right missing."""
        history, self._history = self._history, None
        if history is not None:
            self._background.submit(history.close)
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in _CORRUPT:
            self._set_aside(error)
        else:
            self._failed(str(error))
            self._retry_at = self._clock() + RETRY

    def _set_aside(self, error: BaseException) -> None:
        """A file that is no history (any more) is kept under another name, and a new one begun."""
        aside = self._path.with_name(f"{self._path.name}.corrupt-{int(self._wall())}")
        try:
            self._background.submit(lambda: _rename(self._path, aside)).result(self._patience)
        except (OSError, concurrent.futures.TimeoutError) as problem:
            self._failed(f"{error}; and cannot be set aside: {problem}")
            self._retry_at = self._clock() + RETRY
            return
        self.health.set_aside += 1
        self._begin_anew(f"{error}; set aside as {aside.name}")

    def _failed(self, problem: str) -> None:
        self.health.working = False
        self.health.errors += 1
        self.health.last_error = problem
        log.error("history_failed", extra={"fields": {"path": str(self._path), "problem": problem}})


def _place(path: Path) -> tuple[int, int] | None:
    """What tells a file from another one of its name; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _rename(path: Path, aside: Path) -> None:
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
