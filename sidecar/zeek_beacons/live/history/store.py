"""The history file: what each pair did over weeks, the alerts about it, and how far each Zeek was followed.

SQLite in WAL mode; `schema.py` has the tables, `site.py` what is kept of the site, `alert_incidents.py` of incidents.
Everything here is synchronous and raises sqlite3.Error: `guard.py` is what keeps a full or broken disk from the
sidecar. `now` is the wall clock, seconds.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeAlias

from zeek_beacons.live.history import alert_incidents, schema, site
from zeek_beacons.live.history.alert_incidents import StoredIncidents
from zeek_beacons.live.history.site import Key, SiteChanges
from zeek_beacons.live.incidents import IncidentChanges
from zeek_beacons.scoring.site import SiteBaseline

HOUR = 3600.0
PRUNE_ROWS = 500  # deleted in one go, so that no one waits long
FREE_PAGES = 2_000  # given back to the disk in one go

_KEY = "orig_h = ? AND resp = ? AND resp_p = ? AND proto = ?"
_DESCRIBED = """
addr, service, server_name, conns, named, first_ts, resp_hosts, site_hosts,
dns_name, name_conns, dns_named, orig_local, resp_local, site_tls_named, observations
"""
_LOAD = f"SELECT {_DESCRIBED} FROM pairs WHERE {_KEY}"  # noqa: S608
_PAGE = f"SELECT rowid, orig_h, resp, resp_p, proto, {_DESCRIBED} FROM pairs WHERE rowid > ? ORDER BY rowid LIMIT ?"  # noqa: S608
_SENT = f"SELECT sent FROM alerts WHERE {_KEY}"  # noqa: S608
_STORE = f"""
INSERT OR REPLACE INTO pairs (orig_h, resp, resp_p, proto, {_DESCRIBED}, touched)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""  # noqa: S608
_ALERT = """
INSERT INTO alerts (orig_h, resp, resp_p, proto, sent, verdict, touched) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET sent = excluded.sent, verdict = excluded.verdict, touched = excluded.touched
WHERE excluded.sent >= sent
"""
_CONFIRM = f"UPDATE alerts SET confirmed = max(confirmed, ?) WHERE {_KEY}"  # noqa: S608
_PROGRESS = """
INSERT INTO progress VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET seq = max(seq, excluded.seq), touched = excluded.touched
"""

Stored: TypeAlias = tuple[Any, ...]  # addr to observations, as in the table


@dataclass(frozen=True, slots=True)
class Limits:
    """What the history may keep."""

    days: float = 30.0
    size: int = 2 << 30  # bytes of the file


@dataclass(slots=True)
class Changes:
    """What one batch adds, written in one transaction or not at all."""

    pairs: dict[Key, Stored] = field(default_factory=dict)
    alerts: dict[Key, tuple[int, str]] = field(default_factory=dict)  # level, verdict
    confirmed: dict[Key, int] = field(default_factory=dict)
    progress: Mapping[tuple[str, str], int] = field(default_factory=dict)
    site: SiteChanges | None = None
    incidents: IncidentChanges | None = None


