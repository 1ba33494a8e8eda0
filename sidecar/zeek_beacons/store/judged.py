"""What was concluded about pairs, as rows of the tables `verdicts`, `verdict_changes`, `details` and `hourly`.

A change is noted where label, level, incident or model differ from what was noted last, or the score by MOVED; the
first one, of a pair that neither alerts nor nearly does, only once another follows. Everything here raises
sqlite3.Error, and writes into the transaction that is open. `now` is the wall clock, seconds.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Sequence, Set
from typing import Any, NamedTuple

from zeek_beacons.pairs import Floats
from zeek_beacons.store import hour_counts
from zeek_beacons.store.long_connection import LongConnection

MOVED = 0.05  # of a score, that is worth a row
MOST_CHANGES = 100  # of a pair; beyond, the oldest are forgotten
ALERT_AGAIN = 86_400.0  # seconds after which a level that was left and is reached again is a new alert
MOST_UIDS = 3
MOST_HOURLY = 20_000  # pairs counted by hour; beyond, those not seen for longest are forgotten
AT_ONCE = 500  # pairs asked for in one statement


class JudgedPair(NamedTuple):
    """One row of `verdicts`, without what the table itself knows better."""

    id: int
    orig_h: str
    resp: str
    resp_p: int
    proto: str
    channel: str
    orig_n: bytes
    addr: str
    addr_n: bytes
    service: str
    name: str
    kind: str
    label: str
    severity: int
    level: int
    near_miss: int
    suppressed: str
    allowed_by: str
    score: float | None
    calibrated: int
    threshold: float
    sleep: float | None
    jitter: float | None
    conns: int
    named: int
    evidence: int
    needed: int
    first_ts: float | None
    last_ts: float | None
    spark: bytes
    spark_begin: float | None
    incident: str
    model: str
    sensor: str
    uids: str  # newest first, separated by spaces


class Conclusion(NamedTuple):
    """A pair's row, and what else is kept where it alerts, did, or nearly does."""

    pair: JudgedPair
    details: str | None = None  # JSON
    starts: Floats | None = None  # of the connections held, ascending, where they are to be counted by hour
    long: LongConnection | None = None  # where it has long ones


class _Before(NamedTuple):
    """What the table holds of a pair that is judged again."""

    label: str
    severity: int
    level: int
    noted_score: float | None
    incident: str
    model: str
    uids: str
    since: float | None
    noted: float
    changes: int
    last_ts: float | None
    sensor: str


