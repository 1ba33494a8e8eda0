"""Originators by combined risk: 1 - product of (1 - score) over the incidents that they are in.

An incident counts once for each of its hosts, with the highest score that the host has in it; what alerts in no
incident counts by itself. The same as hosts.csv.
"""

from __future__ import annotations

import math
import sqlite3
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from zeek_beacons.readmodel.filters import Filter, Page, span
from zeek_beacons.readmodel.rows import HostRow, Listing
from zeek_beacons.readmodel.sql import Silence, pair_row, verdict_rows
from zeek_beacons.store import host_owners
from zeek_beacons.verdicts import SEVERITIES

_SCORED = """
SELECT orig_h, orig_n, count(*), id, max(coalesce(score, 0)) FROM verdicts
WHERE (score IS NOT NULL OR level > 0) AND suppressed = '' GROUP BY orig_n, orig_h
"""
_BEACONS = """
SELECT orig_h, max(score), max(level) FROM verdicts WHERE level > 0
GROUP BY orig_h, iif(incident = '', CAST(id AS TEXT), incident)
"""


class ScoredHost(NamedTuple):
    """An originator with pairs that are scored, or alert without a score, and that nothing keeps quiet."""

    host: str
    packed: bytes
    pairs: int
    strongest: int  # number of the pair with the highest score
    score: float  # 0 where it has none


class _Risk(NamedTuple):
    safe: float  # logarithm of the product
    beacons: int
    level: int

    @property
    def combined(self) -> float:
        return 1 - math.exp(self.safe)


def scored_hosts(db: sqlite3.Connection) -> list[ScoredHost]:
    """All of them: a look at every pair."""
    return list(map(ScoredHost._make, db.execute(_SCORED)))


def hosts(
    db: sqlite3.Connection, everyone: Sequence[ScoredHost], which: Filter, page: Page, silence: Silence
) -> Listing[HostRow]:
    """Those that fit, the riskiest first. `everyone`: as `scored_hosts` has them."""
    risks = _risks(db)
    chosen = [one for one in everyone if _fits(one, risks, which)]
    chosen.sort(key=lambda one: (-risks[one.host].combined, -one.score, one.packed))
    shown = chosen[page.offset : page.offset + page.limit]
    found = (_host(db, one, risks[one.host], silence) for one in shown)
    return Listing(tuple(host for host in found if host is not None), len(chosen))


def _risks(db: sqlite3.Connection) -> defaultdict[str, _Risk]:
    risks: defaultdict[str, _Risk] = defaultdict(lambda: _Risk(0.0, 0, 0))
    for host, score, level in db.execute(_BEACONS):
        before = risks[host]
        safe = before.safe + math.log1p(-min(score or 0.0, 1 - 1e-9))
        risks[host] = _Risk(safe, before.beacons + 1, max(before.level, level))
    return risks


def _fits(one: ScoredHost, risks: defaultdict[str, _Risk], which: Filter) -> bool:
    if which.severity and risks[one.host].level < SEVERITIES.index(which.severity):
        return False
    if which.text and which.text not in one.host:
        return False
    if which.host:
        first, last = span(which.host)
        return first <= one.packed <= last
    return True


def _host(db: sqlite3.Connection, one: ScoredHost, risk: _Risk, silence: Silence) -> HostRow | None:
    rows = verdict_rows(db, "WHERE v.id = ?", (one.strongest,))
    if not rows:
        return None
    (last,) = db.execute("SELECT max(last_ts) FROM verdicts WHERE orig_n = ?", (one.packed,)).fetchone()
    owner = host_owners.load(db, one.host)
    strongest = pair_row(rows[0], silence)
    return HostRow(
        host=one.host,
        combined_risk=round(risk.combined, 6),
        beacons=risk.beacons,
        pairs=one.pairs,
        severity=SEVERITIES[risk.level],
        level=risk.level,
        strongest=strongest,
        last_seen=last,
        name=owner.name,
        user=owner.user,
        sensor=strongest.sensor,
    )
