"""What a file is, and what is in it. Each function asks one open database."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import NamedTuple

from zeek_beacons.readmodel.lists import last_alert
from zeek_beacons.readmodel.rows import About
from zeek_beacons.store import about as stored

_COUNTS = """
SELECT (SELECT count(*) FROM verdicts),
    (SELECT count(*) FROM verdicts WHERE level >= 0 AND score IS NOT NULL),
    (SELECT count(*) FROM verdicts WHERE level > 0),
    (SELECT count(DISTINCT incident) FROM verdicts WHERE level > 0 AND incident != ''),
    (SELECT count(*) FROM verdicts WHERE near_miss = 1),
    (SELECT count(*) FROM verdicts WHERE suppressed != ''),
    (SELECT count(DISTINCT orig_n) FROM verdicts),
    (SELECT min(first_ts) FROM verdicts),
    (SELECT max(last_ts) FROM verdicts)
"""


class Extent(NamedTuple):
    """How much there is."""

    pairs: int
    scored: int
    beacons: int
    incidents: int
    near_misses: int
    suppressed: int
    hosts: int
    first_seen: float | None
    last_seen: float | None


def extent(db: sqlite3.Connection) -> Extent:
    """How much there is: a look at every pair."""
    return Extent(*db.execute(_COUNTS).fetchone())


def revision(db: sqlite3.Connection) -> str:
    """What changes whenever the file does."""
    rows = db.execute("SELECT value FROM about WHERE name IN ('revision', 'written') ORDER BY name")
    return "-".join(str(value) for (value,) in rows)


def about(db: sqlite3.Connection, path: Path, size: int, known: Extent) -> About:
    """What the file is."""
    told = stored.load(db)
    thresholds = told.get("thresholds")
    summary = told.get("summary")
    return About(
        kind=str(told.get("kind", stored.HISTORY)),
        path=str(path),
        schema=int(db.execute("PRAGMA user_version").fetchone()[0]),
        revision=revision(db),
        model=str(told.get("model", "")),
        calibrated=bool(told.get("calibrated", False)),
        profile=str(told.get("profile", "")),
        threshold=told.get("threshold"),
        thresholds=thresholds if isinstance(thresholds, dict) else {},
        written=told.get("written"),
        **known._asdict(),
        bytes=size,
        last_alert=last_alert(db),
        summary=summary if isinstance(summary, dict) else {},
        version=str(told.get("version", "")),
        config=str(told.get("config", "")),
    )
