"""A history or result as a database to read: opened when asked, shared by threads, and every failure one InputError.

No file is made: a history that nobody writes to, whose log (`-wal`) is gone, is read as it lies there.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from zeek_beacons.errors import InputError
from zeek_beacons.store.schema import VERSION

RESULT = "result.sqlite"
NAMES = (RESULT, "history.db")  # looked for in a folder, in this order
PATIENCE = 2.0  # seconds to wait for a lock
IDLE = 4  # connections kept
TRIES = 2  # of one question: the file may be replaced while it is read

T = TypeVar("T")
_Identity = tuple[int, int, bool, int]


class Database:
    """One file. Connections are opened as needed, and dropped where the file is not the same any more."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._idle: list[tuple[_Identity, sqlite3.Connection]] = []

    def close(self) -> None:
        """Closes what is not in use."""
        with self._lock:
            idle, self._idle = self._idle, []
        for _, db in idle:
            db.close()

    def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """The answer to a question, all of which is seen at one moment. Raises InputError."""
        for attempt in range(TRIES):
            try:
                with self._reading() as db:
                    return question(db)
            except UnicodeDecodeError as error:  # SQLite's words for a damaged file
                self.close()
                raise InputError(str(self.path), "is damaged") from error
            except sqlite3.Error as error:
                self.close()
                if _is_ours(error):
                    raise
                if attempt + 1 == TRIES or _code(error) == sqlite3.SQLITE_BUSY:
                    raise InputError(str(self.path), _problem(error, self.path)) from error
        raise AssertionError

    def size(self) -> int:
        """Bytes of the file. Raises InputError."""
        try:
            return self.path.stat().st_size
        except OSError as error:
            raise InputError(str(self.path), f"cannot be read: {error.strerror}") from error

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        identity, db = self._taken()
        try:
            db.execute("BEGIN")
            yield db
            db.execute("COMMIT")
        except BaseException:
            db.close()
            raise
        with self._lock:
            if len(self._idle) < IDLE:
                self._idle.append((identity, db))
                return
        db.close()

    def _taken(self) -> tuple[_Identity, sqlite3.Connection]:
        identity = self._identity()
        with self._lock:
            same = [one for one in self._idle if one[0] == identity]
            stale = [db for known, db in self._idle if known != identity]
            self._idle = same[:-1]
        for db in stale:
            db.close()
        return same[-1] if same else (identity, self._opened(identity))

    def _identity(self) -> _Identity:
        """What a connection holds good for: a file, whether somebody writes to it, and if not, its last change."""
        try:
            status = self.path.stat()
        except OSError as error:
            raise InputError(str(self.path), f"cannot be read: {error.strerror}") from error
        is_written = self.path.with_name(f"{self.path.name}-wal").exists()
        return status.st_dev, status.st_ino, is_written, 0 if is_written else status.st_mtime_ns

    def _opened(self, identity: _Identity) -> sqlite3.Connection:
        with contextlib.suppress(OSError), self.path.open("rb") as file:
            if not file.read(1):
                raise InputError(str(self.path), "is empty: nothing was written to it yet")
        is_written = identity[2]
        uri = f"{self.path.absolute().as_uri()}?mode=ro{'' if is_written else '&immutable=1'}"
        db = sqlite3.connect(uri, uri=True, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA query_only = ON")
            db.execute("PRAGMA cache_size = -8000")
            version = int(db.execute("PRAGMA user_version").fetchone()[0])
            if version != VERSION:
                raise InputError(str(self.path), _other_version(db, version))
        except BaseException:
            db.close()
            raise
        return db


def find(path: Path) -> Path:
    """The file that a path means: itself, or what lies in the folder. Raises InputError."""
    if not path.is_dir():
        return path
    for name in NAMES:
        if (path / name).is_file():
            return path / name
    raise InputError(str(path), f"no {' and no '.join(NAMES)} in this folder")


def _other_version(db: sqlite3.Connection, version: int) -> str:
    names = {name for (name,) in db.execute("SELECT name FROM sqlite_master")}
    if version == 0 or "pairs" not in names:
        return "no history and no result of zeek-beacons"
    told = f"has schema {version}, this program reads {VERSION}"
    if version > VERSION:
        return f"{told}: update zeek-beacons"
    return f"{told}: the sidecar brings its history up to date when it starts, `score -o` writes a new result"


def _is_ours(error: sqlite3.Error) -> bool:
    """Whether it is the question that is wrong, and not the file."""
    return _code(error) == sqlite3.SQLITE_ERROR and "no such" not in str(error)


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _problem(error: sqlite3.Error, path: Path) -> str:
    code = _code(error)
    if not path.exists():
        return "is gone"
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return "is locked by another program; try again"
    if code == sqlite3.SQLITE_NOTADB:
        return "no history and no result of zeek-beacons"
    if code == sqlite3.SQLITE_CANTOPEN:
        return "cannot be opened: a right is missing, or its folder cannot be used"
    return f"is damaged or incomplete: {error}"
