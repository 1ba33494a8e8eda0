"""Lists of pairs, alerts, long connections, and what is below the gate. Each function asks one open database."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from zeek_beacons.readmodel.filters import Filter, Page
from zeek_beacons.readmodel.rows import AlertRow, BelowGate, Listing, LongPair, PairRow
from zeek_beacons.readmodel.sql import Chosen, Silence, count, order, pair_row, verdict_rows
from zeek_beacons.store.keys import id_of
from zeek_beacons.verdicts import SEVERITIES

UNSCORED = "v.level = 0 AND v.score IS NULL"
# From how many seconds on an open connection is how severe: an hour, half a working day, half a day, a day.
BANDS = ((86_400.0, "critical"), (43_200.0, "high"), (14_400.0, "medium"), (3_600.0, "low"))
MOST_COUNTS = 20  # numbers of connections that are told apart below the gate

_ALERT = """
SELECT c.seq, c.time, c.id, c.incident, c.raised, c.score, c.model, v.orig_h, v.resp, v.resp_p, v.proto, v.channel,
    v.addr, v.sensor, d.details
FROM verdict_changes AS c JOIN verdicts AS v ON v.id = c.id LEFT JOIN details AS d ON d.id = c.id
"""
_LONG_PAIRS = "(SELECT *, addr AS resp FROM long_connections) AS v"  # with the names that filters go by
_LONG = f"""
SELECT v.id, v.orig_h, v.addr, v.resp_p, v.proto, v.service, v.name, v.longest, v.longest_start, v.uid, v.is_open,
    v.day_sum, v.conns, v.orig_bytes, v.resp_bytes, v.last_ts
