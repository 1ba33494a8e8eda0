"""Keeps a sidecar up to date with operator.sqlite, which it never writes, and which may be missing, locked or broken.

A thread of its own looks every LOOK seconds; nobody waits for it. What was last read well stays in force, and what is
wrong is counted and told.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from zeek_beacons.background_thread import BackgroundThread
from zeek_beacons.database_errors import DATABASE_ERRORS
from zeek_beacons.errors import InputError
from zeek_beacons.operator_file import schema, words
from zeek_beacons.operator_file.telemetry import Connection
from zeek_beacons.operator_file.words import Words

LOOK = 2.0  # seconds between looks
MOST_CONNECTIONS = 5_000  # taken at once

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Fed:
    """Telemetry that was read: connections by collector, and the last row of it."""

    by_collector: Mapping[str, tuple[Connection, ...]] = field(default_factory=dict)
    upto: int = 0
    unreadable: int = 0  # rows
    store: str = ""  # identity of the file


@dataclass(slots=True)
class OperatorHealth:
    """How the file fares, for `zeek-beacons status`."""

    file: str = ""
    found: bool = False
    working: bool = True
    errors: int = 0
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class _Look:
    words: Words
    fed: Fed


class OperatorFollower:
    """Follows one file. `taken`: of each file that was followed before, the last telemetry row taken from it."""

    def __init__(
        self,
        path: Path,
        taken: Mapping[str, int] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.health = OperatorHealth(str(path))
        self._path, self._clock, self._wall = path, clock, wall
        self._thread = BackgroundThread("operators")
        self._looking: Future[_Look | None] | None = None
        self._look_at = 0.0
        self._words = Words()
        self._fed: Fed | None = None  # read, and not taken yet
        self._taken = dict(taken or {})
        # Used by the thread alone.
        self._db: sqlite3.Connection | None = None
        self._seen: tuple[int, int] = (0, 0)  # inode, data version
        self._read = Words()

    def words(self) -> Words:
        """What holds now, by what was last read."""
        if self._looking is not None and self._looking.done():
            self._take_look(self._looking)
            self._looking = None
        if self._looking is None and self._clock() >= self._look_at:
            self._look_at = self._clock() + LOOK
            taken, wants = dict(self._taken), self._fed is None
            self._looking = self._thread.submit(lambda: self._look(taken, wants))
        self._words = self._words.at(self._wall())
        return self._words

    def fed(self) -> Fed | None:
        """Telemetry that waits to be taken; the same until `took`."""
        return self._fed

    def took(self, fed: Fed) -> None:
        """It is stored, or given up."""
        self._taken[fed.store] = fed.upto
        self._fed = None
        self._look_at = 0.0

    def taken(self) -> dict[str, int]:
        """By file, the last telemetry row taken."""
        return self._taken

    def _take_look(self, looking: Future[_Look | None]) -> None:
        health = self.health
        try:
            look = looking.result()
        except (*DATABASE_ERRORS, OSError, InputError, ValueError) as error:
            health.working = False
            health.errors += 1
            if health.last_error != str(error):
                log.error("operator_file_failed", extra={"fields": {"path": health.file, "problem": str(error)}})
            health.last_error = str(error)
            return
        if look is None:
            if health.found:
                health.working, health.last_error = False, "the file has vanished; what it said last holds"
                health.errors += 1
            health.found = False
            return
        if not health.working or not health.found:
            log.info("operator_file_read", extra={"fields": {"path": health.file}})
        health.found = health.working = True
        health.last_error = "; ".join(look.words.problems)
        self._words = look.words
        if look.fed.upto and self._fed is None:
            self._fed = look.fed

    def _look(self, taken: Mapping[str, int], wants: bool) -> _Look | None:
        """Reads what is new, in the thread; None where there is no file."""
        try:
            inode = self._path.stat().st_ino
        except FileNotFoundError:
            self._close()
            return None
        try:
            if self._db is None or inode != self._seen[0]:
                self._close()
                self._db = words.connected(self._path)
                schema.check(self._db, self._path)
                self._seen = (inode, -1)
            version = int(self._db.execute("PRAGMA data_version").fetchone()[0])
            if version != self._seen[1]:
                self._read = words.read(self._db, self._wall())
                self._seen = (inode, version)
            store = self._read.store
            fed = replace(read_telemetry(self._db, taken.get(store, 0)), store=store) if wants else Fed()
        except BaseException:
            self._close()
            raise
        return _Look(self._read, fed)

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


def read_telemetry(db: sqlite3.Connection, after: int) -> Fed:
    """The rows of telemetry behind one, as many as are taken at once. Raises sqlite3.Error."""
    found: dict[str, list[Connection]] = {}
    upto = count = unreadable = 0
    query = "SELECT id, collector, count, connections FROM telemetry WHERE id > ? ORDER BY id"
    for number, collector, many, text in db.execute(query, (after,)):
        is_whole = isinstance(collector, str) and isinstance(many, int) and isinstance(text, str)
        if is_whole and count and count + many > MOST_CONNECTIONS:
            break
        upto, count = number, count + (many if is_whole else 0)
        try:
            found.setdefault(collector, []).extend(_connections(text if is_whole else ""))
        except (ValueError, RecursionError):
            unreadable += 1
    return Fed({collector: tuple(same) for collector, same in found.items()}, upto, unreadable)


def _connections(text: str) -> list[Any]:
    found = json.loads(text)
    if not isinstance(found, list) or not all(isinstance(one, dict) and one.keys() >= _NEEDED for one in found):
        raise ValueError("no connections")
    return found


_NEEDED = {"ts", "id.orig_h", "id.resp_h", "id.resp_p", "proto"}
