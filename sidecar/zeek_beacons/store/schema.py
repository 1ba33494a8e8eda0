"""The tables of a history and of a result, and how a file of an earlier version becomes one of this version.

The version is in the file (`PRAGMA user_version`). A change of the tables is a new entry at the end of STEPS, never a
change of an old one. docs/history.md says what the tables hold.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zeek_beacons.errors import ConfigError
from zeek_beacons.incidents import identity
from zeek_beacons.keys import CONN
from zeek_beacons.store.keys import packed, pair_number

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
# NULL, and empty texts, where it is not known.
_PRESENTED = """
ALTER TABLE pairs ADD COLUMN cert_name TEXT NOT NULL DEFAULT '';
ALTER TABLE pairs ADD COLUMN cert_issuer TEXT NOT NULL DEFAULT '';
ALTER TABLE pairs ADD COLUMN cert_self_signed REAL;
ALTER TABLE pairs ADD COLUMN cert_valid REAL;
ALTER TABLE pairs ADD COLUMN cert_days REAL;
ALTER TABLE pairs ADD COLUMN cert_servers REAL;
ALTER TABLE pairs ADD COLUMN user_agent TEXT NOT NULL DEFAULT '';
ALTER TABLE pairs ADD COLUMN agent_hosts REAL;
ALTER TABLE pairs ADD COLUMN no_host REAL;
"""
_VERDICTS = """
CREATE TABLE verdicts (  -- the newest of each pair
    id INTEGER PRIMARY KEY,  -- of the pair, from its key
    orig_h TEXT NOT NULL, resp TEXT NOT NULL, resp_p INTEGER NOT NULL, proto TEXT NOT NULL,
    orig_n BLOB NOT NULL,  -- the originator as bytes, so that a range of addresses is one of rows
    addr TEXT NOT NULL, addr_n BLOB NOT NULL, service TEXT NOT NULL, name TEXT NOT NULL,
    kind TEXT NOT NULL, label TEXT NOT NULL, severity INTEGER NOT NULL, level INTEGER NOT NULL,
    near_miss INTEGER NOT NULL, suppressed TEXT NOT NULL, allowed_by TEXT NOT NULL,
    score REAL, calibrated INTEGER NOT NULL, threshold REAL NOT NULL, sleep REAL, jitter REAL,
    conns INTEGER NOT NULL, named INTEGER NOT NULL, evidence INTEGER NOT NULL, needed INTEGER NOT NULL,
    first_ts REAL, last_ts REAL, spark BLOB NOT NULL, spark_begin REAL,
    incident TEXT NOT NULL,  -- that it alerts in, or did
    model TEXT NOT NULL, sensor TEXT NOT NULL, uids TEXT NOT NULL,
    judged REAL NOT NULL,
    since REAL,  -- when it first alerted
    noted REAL NOT NULL, noted_score REAL,  -- when it became what it is in verdict_changes, or would be
    changes INTEGER NOT NULL,  -- rows there
    touched INTEGER NOT NULL
);
CREATE INDEX verdicts_worst ON verdicts (level DESC, score DESC);
CREATE INDEX verdicts_seen ON verdicts (last_ts);
CREATE INDEX verdicts_orig ON verdicts (orig_n, orig_h, suppressed, score);
CREATE INDEX verdicts_addr ON verdicts (addr_n);
CREATE INDEX verdicts_incident ON verdicts (incident, level DESC, score DESC) WHERE incident != '';
CREATE INDEX verdicts_near ON verdicts (score) WHERE near_miss = 1;
CREATE INDEX verdicts_suppressed ON verdicts (suppressed) WHERE suppressed != '';
CREATE INDEX verdicts_touched ON verdicts (touched);
CREATE TABLE verdict_changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id INTEGER NOT NULL, time REAL NOT NULL,
    label TEXT NOT NULL, severity INTEGER NOT NULL, level INTEGER NOT NULL, score REAL,
    incident TEXT NOT NULL, model TEXT NOT NULL,
    raised INTEGER NOT NULL  -- the level, where it is a new alert
);
CREATE INDEX verdict_changes_pair ON verdict_changes (id, seq);
CREATE INDEX verdict_changes_raised ON verdict_changes (seq) WHERE raised > 0;
CREATE TABLE details (id INTEGER PRIMARY KEY, details TEXT NOT NULL);  -- JSON; of what alerts, did, or nearly does
CREATE TABLE hourly (id INTEGER PRIMARY KEY, counts BLOB NOT NULL, touched INTEGER NOT NULL);  -- of what alerts, or did
CREATE INDEX hourly_touched ON hourly (touched);
CREATE TABLE long_connections (  -- a pair by address each
    id INTEGER PRIMARY KEY,
    orig_h TEXT NOT NULL, orig_n BLOB NOT NULL, addr TEXT NOT NULL, addr_n BLOB NOT NULL,
    resp_p INTEGER NOT NULL, proto TEXT NOT NULL, service TEXT NOT NULL, name TEXT NOT NULL,
    longest REAL NOT NULL, longest_start REAL, uid TEXT NOT NULL, is_open INTEGER NOT NULL,
    day_sum REAL NOT NULL,  -- seconds open within 24 hours, added up
    conns INTEGER NOT NULL, orig_bytes REAL, resp_bytes REAL, last_ts REAL, touched INTEGER NOT NULL
);
CREATE INDEX long_connections_longest ON long_connections (longest DESC);
CREATE INDEX long_connections_sum ON long_connections (day_sum DESC);
CREATE INDEX long_connections_touched ON long_connections (touched);
CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
# Pairs that alerted have a verdict in their alert; of the others one comes with their next candidate.
_VERDICTS_OF_ALERTS = """
INSERT OR IGNORE INTO verdicts
SELECT pair_number(orig_h, resp, resp_p, proto), orig_h, resp, resp_p, proto, packed(orig_h),
    told(verdict, 'resp_h'), packed(told(verdict, 'resp_h')), coalesce(told(verdict, 'service'), ''),
    iif(resp = told(verdict, 'resp_h'), '', resp), coalesce(told(verdict, 'kind'), 'beacon'), 'beacon',
    sent, sent, 0, '', '', told(verdict, 'score'), 0, 0.0, told(verdict, 'sleep'), told(verdict, 'jitter'),
    told(verdict, 'conns'), 0, coalesce(told(verdict, 'observations'), 0), coalesce(told(verdict, 'needed'), 0),
    (SELECT first_ts FROM pairs WHERE (pairs.orig_h, pairs.resp, pairs.resp_p, pairs.proto)
        = (alerts.orig_h, alerts.resp, alerts.resp_p, alerts.proto)),
    touched * 3600.0, x'', NULL, iif(incident = '', identity(orig_h, resp, resp_p, proto), incident),
    coalesce(told(verdict, 'model'), ''), '', coalesce(told(verdict, 'uid'), ''),
    touched * 3600.0, touched * 3600.0, touched * 3600.0, told(verdict, 'score'), 0, touched
FROM alerts WHERE told(verdict, 'resp_h') IS NOT NULL AND told(verdict, 'conns') IS NOT NULL AND sent > 0;
"""
# What an endpoint says of the process behind a pair.
_PROCESSES = """
ALTER TABLE pairs ADD COLUMN process TEXT NOT NULL DEFAULT '';
ALTER TABLE pairs ADD COLUMN parent TEXT NOT NULL DEFAULT '';
ALTER TABLE pairs ADD COLUMN user TEXT NOT NULL DEFAULT '';
ALTER TABLE pairs ADD COLUMN signed REAL;
"""
# What the pairs of an earlier file are is connections.
_CHANNELS = """
ALTER TABLE pairs ADD COLUMN channel TEXT NOT NULL DEFAULT 'conn';
ALTER TABLE pairs ADD COLUMN other_paths REAL;
DROP INDEX pairs_key;
CREATE UNIQUE INDEX pairs_key ON pairs (orig_h, resp, resp_p, proto, channel);
ALTER TABLE verdicts ADD COLUMN channel TEXT NOT NULL DEFAULT 'conn';
ALTER TABLE alerts RENAME TO alerts_of_connections;
DROP INDEX alerts_incident;
DROP INDEX alerts_touched;
CREATE TABLE alerts (
    orig_h TEXT NOT NULL, resp TEXT NOT NULL, resp_p INTEGER NOT NULL, proto TEXT NOT NULL, channel TEXT NOT NULL,
    sent INTEGER NOT NULL, confirmed INTEGER NOT NULL DEFAULT 0, verdict TEXT NOT NULL,
    incident TEXT NOT NULL DEFAULT '', member TEXT NOT NULL DEFAULT '', touched INTEGER NOT NULL,
    PRIMARY KEY (orig_h, resp, resp_p, proto, channel)
);
CREATE INDEX alerts_incident ON alerts (incident);
CREATE INDEX alerts_touched ON alerts (touched);
INSERT INTO alerts SELECT orig_h, resp, resp_p, proto, 'conn', sent, confirmed, verdict, incident, member, touched
FROM alerts_of_connections ORDER BY rowid;
DROP TABLE alerts_of_connections;
ALTER TABLE site RENAME TO site_of_connections;
CREATE TABLE site (
    orig_h TEXT NOT NULL, resp TEXT NOT NULL, resp_p INTEGER NOT NULL, proto TEXT NOT NULL, channel TEXT NOT NULL,
    model TEXT NOT NULL, score REAL NOT NULL, budget REAL NOT NULL, threshold REAL, touched INTEGER NOT NULL,
    PRIMARY KEY (orig_h, resp, resp_p, proto, channel)
);
INSERT INTO site SELECT orig_h, resp, resp_p, proto, 'conn', model, score, budget, threshold, touched
FROM site_of_connections;
DROP TABLE site_of_connections;
"""
# What is told of the names that were asked for under a domain.
_NAMES_ASKED = """
ALTER TABLE pairs ADD COLUMN names_asked REAL;
ALTER TABLE pairs ADD COLUMN names_length REAL;
ALTER TABLE pairs ADD COLUMN for_addresses REAL;
ALTER TABLE pairs ADD COLUMN connected REAL;
"""
# What else was seen of the ends, see traits.py.
_TRAITS = """
ALTER TABLE pairs ADD COLUMN traits TEXT NOT NULL DEFAULT '';
"""
# A hit of Zeek's Intel framework.
_INTEL = """
ALTER TABLE pairs ADD COLUMN intel TEXT NOT NULL DEFAULT '';
"""
# Who has which address.
_HOST_OWNERS = """
CREATE TABLE host_owners (
    host TEXT PRIMARY KEY, name TEXT NOT NULL, user TEXT NOT NULL,
    last_ts REAL NOT NULL,  -- of the connection that it is known by
    touched INTEGER NOT NULL
);
CREATE INDEX host_owners_touched ON host_owners (touched);
"""
# When each server was first seen here, by any of the pairs that became candidates.
_FIRST_SIGHTS = """
CREATE TABLE first_sights (resp TEXT PRIMARY KEY, first_ts REAL NOT NULL, touched INTEGER NOT NULL);
CREATE INDEX first_sights_touched ON first_sights (touched);
INSERT INTO first_sights SELECT resp, min(first_ts), max(touched) FROM pairs WHERE first_ts IS NOT NULL GROUP BY resp;
"""
STEPS = (
    _PAIRS_ALERTS_PROGRESS,
    _SITE_BASELINE,
    _FACTS_OF_PAIRS,
    _INCIDENTS,
    _PRESENTED,
    _PROCESSES + _VERDICTS + _VERDICTS_OF_ALERTS,
    _CHANNELS,
    _NAMES_ASKED,
    _TRAITS,
    _INTEL,
    _HOST_OWNERS,
    _FIRST_SIGHTS,
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
        add_functions(db)
        steps = "".join(STEPS[version:])
        db.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {VERSION}; COMMIT;")


def add_functions(db: sqlite3.Connection) -> None:
    """What the steps need beside SQL."""
    db.create_function("pair_number", 4, lambda *key: pair_number((*key, CONN)), deterministic=True)
    db.create_function("identity", 4, lambda *key: identity((*key, CONN)), deterministic=True)
    db.create_function("packed", 1, packed, deterministic=True)
    db.create_function("told", 2, _told, deterministic=True)


@contextmanager
def without_indexes(db: sqlite3.Connection) -> Iterator[None]:
    """Leaves the tables' own indexes away while many rows are written, and makes them at the end."""
    made = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
    for name, _ in made:
        db.execute(f"DROP INDEX {name}")
    yield
    for _, sql in made:
        db.execute(sql)


def _told(verdict: str, name: str) -> str | int | float | None:
    """A field of a stored verdict; None where it holds none of a kind that SQLite knows."""
    try:
        value = json.loads(verdict).get(name)
    except (ValueError, AttributeError):
        return None
    return value if isinstance(value, (str, int, float)) else None
