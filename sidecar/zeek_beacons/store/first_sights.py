"""When each server was first seen at this site: rows of the table `first_sights`, one a responder, by name or address.

Seen is what a pair became a candidate for. Raises sqlite3.Error, and writes into the transaction that is open.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

_LOAD = "SELECT first_ts FROM first_sights WHERE resp = ?"
_STORE = """
INSERT INTO first_sights (resp, first_ts, touched) VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET first_ts = min(first_ts, excluded.first_ts), touched = max(touched, excluded.touched)
"""


def load(db: sqlite3.Connection, responders: Iterable[str]) -> dict[str, float]:
    """The earliest connection to each of these, epoch seconds, of those that are known."""
    found = {one: db.execute(_LOAD, (one,)).fetchone() for one in responders}
    return {one: row[0] for one, row in found.items() if row is not None}


def store(db: sqlite3.Connection, sights: Mapping[str, float], hour: int) -> None:
    """Writes what is known; of a responder that is known already the earlier counts."""
    db.executemany(_STORE, ((resp, first, hour) for resp, first in sights.items()))
