"""The tables of the history file, and how a file of an earlier version becomes one of this version.

The version is in the file (`PRAGMA user_version`). A change of the tables is a new entry at the end of STEPS, never a
change of an old one.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from zeek_beacons.errors import ConfigError

_PAIRS_ALERTS_PROGRESS = """
CREATE TABLE pairs (
    orig_h TEXT NOT NULL, resp TEXT NOT NULL, resp_p INTEGER NOT NULL, proto TEXT NOT NULL,
    addr TEXT NOT NULL, service TEXT NOT NULL, server_name TEXT NOT NULL,
    conns INTEGER NOT NULL, named INTEGER NOT NULL, first_ts REAL NOT NULL, resp_hosts REAL, site_hosts REAL,
    observations BLOB NOT NULL,
    touched INTEGER NOT NULL  -- hours since the epoch
);
CREATE UNIQUE INDEX pairs_key ON pairs (orig_h, resp, resp_p, proto);
CREATE INDEX pairs_touched ON pairs (touched);
CREATE TABLE alerts (
    orig_h TEXT NOT NULL, resp TEXT NOT NULL, resp_p INTEGER NOT NULL, proto TEXT NOT NULL,
    sent INTEGER NOT NULL, confirmed INTEGER NOT NULL DEFAULT 0,  -- levels
    verdict TEXT NOT NULL,  -- the newest of the level sent
    touched INTEGER NOT NULL,
    PRIMARY KEY (orig_h, resp, resp_p, proto)
);
CREATE TABLE progress (
    node TEXT NOT NULL, boot TEXT NOT NULL, seq INTEGER NOT NULL, touched INTEGER NOT NULL,
    PRIMARY KEY (node, boot)
);
"""
# Files of version 1 may hold these two already: they used to be made beside the version.
_SITE_BASELINE = """
CREATE TABLE IF NOT EXISTS site (
    orig_h TEXT NOT NULL, resp TEXT NOT NULL, resp_p INTEGER NOT NULL, proto TEXT NOT NULL,
    model TEXT NOT NULL, score REAL NOT NULL,
    budget REAL NOT NULL, threshold REAL,  -- in force when the pair first alerted under this budget
    touched INTEGER NOT NULL,
    PRIMARY KEY (orig_h, resp, resp_p, proto)
);
CREATE TABLE IF NOT EXISTS watched (
    hour INTEGER NOT NULL, model TEXT NOT NULL, seconds REAL NOT NULL,
    PRIMARY KEY (hour, model)
);
"""
# NULL where a row of an earlier version does not say it: no row is written anew, files may be large.
_FACTS_OF_PAIRS = """
ALTER TABLE pairs ADD COLUMN dns_name TEXT NOT NULL DEFAULT '';
ALTER TABLE pairs ADD COLUMN name_conns INTEGER;
ALTER TABLE pairs ADD COLUMN dns_named REAL;
ALTER TABLE pairs ADD COLUMN orig_local INTEGER;
ALTER TABLE pairs ADD COLUMN resp_local INTEGER;
ALTER TABLE pairs ADD COLUMN site_tls_named REAL;
"""
_INCIDENTS = """
ALTER TABLE alerts ADD COLUMN incident TEXT NOT NULL DEFAULT '';  -- empty: from before there were any
ALTER TABLE alerts ADD COLUMN member TEXT NOT NULL DEFAULT '';  -- what incidents are formed by, as JSON
CREATE INDEX alerts_incident ON alerts (incident);
CREATE INDEX alerts_touched ON alerts (touched);
CREATE TABLE incidents (
    id TEXT PRIMARY KEY,
    began REAL NOT NULL,  -- when its first member alerted
    joined TEXT NOT NULL,  -- incidents that turned out to be this one, separated by spaces
    touched INTEGER NOT NULL
);
"""
STEPS = (
    _PAIRS_ALERTS_PROGRESS,
    _SITE_BASELINE,
    _FACTS_OF_PAIRS,
    _INCIDENTS,
)  # from each version to the next, from an empty file on
VERSION = len(STEPS)


def prepare(db: sqlite3.Connection, path: Path) -> None:
    """Brings an open file to this version, all steps or none. Raises sqlite3.Error.

    Raises ConfigError where a later version of this program wrote the file, or another program.
    """
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise ConfigError(
            f"{path}: history of schema {version}, this program knows {VERSION}; update it, or name another file"
        )
    if version == 0:
        if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise ConfigError(f"{path}: a database of another program; name another file for the history")
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
    if version < VERSION:
        steps = "".join(STEPS[version:])
        db.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {VERSION}; COMMIT;")
