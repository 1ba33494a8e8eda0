"""Filters, pages and rows as SQL over the table `verdicts`, and what comes back as values."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from zeek_beacons.alerts.build import quiet_limit
from zeek_beacons.readmodel.filters import Filter, Page, span
from zeek_beacons.readmodel.rows import PairRow
from zeek_beacons.store import about
from zeek_beacons.store.keys import id_of
from zeek_beacons.verdicts import SEVERITIES

# Zeek tells of a pair with new connections once an hour: a shorter silence may be an accident.
LEAST_SILENCE = 3 * 3600.0
FEW = 20_000  # pairs that are looked through sooner than that all pairs are, worst first
WORST_FIRST = "verdicts_worst"
ALERTING = "v.level > 0"
WORST = "v.level DESC, v.score DESC, v.id"
_SORTS = {
    "score": "v.score",
    "last_seen": "v.last_ts",
    "first_seen": "v.first_ts",
    "since": "v.since",
    "connections": "v.conns",
    "sleep": "v.sleep",
    "orig_h": "v.orig_n",
    "resp": "v.resp",
}
_TEXTS = ("orig_h", "resp", "addr", "name", "service")


class VerdictRow(NamedTuple):
    """What is read of a row of `verdicts`, by the table's names."""

    id: int
    orig_h: str
    resp: str
    resp_p: int
    proto: str
    channel: str
    addr: str
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
    incident: str
    first_ts: float | None
    last_ts: float | None
    since: float | None
    judged: float
    conns: int
    named: int
    evidence: int
    needed: int
    model: str
    sensor: str
    spark: bytes
    spark_begin: float | None
    uids: str
    noted: float
    noted_score: float | None


SELECT = f"SELECT {', '.join(f'v.{name}' for name in VerdictRow._fields)} FROM verdicts AS v"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Chosen:
    """A condition, and the values in it."""

    parts: tuple[str, ...]
    values: tuple[Any, ...]
    by: str = ""  # `INDEXED BY` what is best gone by, where that is known

    @classmethod
    def of(cls, which: Filter, *more: str) -> Self:
        """The condition that a filter is, beside others."""
        found = list(_conditions(which))
        by = f"INDEXED BY {WORST_FIRST}" if ALERTING in more else ""
        return cls((*more, *(text for text, _ in found)), tuple(value for _, given in found for value in given), by)

    @property
    def clause(self) -> str:
        """As it stands in a statement."""
        return f"WHERE {' AND '.join(f'({part})' for part in self.parts)}" if self.parts else ""


class Silence(NamedTuple):
    """From which silence on a beacon counts as stopped."""

    now: float  # when anything was last heard of
    least: float  # seconds

    @classmethod
    def of(cls, db: sqlite3.Connection) -> Self:
        """As the file has it: a history's pairs are told of now and then, a result's are complete."""
        told = dict(db.execute("SELECT name, value FROM about WHERE name IN ('kind', 'written')"))
        (newest,) = db.execute("SELECT max(last_ts) FROM verdicts").fetchone()
        written = float(told.get("written", newest or 0.0))
        least = 0.0 if about.RESULT in told.get("kind", "") else LEAST_SILENCE
        return cls(min(newest or written, written), least)

    def has_stopped(self, row: VerdictRow) -> bool:
        """Whether what alerts was not heard of for longer than its sleep explains."""
        if not row.level or row.last_ts is None:
            return False
        return self.now - row.last_ts > max(quiet_limit(row.sleep), self.least)


def order(page: Page) -> str:
    """The order that a page asks for."""
    if not page.sort:
        return WORST
    way = "DESC" if page.descending else "ASC"
    return f"{_SORTS[page.sort]} {way} NULLS LAST, v.id"


def count(db: sqlite3.Connection, condition: Chosen) -> int:
    """How many pairs there are."""
    found = db.execute(f"SELECT count(*) FROM verdicts AS v {condition.by} {condition.clause}", condition.values)  # noqa: S608
    return int(found.fetchone()[0])


