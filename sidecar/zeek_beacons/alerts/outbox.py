"""The queue on disk: which alert each sink still has to get, and what was raised of each incident. SQLite in WAL mode.

A delivery is taken with a lease, so that several processes may share a file, and what a killed one had taken is taken
again. One that is done is remembered, so that the same alert is not sent twice. Everything here raises sqlite3.Error;
times are wall-clock seconds. One instance belongs to one thread.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from zeek_beacons.alerts.alert import Alert
from zeek_beacons.errors import ConfigError

LEASE = 120.0  # seconds; longer than a delivery may take
LONGEST_DELAY = 2 * 3600.0  # seconds; longer than a delivery is postponed
DAY = 86_400.0
MOST_DAYS = 7.0  # that an alert waits for a sink
KEPT_DAYS = 30.0  # that a delivery that is done, and the level of an incident, is remembered
MOST_WAITING = 10_000  # of one sink
MOST_INCIDENTS = 20_000
BUSY = 5.0  # seconds that another process may hold the file
OVERFLOW, EXPIRED, UNREADABLE = "the queue was full", f"waited for {MOST_DAYS:g} days", "not readable any more"
VERSION = 1
_SCHEMA = """
CREATE TABLE alerts (id TEXT PRIMARY KEY, body TEXT NOT NULL, queued REAL NOT NULL);
CREATE TABLE deliveries (
    sink TEXT NOT NULL, alert TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, due REAL NOT NULL, leased REAL NOT NULL DEFAULT 0,
    done REAL,  -- when; NULL: it waits
    PRIMARY KEY (sink, alert)
);
CREATE INDEX deliveries_due ON deliveries (sink, due) WHERE done IS NULL;
CREATE TABLE losses (sink TEXT NOT NULL, reason TEXT NOT NULL, alerts INTEGER NOT NULL, PRIMARY KEY (sink, reason));
CREATE TABLE incidents (
    id TEXT PRIMARY KEY,
    level INTEGER NOT NULL, raised REAL NOT NULL,  -- the highest level told, and when
    stopped INTEGER NOT NULL,
    alert TEXT NOT NULL  -- the newest, as JSON
);
CREATE TABLE models (model TEXT NOT NULL);  -- the one that has judged all that the history holds
"""
_TAKE = """
SELECT alert, attempts, body FROM deliveries LEFT JOIN alerts ON id = alert
WHERE sink = :sink AND done IS NULL AND (due <= :now OR due > :now + :longest)
    AND (leased <= :now OR leased > :now + :lease) ORDER BY due, deliveries.rowid LIMIT 1
