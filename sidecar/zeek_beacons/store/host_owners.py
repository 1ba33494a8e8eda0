"""Who has which address, as far as its pairs tell: rows of the table `host_owners`, one a host.

What the pair with the newest connection told that told anything stands. Raises sqlite3.Error, and writes into the
transaction that is open. Times are seconds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np

from zeek_beacons.pairs import Pairs
from zeek_beacons.traits import read

_STORE = """
INSERT INTO host_owners (host, name, user, last_ts, touched) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET
    name = excluded.name, user = excluded.user, last_ts = excluded.last_ts, touched = max(touched, excluded.touched)
WHERE excluded.last_ts >= last_ts
"""


class HostOwner(NamedTuple):
    """What is known of a host, "" where not."""

    name: str
    user: str
    last_ts: float  # start of the connection that it is known by


NOBODY = HostOwner("", "", 0.0)


def of_pairs(pairs: Pairs) -> dict[str, HostOwner]:
    """The hosts of which anything is known, by address."""
    rows = np.flatnonzero((pairs.traits != "") & (pairs.counts > 0))
    return of_traits(
        zip(pairs.orig_h[rows].tolist(), pairs.traits[rows].tolist(), pairs.last_ts[rows].tolist(), strict=True)
    )


def of_traits(told: Iterable[tuple[str, str, float]]) -> dict[str, HostOwner]:
    """The same by address, traits and start of the newest connection of each pair."""
    found: dict[str, HostOwner] = {}
    for host, text, last_ts in told:
        known = read(text)
        name, user = known.get("orig_name", ""), known.get("orig_user", "")
        if (name or user) and last_ts >= found.get(host, NOBODY).last_ts:
            found[host] = HostOwner(name, user, last_ts)
    return found


def store(db: sqlite3.Connection, owners: Mapping[str, HostOwner], hour: int) -> None:
    """Writes what is known of hosts."""
    db.executemany(_STORE, ((host, *owner, hour) for host, owner in owners.items()))


def load(db: sqlite3.Connection, host: str) -> HostOwner:
    """What is known of a host."""
    row = db.execute("SELECT name, user, last_ts FROM host_owners WHERE host = ?", (host,)).fetchone()
    return NOBODY if row is None else HostOwner(*row)
