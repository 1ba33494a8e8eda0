"""What waits to be sent, on disk: batches in their order, and how far the sources were read, in one transaction.

So each row enters the buffer once. It leaves it when the receiver has said that it has it. Raises sqlite3.Error.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple, Self

import zstandard

from zeek_beacons.errors import ConfigError
from zeek_beacons.live.forward.batches import LogBatch

VERSION = 1
_SCHEMA = """
CREATE TABLE about (stream TEXT NOT NULL);  -- what the numbers of batches are unique in
CREATE TABLE batches (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, log TEXT NOT NULL, header BLOB NOT NULL, rows BLOB NOT NULL,
    count INTEGER NOT NULL, size INTEGER NOT NULL
);
CREATE TABLE progress (place TEXT PRIMARY KEY, read INTEGER NOT NULL);
"""


class BufferedBatch(NamedTuple):
    """A batch that waits, by its number."""

    seq: int
    batch: LogBatch


class ForwardBuffer:
    """An open buffer. `most`: bytes that may wait in it, as they lie there."""

    def __init__(self, db: sqlite3.Connection, most: int) -> None:
        self._db, self._most = db, most
        self.stream: str = db.execute("SELECT stream FROM about").fetchone()[0]
        self.bytes: int
        self.batches: int
        self.bytes, self.batches = db.execute("SELECT coalesce(sum(size), 0), count(*) FROM batches").fetchone()
        self._pack, self._unpack = zstandard.ZstdCompressor(level=1), zstandard.ZstdDecompressor()

    @classmethod
    def open(cls, path: Path, most: int) -> Self:
        """Opens or makes a file. Raises ConfigError where it is something else."""
        path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, isolation_level=None)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            if db.execute("PRAGMA user_version").fetchone()[0] == 0:
                db.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
                db.execute("INSERT INTO about VALUES (?)", (secrets.token_hex(8),))
            return cls(db, most)
        except (sqlite3.DatabaseError, TypeError) as error:
            db.close()
            raise ConfigError(f"{path}: is no buffer of `follow --forward`: {error}") from error

    @property
    def is_full(self) -> bool:
        """Whether nothing more may wait."""
        return self.bytes >= self._most

    def progress(self) -> dict[str, int]:
        """How far each source was read."""
        return dict(self._db.execute("SELECT place, read FROM progress"))

    def add(self, found: Iterable[LogBatch], progress: Mapping[str, int]) -> None:
        """Takes batches, and notes how far that is."""
        rows = [(one.log, one.header, self._pack.compress(one.rows), one.count) for one in found]
        sizes = [len(header) + len(packed) for _, header, packed, _ in rows]
        with self._transaction():
            into = "INSERT INTO batches (log, header, rows, count, size) VALUES (?, ?, ?, ?, ?)"
            self._db.executemany(into, [(*row, size) for row, size in zip(rows, sizes, strict=True)])
            self._db.executemany("INSERT OR REPLACE INTO progress VALUES (?, ?)", progress.items())
        self.bytes += sum(sizes)
        self.batches += len(rows)

    def first(self) -> BufferedBatch | None:
        """The batch that is to be sent next."""
        found = self._db.execute("SELECT seq, log, header, rows FROM batches ORDER BY seq LIMIT 1").fetchone()
        if found is None:
            return None
        seq, log, header, packed = found
        return BufferedBatch(seq, LogBatch(log, header, self._unpack.decompress(packed)))

    def replace(self, seq: int, batch: LogBatch) -> None:
        """A batch becomes another one, under its number."""
        packed = self._pack.compress(batch.rows)
        self._db.execute("UPDATE batches SET rows = ?, count = ? WHERE seq = ?", (packed, batch.count, seq))

    def sent(self, seq: int) -> None:
        """The receiver has everything up to here."""
        gone = self._db.execute(
            "SELECT coalesce(sum(size), 0), count(*) FROM batches WHERE seq <= ?", (seq,)
        ).fetchone()
        self._db.execute("DELETE FROM batches WHERE seq <= ?", (seq,))
        self.bytes -= gone[0]
        self.batches -= gone[1]

    def close(self) -> None:
        """Ends its use."""
        self._db.close()

    def _transaction(self) -> sqlite3.Connection:
        self._db.execute("BEGIN IMMEDIATE")
        return self._db  # as a context it commits, or rolls back