class History:
    """An open history file."""

    def __init__(self, connection: sqlite3.Connection, limits: Limits) -> None:
        self._db = connection
        self._limits = limits

    @classmethod
    def open(cls, path: Path, limits: Limits) -> Self:
        """Opens the file or makes it. Raises ConfigError where a later version, or another program, wrote it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, timeout=1.0, isolation_level=None, check_same_thread=False)
        try:
            schema.prepare(db, path)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")  # a commit outlives this process; power cuts cost the last ones
            db.execute("PRAGMA cache_size = -16000")
            db.execute("SELECT count(*) FROM alerts").fetchone()
        except BaseException:
            db.close()
            raise
        return cls(db, limits)

    def close(self) -> None:
        """Ends the use of the file."""
        self._db.close()

    def load(self, keys: Iterable[Key]) -> dict[Key, Stored]:
        """What is stored of these pairs."""
        found = {key: self._db.execute(_LOAD, key).fetchone() for key in keys}
        return {key: row for key, row in found.items() if row is not None}

    def page(self, after: int, most: int) -> list[tuple[int, Key, Stored]]:
        """Pairs behind a place in the file, each with its own place, in order."""
        found = self._db.execute(_PAGE, (after, most))
        return [(place, (orig_h, resp, resp_p, proto), row) for place, orig_h, resp, resp_p, proto, *row in found]

    def end(self) -> int:
        """The place of the last pair, 0 where there is none."""
        return int(self._db.execute("SELECT coalesce(max(rowid), 0) FROM pairs").fetchone()[0])

    def sent(self, keys: Iterable[Key]) -> dict[Key, int]:
        """The highest level sent to Zeek about these pairs, of those that alerted."""
        found = {key: self._db.execute(_SENT, key).fetchone() for key in keys}
        return {key: int(row[0]) for key, row in found.items() if row is not None}

    def store(self, changes: Changes, now: float) -> int:
        """Writes a batch, committed on return. Returns the pairs written."""
        hour = int(now // HOUR)
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(_STORE, ((*key, *row, hour) for key, row in changes.pairs.items()))
            self._db.executemany(_ALERT, ((*key, *alert, hour) for key, alert in changes.alerts.items()))
            if changes.incidents is not None:
                alert_incidents.store(self._db, changes.incidents, hour)
            self._db.executemany(_CONFIRM, ((level, *key) for key, level in changes.confirmed.items()))
            self._db.executemany(_PROGRESS, ((*node, seq, hour) for node, seq in changes.progress.items()))
            if changes.site is not None:
                site.store(self._db, changes.site, now)
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise
        return len(changes.pairs)

    def unconfirmed(self) -> list[str]:
        """The verdicts of alerts that no Zeek has confirmed, as they were stored."""
        return [text for (text,) in self._db.execute("SELECT verdict FROM alerts WHERE confirmed < sent")]

    def incidents(self, most: int) -> StoredIncidents:
        """The alerts that were seen last, by incident."""
        return alert_incidents.load(self._db, most)

    def progress(self) -> dict[tuple[str, str], int]:
        """The highest sequence number seen of each node and boot, those that moved last at the end."""
        found = self._db.execute("SELECT node, boot, seq FROM progress ORDER BY touched")
        return {(node, boot): seq for node, boot, seq in found}

    def thresholds(self, keys: Iterable[Key], model: str, budget: float) -> dict[Key, float]:
        """What was in force when these pairs first alerted under this budget, of those that did."""
        return site.thresholds(self._db, keys, model, budget)

    def baseline(self, model: str, budget: float) -> SiteBaseline:
        """What is remembered of the site under this model."""
        return site.baseline(self._db, model, budget)

    def prune(self, now: float) -> int:
        """Forgets some of what is too old or too much. Returns how many rows; 0: there is nothing to forget."""
        begin = now - self._limits.days * 86_400
        oldest = int(begin // HOUR)
        for table in ("alerts", "incidents"):
            self._forget(table, oldest, PRUNE_ROWS)
        self._forget("progress", oldest, PRUNE_ROWS)
        gone = self._forget("pairs", oldest, PRUNE_ROWS)
        size = self.size()
        if not gone and size > self._limits.size:
            too_many = math.ceil(self.pairs() * (1 - self._limits.size / size))
            gone = self._forget("pairs", int(now // HOUR) + 1, min(too_many, PRUNE_ROWS))
        self._db.executescript(f"PRAGMA incremental_vacuum({FREE_PAGES})")  # execute() would free one page
        return gone + site.forget(self._db, begin)

    def _forget(self, table: str, hour: int, most: int) -> int:
        """Deletes rows not touched since `hour`, the oldest first. Returns how many."""
        chosen = f"SELECT rowid FROM {table} WHERE touched < ? ORDER BY touched LIMIT ?"  # noqa: S608
        return self._db.execute(f"DELETE FROM {table} WHERE rowid IN ({chosen})", (hour, most)).rowcount  # noqa: S608

    def size(self) -> int:
        """Bytes in use, free pages left out."""
        pages, free, page = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * page)

    def pairs(self) -> int:
        """Pairs held."""
        return int(self._db.execute("SELECT count(*) FROM pairs").fetchone()[0])
