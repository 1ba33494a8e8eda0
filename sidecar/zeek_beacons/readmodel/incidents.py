"""Incidents, from the pairs that alert or did. Each function asks one open database."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Sequence

from zeek_beacons.incidents import Member
from zeek_beacons.readmodel.filters import Filter, Page
from zeek_beacons.readmodel.lists import summary_of
from zeek_beacons.readmodel.rows import IncidentDetail, IncidentRow, Listing
from zeek_beacons.readmodel.sql import ALERTING, WORST, Chosen, Silence, VerdictRow, pair_row, verdict_rows
from zeek_beacons.reports.incident_text import connections, further, servers
from zeek_beacons.verdicts import KINDS, SEVERITIES

MOST_MEMBERS = 500  # shown of one incident
MEMBERS = "v.incident != '' AND v.incident = ?"


def incidents(db: sqlite3.Connection, which: Filter, page: Page, silence: Silence) -> Listing[IncidentRow]:
    """Incidents with a member that alerts and fits, the severest first, then by the score of their heads."""
    asked = Chosen.of(which, ALERTING, "v.incident != ''")
    grouped = f"FROM verdicts AS v {asked.clause} GROUP BY v.incident"
    rest = f"{grouped} ORDER BY max(v.level) DESC, max(v.score) DESC, v.incident LIMIT ? OFFSET ?"
    names = db.execute(f"SELECT v.incident {rest}", (*asked.values, page.limit, page.offset)).fetchall()
    total = db.execute(f"SELECT count(*) FROM (SELECT 1 {grouped})", asked.values)  # noqa: S608
    found = (one(db, name, silence) for (name,) in names)
    return Listing(tuple(detail.incident for detail in found if detail is not None), int(total.fetchone()[0]))


def one(db: sqlite3.Connection, name: str, silence: Silence) -> IncidentDetail | None:
    """One incident by any name that it ever had."""
    rows = verdict_rows(db, f"WHERE {MEMBERS} ORDER BY {WORST} LIMIT ?", (name, MOST_MEMBERS))
    if not rows:
        later = db.execute("SELECT id FROM incidents WHERE ' ' || joined || ' ' LIKE ?", (f"% {name} %",)).fetchone()
        return one(db, later[0], silence) if later is not None and name.isalnum() else None
    (number,) = db.execute(f"SELECT count(*) FROM verdicts AS v WHERE {MEMBERS}", (name,)).fetchone()  # noqa: S608
    known = db.execute("SELECT began, joined FROM incidents WHERE id = ?", (name,)).fetchone()
    began, joined = known or (None, "")
    details = db.execute("SELECT details FROM details WHERE id = ?", (rows[0].id,)).fetchone()
    incident = _incident(rows, number, began, joined, summary_of(details and details[0]), silence)
    return IncidentDetail(incident, tuple(pair_row(row, silence) for row in rows))


def _incident(
    rows: Sequence[VerdictRow], number: int, began: float | None, joined: str, summary: str, silence: Silence
) -> IncidentRow:
    head, members = rows[0], [_member(row) for row in rows]
    first = [row.first_ts for row in rows if row.first_ts is not None]
    last = [row.last_ts for row in rows if row.last_ts is not None]
    level = max(row.level for row in rows)
    return IncidentRow(
        id=head.incident,
        kind=head.kind,
        severity=SEVERITIES[level],
        level=level,
        score=head.score,
        head=pair_row(head, silence),
        members=number,
        hosts=len({row.orig_h for row in rows}),
        servers=servers(members),
        connections=connections(members),
        began=began,
        first_seen=min(first, default=None),
        last_seen=max(last, default=None),
        stopped=all(silence.has_stopped(row) for row in rows if row.level) and level > 0,
        joined=tuple(joined.split()),
        summary="; ".join(filter(None, (summary, further(members, number - 1)))),
        sensors=tuple(sorted({row.sensor for row in rows} - {""})),
    )


def _member(row: VerdictRow) -> Member:
    return Member(
        orig_h=row.orig_h,
        resp=row.resp,
        resp_p=row.resp_p,
        proto=row.proto,
        addr=row.addr,
        service=row.service,
        name=row.name,
        conns=row.conns,
        named=row.named,
        local=False,
        first_ts=math.nan if row.first_ts is None else row.first_ts,
        sleep=math.nan if row.sleep is None else row.sleep,
        failed=math.nan,
        kind=KINDS.index(row.kind) if row.kind in KINDS else 0,
        score=math.nan if row.score is None else row.score,
        channel=row.channel,
    )
