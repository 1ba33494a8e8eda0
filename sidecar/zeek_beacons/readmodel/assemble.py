"""One pair in full, from what was stored of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Any

from zeek_beacons.keys import KEY_COLUMNS
from zeek_beacons.pairs import Pairs
from zeek_beacons.readmodel import incidents
from zeek_beacons.readmodel.detail import Beacon, Considered, HourCounts, VerdictChange, WeighedReason
from zeek_beacons.readmodel.held import checkins, fit, marks, observations
from zeek_beacons.readmodel.sql import Silence, VerdictRow, pair_row, verdict_rows
from zeek_beacons.reports.facts import PairFacts
from zeek_beacons.store import hour_counts
from zeek_beacons.store.keys import IS_PAIR
from zeek_beacons.store.observation_codec import ObservationsError, unpack
from zeek_beacons.verdicts import SEVERITIES

_OBSERVATIONS = f"SELECT observations FROM pairs WHERE {IS_PAIR}"  # noqa: S608
_CHANGES = """
SELECT time, label, severity, level, score, incident, model FROM verdict_changes WHERE id = ? ORDER BY seq
"""


def beacon(db: sqlite3.Connection, number: int, silence: Silence) -> Beacon | None:
    """The pair of this number; None where there is none."""
    found = verdict_rows(db, "WHERE v.id = ?", (number,))
    if not found:
        return None
    row, shown = found[0], pair_row(found[0], silence)
    told, pairs = _told(db, number), _held(db, row)
    stretch, flat = _stretch(told), checkins(pairs)
    together = incidents.one(db, row.incident, silence) if row.incident else None
    return Beacon(
        row=shown,
        summary=str(told.get("summary", "")),
        facts=_facts(told),
        reasons=tuple(_reasons(told)),
        scorers=dict(told.get("scorers", {})),
        considered=tuple(Considered(**one) for one in told.get("considered", ())),
        checkins=marks(pairs, flat),
        observations=observations(pairs),
        fit=fit(pairs, flat, stretch),
        stretch=stretch,
        hours=_hours(db, number, pairs),
        changes=tuple(_changes(db, row)),
        incident=together.incident if together is not None else None,
        members=tuple(one for one in together.members if one.id != shown.id) if together is not None else (),
        uids=tuple(row.uids.split()),
    )


def _told(db: sqlite3.Connection, number: int) -> dict[str, Any]:
    """What was told in full; empty where that was not kept."""
    row = db.execute("SELECT details FROM details WHERE id = ?", (number,)).fetchone()
    try:
        told = json.loads(row[0]) if row is not None else {}
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _held(db: sqlite3.Connection, row: VerdictRow) -> Pairs:
    """The pair with the connections that are held of it; a batch without pairs where there are none."""
    key = {name: getattr(row, name) for name in KEY_COLUMNS}
    found = db.execute(_OBSERVATIONS, tuple(key.values())).fetchone()
    try:
        held = unpack(found[0]) if found is not None else {}
    except ObservationsError:
        held = {}
    if not len(held.get("start", ())):
        return Pairs.empty()
    return Pairs.build([key | {"addr": row.addr, "conns": row.conns} | held])


def _facts(told: Mapping[str, Any]) -> PairFacts | None:
    """Facts that came later than the file have their defaults; None where any other is missing."""
    given = told.get("facts")
    if not isinstance(given, dict):
        return None
    known: dict[str, Any] = {one.name: given[one.name] for one in fields(PairFacts) if one.name in given}
    known |= {name: tuple(one) for name, one in known.items() if isinstance(one, list)}
    try:
        return PairFacts(**known)
    except TypeError:
        return None


def _reasons(told: Mapping[str, Any]) -> Iterator[WeighedReason]:
    for one in told.get("reasons", ()):
        if one["text"]:
            numbers = {name: one.get(name) for name in ("value", "contribution")}
            yield WeighedReason(code=one["code"], text=one["text"], about=one["about"], **numbers)


def _stretch(told: Mapping[str, Any]) -> tuple[float, float] | None:
    given = told.get("stretch")
    return (float(given[0]), float(given[1])) if given else None


def _hours(db: sqlite3.Connection, number: int, pairs: Pairs) -> HourCounts:
    """What was counted by hour; of a pair that never alerted, what is held."""
    row = db.execute("SELECT counts FROM hourly WHERE id = ?", (number,)).fetchone()
    if row is not None:
        first, counts = hour_counts.unpack(row[0])
    elif len(pairs.start):
        first, counts = hour_counts.count(pairs.start)
    else:
        return HourCounts((), ())
    places = counts.nonzero()[0]
    return HourCounts(tuple((first + places).tolist()), tuple(counts[places].tolist()))


def _changes(db: sqlite3.Connection, row: VerdictRow) -> Iterator[VerdictChange]:
    """The verdicts over time; of a pair about which the same was concluded ever since, that one."""
    noted = db.execute(_CHANGES, (row.id,)).fetchall()
    now = (row.noted, row.label, row.severity, row.level, row.noted_score, row.incident, row.model)
    for time, label, severity, level, score, incident, model in noted or [now]:
        yield VerdictChange(time, label, SEVERITIES[severity], level, score, incident, model)
