"""What senders forwarded, as logs in a folder that `zeek-beacons follow` reads: INBOX/SOURCE/LOG.NUMBER.log.

A batch is appended to its log and remembered by its number, so that one that comes again is taken once. What was
written but not remembered, since this process died in between, is written over by the same batch. Used by one thread
at a time, see `take`.
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from zeek_beacons.errors import BeaconsError, ConfigError
from zeek_beacons.live.follow.kinds import FLOWS
from zeek_beacons.live.forward.batches import LogBatch

VERSION = 1
LARGEST_FILE = 256_000_000  # bytes, and
LONGEST_FILE = 3600.0  # seconds for which batches are appended to a file
TIDY = 60.0  # seconds between looks for files that are too old
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_SCHEMA = """
CREATE TABLE streams (
    source TEXT NOT NULL, stream TEXT NOT NULL, have INTEGER NOT NULL, seen REAL NOT NULL, PRIMARY KEY (source, stream)
);
CREATE TABLE sources (
    source TEXT PRIMARY KEY, owner TEXT NOT NULL,  -- whose token its first batch came with
    batches INTEGER NOT NULL DEFAULT 0, rows INTEGER NOT NULL DEFAULT 0, duplicates INTEGER NOT NULL DEFAULT 0,
    missed INTEGER NOT NULL DEFAULT 0,  -- numbers that never came
    seen REAL NOT NULL
);
CREATE TABLE files (
    source TEXT NOT NULL, log TEXT NOT NULL, name TEXT NOT NULL, header BLOB NOT NULL, size INTEGER NOT NULL,
    began REAL NOT NULL, PRIMARY KEY (source, log)
);
"""


class InboxFullError(BeaconsError):
    """There is no room for more until files are old enough to be removed."""


class InboxOwnerError(BeaconsError):
    """A source belongs to another token."""


class TakenBatch(NamedTuple):
    """What became of a batch. `have`: the highest number that is there."""

    have: int
    duplicate: bool


@dataclass(frozen=True, slots=True)
class ForwardedSource:
    """What came of a source."""

    source: str
    owner: str
    batches: int
    rows: int
    duplicates: int
    missed: int
    seen: float


class ForwardInbox:
    """An open folder. `most`: bytes that may lie in it; `keep`: seconds that a file stays when nothing is appended."""

    def __init__(
        self, folder: Path, db: sqlite3.Connection, most: int, keep: float, clock: Callable[[], float] = time.time
    ) -> None:
        self.folder, self._db, self._most, self._keep, self._clock = folder, db, most, keep, clock
        self._lock = threading.Lock()
        self._tidy_at, self._bytes = 0.0, 0

    @classmethod
    def open(cls, folder: Path, most: int, keep: float, clock: Callable[[], float] = time.time) -> Self:
        """Opens or makes a folder. Raises ConfigError where it cannot be used."""
        path = folder / "inbox.sqlite"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o750)
            db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            try:
                db.execute("PRAGMA journal_mode = WAL")
                db.execute("PRAGMA synchronous = FULL")
                if db.execute("PRAGMA user_version").fetchone()[0] == 0:
                    db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
                db.execute("SELECT have FROM streams LIMIT 1")
            except sqlite3.Error:
                db.close()
                raise
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"inbox {folder}: cannot be used: {error}") from error
        return cls(folder, db, most, keep, clock)

    def take(self, source: str, stream: str, seq: int, batch: LogBatch, owner: str) -> TakenBatch:
        """Takes a batch, once. Raises InboxFullError, InboxOwnerError, OSError and sqlite3.Error."""
        with self._lock:
            self._tidy()
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:
                return self._taken(source, stream, seq, batch, owner)

    def sources(self) -> list[ForwardedSource]:
        """What came of each source."""
        with self._lock:
            found = self._db.execute(
                "SELECT source, owner, batches, rows, duplicates, missed, seen FROM sources ORDER BY source"
            )
            return [ForwardedSource(*row) for row in found]

    def close(self) -> None:
        """Ends its use."""
        with self._lock:
            self._db.close()

    def _taken(self, source: str, stream: str, seq: int, batch: LogBatch, owner: str) -> TakenBatch:
        db, now = self._db, self._clock()
        db.execute("INSERT OR IGNORE INTO sources (source, owner, seen) VALUES (?, ?, ?)", (source, owner, now))
        (theirs,) = db.execute("SELECT owner FROM sources WHERE source = ?", (source,)).fetchone()
        if theirs != owner:
            raise InboxOwnerError(f"{source} is sent with another token: choose another name for this one")
        found = db.execute("SELECT have FROM streams WHERE source = ? AND stream = ?", (source, stream)).fetchone()
        have = found[0] if found else 0
        if seq <= have:
            db.execute("UPDATE sources SET duplicates = duplicates + 1, seen = ? WHERE source = ?", (now, source))
            return TakenBatch(have, True)
        if self._bytes + batch.size > self._most:
            raise InboxFullError(f"{self._bytes / 1e6:.0f} MB lie in the inbox, as many as may")
        self._append(source, seq, batch, now)
        db.execute("INSERT OR REPLACE INTO streams VALUES (?, ?, ?, ?)", (source, stream, seq, now))
        told = (batch.count, seq - have - 1, now, source)
        db.execute(
            "UPDATE sources SET batches = batches + 1, rows = rows + ?, missed = missed + ?, seen = ? WHERE source = ?",
            told,
        )
        return TakenBatch(seq, False)

    def _append(self, source: str, seq: int, batch: LogBatch, now: float) -> None:
        """Writes a batch behind what is remembered of its log, or to a new file."""
        found = self._db.execute(
            "SELECT name, header, size, began FROM files WHERE source = ? AND log = ?", (source, batch.log)
        ).fetchone()
        name, header, size, began = found or ("", b"", 0, 0.0)
        is_new = not name or header != batch.header or size > LARGEST_FILE or not 0 <= now - began < LONGEST_FILE
        if is_new or not (self.folder / source / name).exists():
            name, size, began = f"{batch.log}.{seq}-{int(now)}.{'csv' if batch.log in FLOWS else 'log'}", 0, now
        data = batch.rows if size else batch.header + batch.rows
        path = self.folder / source / name
        path.parent.mkdir(exist_ok=True, mode=0o750)
        with path.open("r+b" if path.exists() else "xb") as file:
            file.seek(size)
            file.write(data)
            file.truncate()
            file.flush()
            os.fsync(file.fileno())
        row = (source, batch.log, name, batch.header, size + len(data), began)
        self._db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?)", row)
        self._bytes += len(data)

    def _tidy(self) -> None:
        """Removes files that are old enough, now and then."""
        if time.monotonic() < self._tidy_at:
            return
        self._tidy_at = time.monotonic() + TIDY
        before, self._bytes = self._clock() - self._keep, 0
        for path in self.folder.glob("*/*"):
            stat = path.stat()
            if stat.st_mtime < before:
                path.unlink(missing_ok=True)
            else:
                self._bytes += stat.st_size


def is_name(text: str) -> bool:
    """Whether a source or stream may be called so: it becomes the name of a folder."""
    return bool(_NAME.fullmatch(text))
