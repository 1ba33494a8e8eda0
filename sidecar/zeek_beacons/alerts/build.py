"""Alerts from verdicts, by the code that writes the reports and notices."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from zeek_beacons.alerts.alert import BEACON, Alert, stopped
from zeek_beacons.pipeline import Scored
from zeek_beacons.reports.facts import facts, notice
from zeek_beacons.reports.incident_text import further, pairs_of
from zeek_beacons.reports.outside import remark
from zeek_beacons.reports.queries import Sources
from zeek_beacons.reports.sentence import duration, reasons
from zeek_beacons.verdicts import KINDS, SEVERITIES

MISSED = 10  # sleeps without a check-in after which a beacon has stopped
LEAST_QUIET = 900.0  # seconds; a beacon faster than that may only pause


def alert_of(scored: Scored, row: int, model: str, now: float, sources: Sources | None = None) -> Alert:
    """What there is to tell of the alerting pair at `row`, before it is known which incident it belongs to."""
    pairs, verdicts = scored.pairs, scored.verdicts
    level = int(verdicts.severity[row])
    return Alert(
        event=BEACON,
        time=now,
        incident="",
        kind=KINDS[verdicts.kind[row]],
        severity=SEVERITIES[level],
        level=level,
        score=_number(verdicts.score[row]),
        sleep=_number(verdicts.sleep[row]),
        jitter=_number(verdicts.jitter[row]),
        summary=notice(scored, row) + remark(scored, row),
        orig_h=pairs.orig_h[row],
        resp=pairs.resp[row],
        resp_p=int(pairs.resp_p[row]),
        proto=pairs.proto[row],
        channel=pairs.channel[row],
        addr=pairs.addr[row],
        service=pairs.service[row],
        model=model,
        facts=facts(scored, row, sources),
        reasons=tuple(reasons(scored, row)),
    )


def incident_alerts(scored: Scored, model: str, now: float, sources: Sources | None = None) -> Iterator[Alert]:
    """One alert for each incident of a batch, by its head, at the level of its severest member."""
    incidents = scored.incidents
    for name, rows, members in zip(incidents.ids, incidents.rows, incidents.members, strict=True):
        alert = alert_of(scored, int(rows[0]), model, now, sources)
        level = int(scored.verdicts.severity[rows].max())
        summary = "; ".join(filter(None, (alert.summary, further(members))))
        yield replace(
            alert, level=level, severity=SEVERITIES[level], incident=name, summary=summary, pairs=pairs_of(members)
        )


def stopped_alerts(scored: Scored, model: str, now: float, sources: Sources | None = None) -> Iterator[Alert]:
    """One more alert for each incident that had stopped when the batch ended, which is when anything was last seen."""
    last = scored.pairs.last_ts
    end = max((seen for seen in last.tolist() if seen == seen), default=math.nan)
    alerts = incident_alerts(scored, model, now, sources)
    for alert, rows in zip(alerts, scored.incidents.rows, strict=True):
        silence = end - max(last[rows].tolist())
        if silence > quiet_limit(alert.sleep):
            yield stopped(alert, now, duration(silence))


def quiet_limit(sleep: float | None) -> float:
    """Seconds without a check-in after which a beacon of this sleep counts as stopped."""
    return max(MISSED * (sleep or 0.0), LEAST_QUIET)


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
