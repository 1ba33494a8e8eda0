"""What a file is and under what settings it came about: the table `about`, values as JSON by name.

Raises sqlite3.Error. Times are seconds.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

HISTORY, RESULT = "history", "result"

_STORE = "INSERT OR REPLACE INTO about VALUES (?, ?)"
_TOUCH = """
INSERT INTO about VALUES ('revision', '1') ON CONFLICT DO UPDATE SET value = CAST(value AS INTEGER) + 1
"""


def store(db: sqlite3.Connection, values: Mapping[str, Any]) -> None:
    """Writes some values into the transaction that is open."""
    db.executemany(_STORE, ((name, json.dumps(value)) for name, value in values.items()))


def touch(db: sqlite3.Connection, now: float) -> None:
    """Marks the file as changed, in the transaction that is open."""
    db.execute(_TOUCH)
    db.execute(_STORE, ("written", json.dumps(now)))


def load(db: sqlite3.Connection) -> dict[str, Any]:
    """All values; one that is broken is left out."""
    found = {}
    for name, value in db.execute("SELECT name, value FROM about"):
        try:
            found[str(name)] = json.loads(value)
        except (ValueError, TypeError):
            continue
    return found
