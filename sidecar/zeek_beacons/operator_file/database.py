"""An operator.sqlite that is open for writing: transactions, and what happens when the file fails."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from zeek_beacons.database_errors import DATABASE_ERRORS
from zeek_beacons.errors import BeaconsError
from zeek_beacons.operator_file import schema

PATIENCE = 2.0  # seconds that another writer may take


class StoreError(BeaconsError):
    """operator.sqlite cannot be read or written now."""


class OperatorDatabase:
    """The file, made where it is missing. Threads may share it. `clock`: the wall clock."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """Raises StoreError, and InputError where the file is something else."""
        self.path, self._clock, self._lock = path, clock, threading.RLock()
        self._db: sqlite3.Connection | None = None
        with self._open():
            pass

    def identity(self) -> str:
        """What the sidecar's state names this file by."""
        with self._open() as db:
            return str(db.execute("SELECT value FROM meta WHERE name = 'store'").fetchone()[0])

    def close(self) -> None:
        """Ends the use of the file."""
        with self._lock:
            if self._db is not None:
                self._db.close()
                self._db = None

    def _say(self, statement: str, row: Sequence[Any]) -> int:
        with self._write(said=True) as db:
            return int(db.execute(statement, row).lastrowid or 0)

    @contextmanager
    def _write(self, said: bool = False) -> Iterator[sqlite3.Connection]:
        """A transaction. `said`: it changes what a sidecar holds to."""
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                if said:
                    db.execute("UPDATE meta SET value = value + 1 WHERE name = 'revision'")
                db.execute("COMMIT")
            except BaseException:
                if db.in_transaction:
                    db.execute("ROLLBACK")
                raise

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """The open file, opened anew where it was replaced or vanished."""
        with self._lock:
            try:
                yield self._opened()
            except (*DATABASE_ERRORS, OSError) as error:
                self._forget()
                raise StoreError(f"{self.path}: cannot be used now: {error}") from error

    def _opened(self) -> sqlite3.Connection:
        if self._db is not None and not self.path.exists():
            self._forget()
        if self._db is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            db = sqlite3.connect(self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False)
            try:
                self.path.chmod(0o640)
                schema.prepare(db, self.path)
            except BaseException:
                db.close()
                raise
            self._db = db
        return self._db

    def _forget(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
