"""The history file: what each pair did over weeks, what was concluded about it, and how far each Zeek was followed.

SQLite in WAL mode. The tables are in `zeek_beacons.store`, with what a result has too; `site.py` has what is kept of
the site, `alert_incidents.py` of incidents. Everything here is synchronous and raises sqlite3.Error: `guard.py` is what
keeps a full or broken disk from the sidecar. `now` is the wall clock, seconds.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeAlias

from zeek_beacons.keys import KEY_COLUMNS, Key
from zeek_beacons.live.history import alert_incidents, site
from zeek_beacons.live.history.alert_incidents import StoredIncidents
from zeek_beacons.live.history.site import SiteChanges
from zeek_beacons.live.incidents import IncidentChanges
from zeek_beacons.scoring.site import SiteBaseline
from zeek_beacons.store import about, first_sights, host_owners, judged, long_connections, schema
from zeek_beacons.store.host_owners import HostOwner
from zeek_beacons.store.judged import Conclusion
from zeek_beacons.store.keys import COLUMNS, IS_PAIR
from zeek_beacons.store.long_connection import LongConnection

HOUR = 3600.0
PRUNE_ROWS = 500  # deleted in one go, so that no one waits long
FREE_PAGES = 2_000  # given back to the disk in one go

_DESCRIBED = """
addr, service, server_name, conns, named, first_ts, resp_hosts, site_hosts,
dns_name, name_conns, dns_named, orig_local, resp_local, site_tls_named,
cert_name, cert_issuer, cert_self_signed, cert_valid, cert_days, cert_servers, user_agent, agent_hosts, no_host,
other_paths, names_asked, names_length, for_addresses, connected, traits, process, parent, user, signed, intel,
observations
"""
_LOAD = f"SELECT {_DESCRIBED} FROM pairs WHERE {IS_PAIR}"  # noqa: S608
_PAGE = f"SELECT rowid, {COLUMNS}, {_DESCRIBED} FROM pairs WHERE rowid > ? ORDER BY rowid LIMIT ?"  # noqa: S608
_SENT = f"SELECT sent FROM alerts WHERE {IS_PAIR}"  # noqa: S608
_STORE = f"""
INSERT OR REPLACE INTO pairs ({COLUMNS}, {_DESCRIBED}, touched)
VALUES ({", ".join("?" * (len(KEY_COLUMNS) + _DESCRIBED.count(",") + 2))})
"""  # noqa: S608
_ALERT = f"""
INSERT INTO alerts ({COLUMNS}, sent, verdict, touched) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET sent = excluded.sent, verdict = excluded.verdict, touched = excluded.touched
WHERE excluded.sent >= sent
"""  # noqa: S608
_CONFIRM = f"UPDATE alerts SET confirmed = max(confirmed, ?) WHERE {IS_PAIR}"  # noqa: S608
_PROGRESS = """
INSERT INTO progress VALUES (?, ?, ?, ?)
ON CONFLICT DO UPDATE SET seq = max(seq, excluded.seq), touched = excluded.touched
"""

KEY = len(KEY_COLUMNS)
Stored: TypeAlias = tuple[Any, ...]  # addr to observations, as in the table


@dataclass(frozen=True, slots=True)
class Limits:
    """What the history may keep."""

    days: float = 30.0
    size: int = 2 << 30  # bytes of the file
    hourly_days: float = 180.0  # for which connections are counted by hour, of what alerts


@dataclass(slots=True)
class Changes:
    """What one batch adds, written in one transaction or not at all."""

    pairs: dict[Key, Stored] = field(default_factory=dict)
    alerts: dict[Key, tuple[int, str]] = field(default_factory=dict)  # level, verdict
    confirmed: dict[Key, int] = field(default_factory=dict)
    progress: Mapping[tuple[str, str], int] = field(default_factory=dict)
    site: SiteChanges | None = None
    incidents: IncidentChanges | None = None
    concluded: Sequence[Conclusion] = ()
    seen: bool = True  # whether connections of these pairs came in, and not only the verdict is new
    long_connections: Sequence[LongConnection] = ()
    owners: Mapping[str, HostOwner] = field(default_factory=dict)  # who has which address
    sights: Mapping[str, float] = field(default_factory=dict)  # when responders were first seen
    about: Mapping[str, Any] = field(default_factory=dict)  # what has changed, see store/about.py


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

    def first_sights(self, responders: Iterable[str]) -> dict[str, float]:
        """When each of these servers was first seen here, epoch seconds, of those that are known."""
        return first_sights.load(self._db, responders)

    def page(self, after: int, most: int) -> list[tuple[int, Key, Stored]]:
        """Pairs behind a place in the file, each with its own place, in order."""
        found = self._db.execute(_PAGE, (after, most))
        return [(row[0], row[1 : 1 + KEY], row[1 + KEY :]) for row in found]

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
            judged.store(self._db, changes.concluded, now, int(self._limits.hourly_days * 24), changes.seen)
            long = [one.long for one in changes.concluded if one.long is not None]
            long_connections.store(self._db, [*changes.long_connections, *long], hour)
            host_owners.store(self._db, changes.owners, hour)
            first_sights.store(self._db, changes.sights, hour)
            about.store(self._db, changes.about)
            about.touch(self._db, now)
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
        for table in ("progress", "host_owners"):
            self._forget(table, oldest, PRUNE_ROWS)
        months = int((now - self._limits.hourly_days * 86_400) // HOUR)
        judged.forget_hours(self._db, months, PRUNE_ROWS)
        self._forget("first_sights", min(oldest, months), PRUNE_ROWS)
        gone = self._forget("pairs", oldest, PRUNE_ROWS) + judged.forget(self._db, oldest, PRUNE_ROWS)
        gone += long_connections.forget(self._db, oldest, PRUNE_ROWS)
        size = self.size()
        if not gone and size > self._limits.size:
            too_many = min(math.ceil(self.pairs() * (1 - self._limits.size / size)), PRUNE_ROWS)
            gone = self._forget("pairs", int(now // HOUR) + 1, too_many)
            gone += judged.forget(self._db, int(now // HOUR) + 1, too_many)
            self._forget("first_sights", oldest, PRUNE_ROWS)
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