def verdict_rows(db: sqlite3.Connection, rest: str, values: Iterable[Any]) -> list[VerdictRow]:
    """Rows that are picked by what follows SELECT and FROM."""
    return list(map(VerdictRow._make, db.execute(f"{SELECT} {rest}", tuple(values))))


def index_for(db: sqlite3.Connection, which: Filter, page: Page) -> str:
    """Which index to go by where SQLite, which does not know how many pairs a range holds, would choose badly."""
    for text, column, index in ((which.host, "orig_n", "verdicts_orig"), (which.resp, "addr_n", "verdicts_addr")):
        try:
            first, last = span(text)
        except ValueError:
            continue
        held = db.execute(f"SELECT count(*) FROM verdicts WHERE {column} BETWEEN ? AND ?", (first, last))  # noqa: S608
        return f"INDEXED BY {index if held.fetchone()[0] < FEW or page.sort else WORST_FIRST}"
    return ""


def pair_row(row: VerdictRow, silence: Silence) -> PairRow:
    """A row as the value that is shown."""
    return PairRow(
        id=id_of(row.id),
        orig_h=row.orig_h,
        resp=row.resp,
        resp_p=row.resp_p,
        proto=row.proto,
        channel=row.channel,
        addr=row.addr,
        service=row.service,
        name=row.name,
        kind=row.kind,
        label=row.label,
        severity=SEVERITIES[row.severity],
        level=row.level,
        score=row.score,
        probability=row.score if row.calibrated else None,
        threshold=row.threshold,
        near_miss=bool(row.near_miss),
        suppressed=row.suppressed,
        allowed_by=row.allowed_by,
        sleep=row.sleep,
        jitter=row.jitter,
        incident=row.incident,
        first_seen=row.first_ts,
        last_seen=row.last_ts,
        since=row.since,
        judged=row.judged,
        connections=row.conns,
        evidence=row.evidence,
        needed=row.needed,
        stopped=silence.has_stopped(row),
        model=row.model,
        sensor=row.sensor,
        spark=tuple(row.spark),
        spark_begin=row.spark_begin,
    )


def _conditions(which: Filter) -> Iterator[tuple[str, tuple[Any, ...]]]:
    if which.host:
        yield "v.orig_n BETWEEN ? AND ?", span(which.host)
    if which.resp:
        yield _responder(which.resp)
    if which.severity:
        yield "v.severity >= ?", (SEVERITIES.index(which.severity),)
    for column, value, way in (
        ("resp_p", which.port, "="),
        ("last_ts", which.since, ">="),
        ("score", which.min_score, ">="),
    ):
        if value is not None:
            yield f"v.{column} {way} ?", (value,)
    for column in ("kind", "label", "incident", "sensor"):
        text = getattr(which, column)
        if text:
            yield f"v.{column} = ?", (text,)
    if which.suppressed is not None:
        yield f"v.suppressed {'!=' if which.suppressed else '='} ''", ()
    if which.text:
        pattern = f"%{_literal(which.text)}%"
        yield " OR ".join(f"v.{name} LIKE ? ESCAPE '!'" for name in _TEXTS), (pattern,) * len(_TEXTS)


def _responder(resp: str) -> tuple[str, tuple[Any, ...]]:
    """By address where that is one, else by name: `*.example.com` is what lies below example.com, and itself."""
    try:
        return "v.addr_n BETWEEN ? AND ?", span(resp)
    except ValueError:
        pass
    if resp.startswith("*."):
        below = (f"%.{_literal(resp[2:])}", _literal(resp[2:]))
        likes = " OR ".join(f"v.{name} LIKE ? ESCAPE '!'" for name in ("resp", "name") for _ in below)
        return likes, below * 2
    return "v.resp LIKE ? ESCAPE '!' OR v.name LIKE ? ESCAPE '!'", (_literal(resp),) * 2


def _literal(text: str) -> str:
    """Text that stands for itself in a pattern of LIKE."""
    return "".join(f"!{c}" if c in "!%_" else c for c in text)
