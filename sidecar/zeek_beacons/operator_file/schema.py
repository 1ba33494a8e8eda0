"""The tables of operator.sqlite, and how a file of an earlier version becomes one of this version.

The version is in the file (`PRAGMA user_version`). A change of the tables is a new entry at the end of STEPS. Rows are
added and marked as undone, hardly ever deleted: who did what stays known. Times are epoch seconds.

The journal is the classic one, not WAL: who may only read the file can follow it without any right to write beside it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from zeek_beacons.errors import InputError

_FIRST = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);  -- store: identity; revision: counts what is said
CREATE TABLE tokens (
    name TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, may_write INTEGER NOT NULL,
    salt BLOB NOT NULL, hash BLOB NOT NULL, made REAL NOT NULL
);
CREATE TABLE feedback (  -- the newest of a pair counts
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    orig_h TEXT NOT NULL, resp TEXT NOT NULL, resp_p INTEGER NOT NULL, proto TEXT NOT NULL, addr TEXT NOT NULL,
    word TEXT NOT NULL CHECK (word IN ('true', 'false', 'withdrawn')),
    who TEXT NOT NULL, at REAL NOT NULL, why TEXT NOT NULL, model TEXT NOT NULL, score REAL
);
CREATE INDEX feedback_pair ON feedback (orig_h, resp, resp_p, proto, id);
CREATE TABLE allow (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    entry TEXT NOT NULL,  -- a line of an allow-list
    who TEXT NOT NULL, at REAL NOT NULL, why TEXT NOT NULL, until REAL,
    undone_by TEXT, undone_at REAL
);
CREATE TABLE snoozes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    orig_h TEXT NOT NULL, resp TEXT NOT NULL, resp_p INTEGER NOT NULL, proto TEXT NOT NULL,
    who TEXT NOT NULL, at REAL NOT NULL, why TEXT NOT NULL, until REAL NOT NULL,
    undone_by TEXT, undone_at REAL
);
CREATE TABLE acknowledged (
    orig_h TEXT NOT NULL, resp TEXT NOT NULL, resp_p INTEGER NOT NULL, proto TEXT NOT NULL,
    level INTEGER NOT NULL, who TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (orig_h, resp, resp_p, proto)
);
CREATE TABLE cleared (id INTEGER PRIMARY KEY AUTOINCREMENT, upto INTEGER NOT NULL, who TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE settings (  -- the newest of a name counts; NULL: as it was configured
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, value TEXT, who TEXT NOT NULL, at REAL NOT NULL
);
CREATE TABLE requests (  -- to judge again what is held
    id INTEGER PRIMARY KEY AUTOINCREMENT, who TEXT NOT NULL, at REAL NOT NULL
);
CREATE TABLE telemetry (
    id INTEGER PRIMARY KEY AUTOINCREMENT, collector TEXT NOT NULL, at REAL NOT NULL,
    count INTEGER NOT NULL, connections TEXT NOT NULL  -- JSON, see telemetry.py
);
CREATE TABLE jobs (
    id TEXT PRIMARY KEY, who TEXT NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,
    facts TEXT NOT NULL  -- JSON
);
CREATE INDEX jobs_at ON jobs (at);
"""
_CHANNELS = """
ALTER TABLE feedback ADD COLUMN channel TEXT NOT NULL DEFAULT 'conn';
DROP INDEX feedback_pair;
CREATE INDEX feedback_pair ON feedback (orig_h, resp, resp_p, proto, channel, id);
ALTER TABLE snoozes ADD COLUMN channel TEXT NOT NULL DEFAULT 'conn';
ALTER TABLE acknowledged RENAME TO acknowledged_connections;
CREATE TABLE acknowledged (
    orig_h TEXT NOT NULL, resp TEXT NOT NULL, resp_p INTEGER NOT NULL, proto TEXT NOT NULL, channel TEXT NOT NULL,
    level INTEGER NOT NULL, who TEXT NOT NULL, at REAL NOT NULL,
    PRIMARY KEY (orig_h, resp, resp_p, proto, channel)
);
INSERT INTO acknowledged
SELECT orig_h, resp, resp_p, proto, 'conn', level, who, at FROM acknowledged_connections ORDER BY rowid;
DROP TABLE acknowledged_connections;
"""
STEPS = (_FIRST, _CHANNELS)
VERSION = len(STEPS)


def prepare(db: sqlite3.Connection, path: Path) -> None:
    """Brings an open file to this version. Raises sqlite3.Error, and InputError where it is another program's."""
    version = check(db, path, may_be_empty=True)
    if version < VERSION:
        steps = "".join(STEPS[version:])
        first = "" if version else "INSERT INTO meta VALUES ('store', lower(hex(randomblob(8)))), ('revision', '0');"
        db.executescript(f"BEGIN IMMEDIATE; {steps} {first} PRAGMA user_version = {VERSION}; COMMIT;")


def known_columns(db: sqlite3.Connection, table: str, wanted: Iterable[str]) -> list[str]:
    """Which of these columns a table of this file has, in their order. Raises sqlite3.Error."""
    held = {name for _, name, *_ in db.execute(f"PRAGMA table_info({table})")}
    return [name for name in wanted if name in held]


def check(db: sqlite3.Connection, path: Path, *, may_be_empty: bool = False) -> int:
    """The version of an open file that this program knows. Raises sqlite3.Error and InputError."""
    version = int(db.execute("PRAGMA user_version").fetchone()[0])
    try:
        tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    except (UnicodeDecodeError, MemoryError) as error:
        raise sqlite3.DatabaseError("the names of its tables are damaged") from error
    if version > VERSION:
        raise InputError(str(path), f"operators' file of schema {version}, this program knows {VERSION}; update it")
    if (tables or not may_be_empty) and not {"meta", "feedback", "telemetry"} <= tables:
        raise InputError(str(path), "no operators' file of zeek-beacons")
    return version