FROM {_LONG_PAIRS}
"""  # noqa: S608


def pairs(
    db: sqlite3.Connection,
    condition: Chosen,
    page: Page,
    silence: Silence,
    index: str = "",
    total: int | None = None,
) -> Listing[PairRow]:
    """A page of pairs. `index`: to go by. `total`: where it is known already."""
    rest = f"{index or condition.by} {condition.clause} ORDER BY {order(page)} LIMIT ? OFFSET ?"
    rows = verdict_rows(db, rest, (*condition.values, page.limit, page.offset))
    found = tuple(pair_row(row, silence) for row in rows)
    return Listing(found, count(db, condition) if total is None else total)


def alerts(db: sqlite3.Connection, which: Filter, after: int, page: Page) -> Listing[AlertRow]:
    """Pairs that reached a level, the newest first."""
    asked = _of_alerts(which, after)
    rest = f"{asked.clause} ORDER BY c.seq DESC LIMIT ? OFFSET ?"
    rows = db.execute(f"{_ALERT} {rest}", (*asked.values, page.limit, page.offset))
    joined = "JOIN verdicts AS v ON v.id = c.id" if "v." in asked.clause else ""
    total = db.execute(f"SELECT count(*) FROM verdict_changes AS c {joined} {asked.clause}", asked.values)  # noqa: S608
    return Listing(tuple(_alert(*row) for row in rows), int(total.fetchone()[0]))


def alerts_after(db: sqlite3.Connection, seq: int, most: int) -> tuple[AlertRow, ...]:
    """The alerts behind a seq, the oldest first."""
    rows = db.execute(f"{_ALERT} WHERE c.raised > 0 AND c.seq > ? ORDER BY c.seq LIMIT ?", (seq, most))
    return tuple(_alert(*row) for row in rows)


def last_alert(db: sqlite3.Connection) -> int:
    """The seq of the newest alert, 0 for none."""
    (seq,) = db.execute("SELECT max(seq) FROM verdict_changes WHERE raised > 0").fetchone()
    return int(seq or 0)


def below_gate(db: sqlite3.Connection, most: int, silence: Silence) -> BelowGate:
    """Pairs with too few connections to be scored."""
    unscored = f"FROM verdicts AS v WHERE {UNSCORED}"
    sums = db.execute(f"SELECT count(*), count(DISTINCT v.orig_n), count(DISTINCT v.addr_n) {unscored}")
    counts = db.execute(f"SELECT v.conns, count(*) {unscored} GROUP BY v.conns ORDER BY v.conns LIMIT {MOST_COUNTS}")
    top = verdict_rows(db, f"WHERE {UNSCORED} ORDER BY v.conns DESC, v.id LIMIT ?", (most,))
    number, hosts, responders = sums.fetchone()
    return BelowGate(number, hosts, responders, dict(counts), tuple(pair_row(row, silence) for row in top))


def long_connections(
    db: sqlite3.Connection, which: Filter, page: Page, min_duration: float, by_sum: bool
) -> Listing[LongPair]:
    """Pairs by their longest connection, or by what they add up to."""
    column = "v.day_sum" if by_sum else "v.longest"
    own = Filter(host=which.host, resp=which.resp, port=which.port, since=which.since, text=which.text)
    asked = Chosen.of(own, f"{column} >= ?")
    values = (min_duration, *asked.values)
    rest = f"{asked.clause} ORDER BY {column} DESC, v.id LIMIT ? OFFSET ?"
    rows = db.execute(f"{_LONG} {rest}", (*values, page.limit, page.offset))
    total = db.execute(f"SELECT count(*) FROM {_LONG_PAIRS} {asked.clause}", values)  # noqa: S608
    return Listing(tuple(_long(*row) for row in rows), int(total.fetchone()[0]))


def band(seconds: float) -> str:
    """How severe it is that a connection is open for so long, by BANDS; "" below them."""
    return next((severity for least, severity in BANDS if seconds >= least), "")


def _of_alerts(which: Filter, after: int) -> Chosen:
    """Of a filter what concerns the alert itself is held against what was reached then."""
    of_pair = Chosen.of(
        Filter(which.host, which.resp, which.port, kind=which.kind, text=which.text, sensor=which.sensor)
    )
    of_alert: list[tuple[str, Any]] = [("c.raised > 0 AND c.seq > ?", after)]
    of_alert += [("c.raised >= ?", SEVERITIES.index(which.severity))] if which.severity else []
    of_alert += [("c.time >= ?", which.since)] if which.since is not None else []
    of_alert += [("c.score >= ?", which.min_score)] if which.min_score is not None else []
    of_alert += [("c.incident = ?", which.incident)] if which.incident else []
    texts, values = zip(*of_alert, strict=True)
    return Chosen((*texts, *of_pair.parts), (*values, *of_pair.values))


def _alert(
    seq: int,
    time: float,
    number: int,
    incident: str,
    level: int,
    score: float | None,
    model: str,
    *rest: Any,
) -> AlertRow:
    *key, details = rest
    orig_h, resp, resp_p, proto, channel, addr, sensor = key
    return AlertRow(
        seq=seq,
        time=time,
        id=id_of(number),
        incident=incident,
        severity=SEVERITIES[level],
        level=level,
        score=score,
        orig_h=orig_h,
        resp=resp,
        resp_p=resp_p,
        proto=proto,
        channel=channel,
        addr=addr,
        summary=summary_of(details),
        model=model,
        sensor=sensor,
    )


def summary_of(details: str | None) -> str:
    """The sentence in a row of `details`; "" where there is none."""
    try:
        return str(json.loads(details)["summary"]) if details else ""
    except (ValueError, KeyError, TypeError):
        return ""


def _long(number: int, *row: Any) -> LongPair:
    orig_h, addr, resp_p, proto, service, name, longest, start, uid, is_open, day_sum, conns, out, into, last = row
    return LongPair(
        id=id_of(number),
        orig_h=orig_h,
        addr=addr,
        resp_p=resp_p,
        proto=proto,
        service=service,
        name=name,
        longest=longest,
        longest_start=start,
        uid=uid,
        is_open=bool(is_open),
        day_sum=day_sum,
        connections=conns,
        bytes_out=out,
        bytes_in=into,
        severity=band(max(longest, day_sum)),
        last_seen=last,
    )