"""
_LOST = "INSERT INTO losses VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET alerts = alerts + excluded.alerts"
_OLDEST = """
SELECT sink, alert FROM deliveries WHERE sink = ? AND done IS NULL ORDER BY rowid DESC LIMIT -1 OFFSET ?
"""


@dataclass(frozen=True, slots=True)
class Raised:
    """What was told of an incident."""

    level: int  # the highest
    at: float  # when
    stopped: bool  # whether it was told to have stopped since, or became another incident
    alert: Alert  # the newest


@dataclass(frozen=True, slots=True)
class Delivery:
    """An alert that a sink is to get, taken for LEASE seconds."""

    alert: Alert
    attempts: int  # before this one


class Outbox:
    """An open queue."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    @classmethod
    def open(cls, path: Path) -> Self:
        """Opens the file or makes it. Raises ConfigError where another program or a later version wrote it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        # Only a new file: closing one that SQLite has open would drop the locks of this process, and the next process
        # to leave would delete the log that this one writes to.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        db = sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")  # alerts are few, and outlive a power cut
            outbox = cls(db)
            with outbox._transaction():
                _prepare(db, path)
        except BaseException:
            db.close()
            raise
        return outbox

    def close(self) -> None:
        """Ends the use of the file."""
        self._db.close()

    def add(self, alerts: Sequence[Alert], sinks: Sequence[str], raised: Mapping[str, Raised], now: float) -> None:
        """Queues alerts for each of the sinks that did not get them before, with what is now raised of incidents."""
        with self._transaction():
            self._db.executemany(
                "INSERT OR IGNORE INTO alerts VALUES (?, ?, ?)", ((one.id, one.to_json(), now) for one in alerts)
            )
            self._db.executemany(
                "INSERT OR IGNORE INTO deliveries (sink, alert, due) VALUES (?, ?, ?)",
                ((sink, one.id, now) for one in alerts for sink in sinks),
            )
            self._db.executemany(
                "INSERT OR REPLACE INTO incidents VALUES (?, ?, ?, ?, ?)",
                ((name, one.level, one.at, one.stopped, one.alert.to_json()) for name, one in raised.items()),
            )
            for sink in sinks:
                self._lose(self._db.execute(_OLDEST, (sink, MOST_WAITING)).fetchall(), OVERFLOW)

    def take(self, sink: str, now: float) -> Delivery | None:
        """The delivery that is due next, for this caller alone until its lease ends; None where there is none.

        One that is due, or leased, for longer than anybody postpones or leases is due now: the clock was set back.
        """
        given = {"sink": sink, "now": now, "longest": LONGEST_DELAY, "lease": LEASE}
        with self._transaction():
            while (row := self._db.execute(_TAKE, given).fetchone()) is not None:
                name, attempts, body = row
                try:
                    alert = Alert.from_json(body or "")
                except ValueError:
                    self._lose([(sink, name)], UNREADABLE)
                    continue
                self._db.execute(
                    "UPDATE deliveries SET leased = ?, attempts = attempts + 1 WHERE sink = ? AND alert = ?",
                    (now + LEASE, sink, name),
                )
                return Delivery(alert, attempts)
        return None

    def done(self, sink: str, alert: str, now: float) -> None:
        """The sink has it."""
        self._db.execute("UPDATE deliveries SET done = ? WHERE sink = ? AND alert = ?", (now, sink, alert))

    def postpone(self, sink: str, alert: str, due: float) -> None:
        """The sink did not take it; it is due again then."""
        self._db.execute("UPDATE deliveries SET due = ?, leased = 0 WHERE sink = ? AND alert = ?", (due, sink, alert))

    def hurry(self, sinks: Sequence[str], now: float) -> None:
        """What waits for these sinks is due now, whatever the delay was; leases stay."""
        self._db.executemany(
            "UPDATE deliveries SET due = ? WHERE sink = ? AND done IS NULL AND due > ?",
            ((now, sink, now) for sink in sinks),
        )

    def waiting(self) -> dict[str, int]:
        """Alerts that wait, by sink."""
        found = self._db.execute("SELECT sink, count(*) FROM deliveries WHERE done IS NULL GROUP BY sink")
        return dict(found.fetchall())

    def losses(self) -> dict[str, dict[str, int]]:
        """Alerts that were given up, by sink and reason, since the file was made."""
        found: dict[str, dict[str, int]] = {}
        for sink, reason, alerts in self._db.execute("SELECT sink, reason, alerts FROM losses ORDER BY sink, reason"):
            found.setdefault(sink, {})[reason] = alerts
        return found

    def raised(self) -> dict[str, Raised]:
        """What was told of each incident, the oldest first."""
        found = {}
        told = self._db.execute("SELECT id, level, raised, stopped, alert FROM incidents ORDER BY raised")
        for name, level, at, stopped, body in told:
            try:
                found[name] = Raised(level, at, bool(stopped), Alert.from_json(body))
            except ValueError:
                continue  # of another version: its level is forgotten
        return found

    def model(self) -> str | None:
        """The model that has judged all that the history holds; None where none has been noted."""
        found = self._db.execute("SELECT model FROM models").fetchone()
        return None if found is None else str(found[0])

    def note_model(self, model: str) -> None:
        """All that the history holds has been judged by this model."""
        with self._transaction():
            self._db.execute("DELETE FROM models")
            self._db.execute("INSERT INTO models VALUES (?)", (model,))

    def prune(self, now: float) -> None:
        """Gives up what waited too long, and forgets what is old."""
        expired = """
            SELECT sink, alert FROM deliveries JOIN alerts ON id = alert
            WHERE done IS NULL AND queued < ? AND leased <= ?
        """
        with self._transaction():
            self._lose(self._db.execute(expired, (now - MOST_DAYS * DAY, now)).fetchall(), EXPIRED)
            old = now - KEPT_DAYS * DAY
            self._db.execute("DELETE FROM deliveries WHERE done < ?", (old,))
            self._db.execute("DELETE FROM alerts WHERE id NOT IN (SELECT alert FROM deliveries)")
            self._db.execute("DELETE FROM incidents WHERE raised < ?", (old,))
            beyond = "SELECT id FROM incidents ORDER BY raised DESC LIMIT -1 OFFSET ?"
            self._db.execute(f"DELETE FROM incidents WHERE id IN ({beyond})", (MOST_INCIDENTS,))  # noqa: S608

    def _lose(self, deliveries: Iterable[tuple[str, str]], reason: str) -> None:
        for sink, alert in deliveries:
            gone = self._db.execute("DELETE FROM deliveries WHERE sink = ? AND alert = ?", (sink, alert))
            if not gone.rowcount:  # an index that does not fit its table: the next look would find the same again
                raise sqlite3.DatabaseError("the file of the alert queue is damaged")
            self._db.execute(_LOST, (sink, reason, 1))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    """Makes the tables in an empty file; within a transaction."""
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise ConfigError(f"{path}: alert queue of version {version}, this program knows {VERSION}; name another file")
    if version == VERSION:
        db.execute("SELECT 1 FROM alerts, deliveries, losses, incidents, models LIMIT 0")  # all of them are there
        return
    if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        raise ConfigError(f"{path}: a database of another program; name another file for the alert queue")
    for statement in _SCHEMA.split(";\n"):
        db.execute(statement)
    db.execute(f"PRAGMA user_version = {VERSION}")
