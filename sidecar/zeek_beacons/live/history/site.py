"""The site baseline in the history file: how each pair scored, and how long Zeek was watched.

A pair counts by its highest score, since live an alert may be raised at any of its verdicts, not at the last alone.
What is remembered is every pair seen since some moment, and the time watched since then, so that the rate holds where
pairs had to be forgotten. Scores of another model say nothing: they are left out, and forgotten with time.
A pair that alerted keeps the threshold it alerted at, for as long as model and budget stay: the site's may move without
taking the alert back, or raising its level.

A part of the history: `store.History` calls these functions with its own connection, in its own transactions, and the
tables `site` and `watched` are in its schema. Everything here raises sqlite3.Error. Times are wall-clock seconds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from zeek_beacons.keys import Key
from zeek_beacons.scoring.site import SiteBaseline
from zeek_beacons.store.keys import IS_PAIR

MOST_PAIRS = 50_000  # remembered; beyond, the longest unseen are forgotten
MOST_AT_ONCE = 5_000  # forgotten in one go, so that no one waits long
HOUR = 3600

_STORE = """
INSERT INTO site VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    score = iif(model = excluded.model, max(score, excluded.score), excluded.score),
    threshold = coalesce(iif((model, budget) = (excluded.model, excluded.budget), threshold, NULL), excluded.threshold),
    model = excluded.model, budget = excluded.budget, touched = excluded.touched
"""
_QUIET = f"UPDATE site SET score = 0 WHERE {IS_PAIR}"  # noqa: S608
_THRESHOLD = f"SELECT threshold FROM site WHERE {IS_PAIR} AND model = ? AND budget = ? AND threshold IS NOT NULL"  # noqa: S608
_WATCH = """
INSERT INTO watched VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET seconds = seconds + excluded.seconds
"""
_FORGET = "DELETE FROM site WHERE rowid IN (SELECT rowid FROM site WHERE touched <= ? LIMIT ?)"


@dataclass(slots=True)
class SiteChanges:
    """What one batch says about the site."""

    model: str
    budget: float  # alerts per host-day
    scored: list[tuple[Key, float, float | None]] = field(default_factory=list)  # score; threshold, if it alerts
    quiet: list[Key] = field(default_factory=list)  # pairs that may not alert, or not any more
    seconds: float = 0.0  # watched since the last ones


def store(db: sqlite3.Connection, changes: SiteChanges, now: float) -> None:
    """Writes into the transaction that is open."""
    model, budget = changes.model, changes.budget
    rows = ((*key, model, score, budget, threshold, int(now)) for key, score, threshold in changes.scored)
    db.executemany(_STORE, rows)
    db.executemany(_QUIET, changes.quiet)
    db.execute(_WATCH, (int(now // HOUR), model, changes.seconds))


def thresholds(db: sqlite3.Connection, keys: Iterable[Key], model: str, budget: float) -> dict[Key, float]:
    """What was in force when these pairs first alerted, of those that did."""
    found = {key: db.execute(_THRESHOLD, (*key, model, budget)).fetchone() for key in keys}
    return {key: row[0] for key, row in found.items() if row is not None}


def baseline(db: sqlite3.Connection, model: str, budget: float) -> SiteBaseline:
    """What is remembered under this model, to be held against a budget."""
    scores = np.array([score for (score,) in db.execute("SELECT score FROM site WHERE model = ?", (model,))])
    (hosts,) = db.execute("SELECT count(DISTINCT orig_h) FROM site WHERE model = ?", (model,)).fetchone()
    (seconds,) = db.execute("SELECT total(seconds) FROM watched WHERE model = ?", (model,)).fetchone()
    return SiteBaseline(budget, scores.astype(np.float64), int(hosts), float(seconds))


def forget(db: sqlite3.Connection, oldest: float) -> int:
    """Forgets what was not seen since `oldest`, or is too much, and the time watched until then. Returns how many."""
    (excess,) = db.execute("SELECT count(*) - ? FROM site", (MOST_PAIRS,)).fetchone()
    if excess > 0:
        last = "SELECT touched FROM site ORDER BY touched LIMIT 1 OFFSET ?"
        oldest = max(oldest, db.execute(last, (excess - 1,)).fetchone()[0])
    gone = db.execute(_FORGET, (int(oldest), MOST_AT_ONCE)).rowcount
    db.execute("DELETE FROM watched WHERE hour < ?", (int(oldest // HOUR),))
    return gone
