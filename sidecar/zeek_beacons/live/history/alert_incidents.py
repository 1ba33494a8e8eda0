"""Incidents in the history file: which one each alert belongs to, and what it takes to find more that do.

A part of the history: `store.History` calls these functions with its own connection, in its own transactions, and the
tables are in its schema. Everything here raises sqlite3.Error. Times are wall-clock seconds.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zeek_beacons.incidents import Member, identity
from zeek_beacons.keys import Key
from zeek_beacons.live.incidents import IncidentChanges, StoredMember
from zeek_beacons.locality import is_private
from zeek_beacons.store import judged
from zeek_beacons.store.keys import COLUMNS, IS_PAIR
from zeek_beacons.verdicts import OWN_BEACON

_MEMBER = f"UPDATE alerts SET incident = ?, member = ?, touched = ? WHERE {IS_PAIR}"  # noqa: S608
_INCIDENT = "INSERT OR REPLACE INTO incidents VALUES (?, ?, ?, ?)"
_LOAD = f"SELECT {COLUMNS}, incident, member, verdict FROM alerts ORDER BY touched DESC, rowid DESC LIMIT ?"  # noqa: S608


@dataclass(slots=True)
class StoredIncidents:
    """What the file holds: the members that alerted last at the end; when each incident began, what it took in."""

    members: list[StoredMember] = field(default_factory=list)
    incidents: dict[str, tuple[float, tuple[str, ...]]] = field(default_factory=dict)


def store(db: sqlite3.Connection, changes: IncidentChanges, hour: int) -> None:
    """Writes into the transaction that is open. The alerts themselves must be there."""
    rows = ((one.incident, _text(one.member), hour, *key) for key, one in changes.members.items())
    db.executemany(_MEMBER, rows)
    for old, new in changes.renamed:
        db.execute("UPDATE alerts SET incident = ? WHERE incident = ?", (new, old))
        db.execute("DELETE FROM incidents WHERE id = ?", (old,))
        judged.rename(db, old, new)
    db.executemany(
        _INCIDENT, ((name, began, " ".join(joined), hour) for name, (began, joined) in changes.incidents.items())
    )


def load(db: sqlite3.Connection, most: int) -> StoredIncidents:
    """The newest alerts by incident. One from before there were incidents is one of its own."""
    found = [_member(*row) for row in db.execute(_LOAD, (most,))]
    incidents = {
        name: (began, tuple(joined.split())) for name, began, joined, _ in db.execute("SELECT * FROM incidents")
    }
    return StoredIncidents([one for one in reversed(found) if one is not None], incidents)


def _text(member: Member) -> str:
    return json.dumps([None if value != value else value for value in member])  # NaN is no JSON


def _member(*stored: Any) -> StoredMember | None:
    """The stored member; None where the row holds none."""
    *columns, incident, text, verdict = stored
    orig_h, resp, resp_p, proto, channel = columns
    key = (orig_h, resp, resp_p, proto, channel)
    try:
        given = json.loads(text) if text else _from_verdict(key, json.loads(verdict))
        known: list[Any] = [math.nan if value is None else value for value in given]
        member = Member(*known)
        return StoredMember(incident or identity(key), member) if _is_sound(member) else None
    except (ValueError, TypeError, KeyError):
        return None


def _from_verdict(key: Key, verdict: Mapping[str, Any]) -> list[Any]:
    """As far as a verdict tells: not which name an address had, nor how much failed."""
    conns, is_named = int(verdict["conns"]), key[1] != verdict["resp_h"]
    named = (key[1], conns, conns) if is_named else ("", conns, 0)
    described = [verdict["resp_h"], verdict.get("service", ""), *named]
    return [
        *key[:-1],
        *described,
        is_private(verdict["resp_h"]),
        None,
        verdict.get("sleep"),
        0.0,
        OWN_BEACON,
        float(verdict.get("score") or 0.0),
        "",
        key[-1],
    ]


def _is_sound(member: Member) -> bool:
    kinds = {"resp_p": int, "conns": int, "named": int, "first_ts": float, "sleep": float, "failed": float}
    kinds |= {"local": bool, "kind": int, "score": float}
    return all(isinstance(value, kinds.get(name, str)) for name, value in member._asdict().items())