_KEPT = ("id", "orig_h", "resp", "resp_p", "proto", "channel", "orig_n")  # of the pair, whatever is concluded
_OWN = ("judged", "since", "noted", "noted_score", "changes", "touched")
_COLUMNS = (*JudgedPair._fields, *_OWN)
_UPDATES = ", ".join(
    f"{name} = max(touched, excluded.touched)" if name == "touched" else f"{name} = excluded.{name}"
    for name in _COLUMNS
    if name not in _KEPT
)
_PLACES = ", ".join("?" * len(_COLUMNS))
_INSERT = f"INSERT INTO verdicts ({', '.join(_COLUMNS)}) VALUES ({_PLACES})"  # noqa: S608
_STORE = f"{_INSERT} ON CONFLICT DO UPDATE SET {_UPDATES}"
_BEFORE = f"SELECT id, {', '.join(_Before._fields)} FROM verdicts WHERE id IN"  # noqa: S608
_CHANGE = """
INSERT INTO verdict_changes (id, time, label, severity, level, score, incident, model, raised)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_TOO_MANY = "SELECT seq FROM verdict_changes WHERE id = ? ORDER BY seq DESC LIMIT -1 OFFSET ?"
_FORGET_CHANGES = f"DELETE FROM verdict_changes WHERE seq IN ({_TOO_MANY})"  # noqa: S608
_DETAILS = "INSERT OR REPLACE INTO details VALUES (?, ?)"
_HOURS = "INSERT OR REPLACE INTO hourly VALUES (?, ?, ?)"


def store(db: sqlite3.Connection, concluded: Sequence[Conclusion], now: float, hours: int, seen: bool) -> None:
    """Writes what was concluded. `seen`: whether connections came in, and not only the verdict is new.

    `hours`: for how long connections are counted by hour.
    """
    known = _before(db, [one.pair.id for one in concluded])
    for one in concluded:
        if one.starts is not None and len(one.starts):
            _count(db, one.pair.id, one.starts, known.get(one.pair.id), hours)
        touched = int((now if seen else one.pair.last_ts or 0.0) // hour_counts.HOUR)
        known[one.pair.id] = _store_one(db, one, known.get(one.pair.id), now, touched)
    db.executemany(_DETAILS, ((one.pair.id, one.details) for one in concluded if one.details is not None))


def store_new(db: sqlite3.Connection, pairs: Iterable[JudgedPair], noted: Set[int], now: float) -> None:
    """Writes the rows of an empty file, all at once. `noted`: which of them `store_noted` tells of."""
    own = (now, None, now)
    db.executemany(_INSERT, ((*pair, *own, pair.score, int(pair.id in noted), 0) for pair in pairs))


def store_noted(db: sqlite3.Connection, concluded: Sequence[Conclusion], now: float) -> None:
    """Writes the first change, the details and the counts of some pairs of an empty file."""
    db.executemany(_CHANGE, (_change(one.pair, now, one.pair.level) for one in concluded))
    db.executemany(_DETAILS, ((one.pair.id, one.details) for one in concluded if one.details is not None))
    for one in concluded:
        if one.starts is not None and len(one.starts):
            first, counts = hour_counts.count(one.starts)
            db.execute(_HOURS, (one.pair.id, hour_counts.pack(first, counts), first + len(counts)))


def rename(db: sqlite3.Connection, old: str, new: str) -> None:
    """Gives pairs of one incident to another."""
    db.execute("UPDATE verdicts SET incident = ? WHERE incident = ?", (new, old))


def forget(db: sqlite3.Connection, oldest: int, most: int) -> int:
    """Forgets pairs not seen since the hour `oldest`, at most so many, the longest unseen first. Returns how many."""
    chosen = "SELECT id FROM verdicts WHERE touched < ? ORDER BY touched LIMIT ?"
    gone = db.execute(chosen, (oldest, most)).fetchall()
    for table in ("verdict_changes", "details", "verdicts"):
        db.executemany(f"DELETE FROM {table} WHERE id = ?", gone)  # noqa: S608
    return len(gone)


def forget_hours(db: sqlite3.Connection, oldest: int, most: int) -> int:
    """Forgets counts of pairs not seen since the hour `oldest`, or that are too many. Returns how many pairs."""
    (held,) = db.execute("SELECT count(*) FROM hourly").fetchone()
    old = "SELECT id FROM hourly WHERE touched < ? ORDER BY touched LIMIT ?"
    gone = db.execute(f"DELETE FROM hourly WHERE id IN ({old})", (oldest, most)).rowcount  # noqa: S608
    if (excess := min(held - gone - MOST_HOURLY, most)) > 0:
        chosen = "SELECT id FROM hourly ORDER BY touched LIMIT ?"
        gone += db.execute(f"DELETE FROM hourly WHERE id IN ({chosen})", (excess,)).rowcount  # noqa: S608
    return gone


def _before(db: sqlite3.Connection, ids: Sequence[int]) -> dict[int, _Before]:
    found: dict[int, _Before] = {}
    for begin in range(0, len(ids), AT_ONCE):
        some = ids[begin : begin + AT_ONCE]
        rows = db.execute(f"{_BEFORE} ({', '.join('?' * len(some))})", some)
        found |= {number: _Before(*row) for number, *row in rows}
    return found


def _store_one(db: sqlite3.Connection, one: Conclusion, before: _Before | None, now: float, touched: int) -> _Before:
    """Writes a pair's row, and a change where it is one. Returns what is now held."""
    pair = one.pair
    if before is not None:
        pair = pair._replace(
            incident=pair.incident or before.incident,
            uids=_newest(pair.uids, before.uids),
            sensor=pair.sensor or before.sensor,
        )
    since = before.since if before is not None else None
    noted, noted_score, changes = now, pair.score, 0
    if before is None:
        if pair.level or pair.near_miss:
            changes = _note(db, pair, now, pair.level)
    elif _differs(pair, before):
        changes = before.changes or _note_first(db, pair.id, before)
        changes += _note(db, pair, now, pair.level if pair.level > before.level and _is_new(db, pair, now) else 0)
        if changes > MOST_CHANGES:
            db.execute(_FORGET_CHANGES, (pair.id, MOST_CHANGES))
            changes = MOST_CHANGES
    else:
        noted, noted_score, changes = before.noted, before.noted_score, before.changes
    if since is None and pair.level:
        since = now
    db.execute(_STORE, (*pair, now, since, noted, noted_score, changes, touched))
    own = (since, noted, changes, pair.last_ts, pair.sensor)
    return _Before(pair.label, pair.severity, pair.level, noted_score, pair.incident, pair.model, pair.uids, *own)


def _note(db: sqlite3.Connection, pair: JudgedPair, now: float, raised: int) -> int:
    db.execute(_CHANGE, _change(pair, now, raised))
    return 1


def _is_new(db: sqlite3.Connection, pair: JudgedPair, now: float) -> bool:
    """Whether a rise is a new alert: not where the pair fell and is back within ALERT_AGAIN, as with Zeek's notices."""
    which = "SELECT max(raised) FROM verdict_changes WHERE id = ? AND time > ?"
    (highest,) = db.execute(which, (pair.id, now - ALERT_AGAIN)).fetchone()
    return pair.level > (highest or 0)


def _change(pair: JudgedPair, now: float, raised: int) -> tuple[Any, ...]:
    return (pair.id, now, pair.label, pair.severity, pair.level, pair.score, pair.incident, pair.model, raised)


def _note_first(db: sqlite3.Connection, number: int, before: _Before) -> int:
    """Notes what held until now, which had not been worth a row."""
    concluded = (before.label, before.severity, before.level, before.noted_score, before.incident, before.model)
    db.execute(_CHANGE, (number, before.noted, *concluded, 0))
    return 1


def _differs(pair: JudgedPair, before: _Before) -> bool:
    concluded = (pair.label, pair.level, pair.incident, pair.model)
    if concluded != (before.label, before.level, before.incident, before.model):
        return True
    if pair.score is None or before.noted_score is None:
        return pair.score is not before.noted_score
    return abs(pair.score - before.noted_score) >= MOVED


def _newest(new: str, old: str) -> str:
    """The newest uids of both, each once."""
    return " ".join(list(dict.fromkeys([*new.split(), *old.split()]))[:MOST_UIDS])


def _count(db: sqlite3.Connection, number: int, starts: Floats, before: _Before | None, most: int) -> None:
    """Counts connections by hour that may have been counted before: all that are newer than those held then are new."""
    row = db.execute("SELECT counts FROM hourly WHERE id = ?", (number,)).fetchone()
    known = hour_counts.NOTHING if row is None else hour_counts.unpack(row[0])
    newest = before.last_ts if before is not None else None
    first, counts = hour_counts.added(known, starts, -math.inf if newest is None else newest, most)
    db.execute(_HOURS, (number, hour_counts.pack(first, counts), first + len(counts)))
