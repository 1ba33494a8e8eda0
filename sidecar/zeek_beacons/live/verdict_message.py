"""What was concluded about a pair, as the message that Zeek gets. Its `summary` becomes the notice's text.

The sentence is made in `reports/sentence.py`, the same for reports and notices; `reports/facts.py` adds what else fits.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from zeek_beacons.incidents import Member
from zeek_beacons.live.incidents import Place
from zeek_beacons.live.protocol.messages import Candidate, Verdict
from zeek_beacons.pipeline import Scored
from zeek_beacons.reports.facts import notice
from zeek_beacons.reports.incident_text import further
from zeek_beacons.reports.outside import remark
from zeek_beacons.reports.queries import Sources
from zeek_beacons.reports.recorded import weighed
from zeek_beacons.reports.sentence import ServerFacts
from zeek_beacons.verdicts import KINDS, LABELS, SEVERITIES, SUPPRESSIONS


def verdict_message(
    scored: Scored,
    row: int,
    candidate: Candidate,
    sidecar: str,
    model: str,
    server: ServerFacts | None = None,
    sources: Sources | None = None,
) -> Verdict:
    """What was concluded about the pair at `row`, as the answer to the candidate.

    `server`: what is known of its server, where that was looked up for a whole batch. `sources`: as for `facts`.
    """
    verdicts = scored.verdicts
    severity = int(verdicts.severity[row])
    return Verdict(
        **_answered(candidate, sidecar, model),
        conns=int(scored.pairs.conns[row]),
        label=LABELS[verdicts.label[row]],
        score=_number(verdicts.score[row]),
        sleep=_number(verdicts.sleep[row]),
        jitter=_number(verdicts.jitter[row]),
        observations=int(scored.pairs.counts[row]),
        needed=int(verdicts.needed[row]),
        severity=SEVERITIES[severity],
        level=severity if verdicts.alerts[row] else 0,
        suppressed=SUPPRESSIONS[verdicts.suppressed[row]] if severity else "",
        summary=notice(scored, row, sources) + remark(scored, row),
        kind=KINDS[verdicts.kind[row]],
        reasons=tuple(weighed(scored, row, server)),
    )


def placed(verdict: Verdict, member: Member, place: Place) -> Verdict:
    """The same with the incident it belongs to, and what else belongs there."""
    summary = placed_summary(verdict.summary, member, place)
    return replace(verdict, incident=place.incident, joined=place.joined, summary=summary)


def placed_summary(summary: str, member: Member, place: Place) -> str:
    """The sentence on a pair, with what else belongs to its incident."""
    parts = [summary]
    if place.others:
        parts.append(further((member, *place.others), place.total))
    if place.news:
        one = len(place.news) == 1
        names = ", ".join(place.news)
        parts.append(f"incident{'' if one else 's'} {names} turn{'s' if one else ''} out to be this one")
    return "; ".join(parts)


def unscored_message(candidate: Candidate, sidecar: str, model: str, needed: int) -> Verdict:
    """The answer to a candidate that could not be scored, through a fault of ours."""
    return Verdict(
        **_answered(candidate, sidecar, model),
        conns=int(candidate.row["conns"]),
        label=LABELS[0],
        score=None,
        sleep=None,
        jitter=None,
        observations=candidate.observations,
        needed=needed,
        severity="",
        level=0,
        suppressed="",
        summary="could not be scored, see the sidecar's log",
    )


def _answered(candidate: Candidate, sidecar: str, model: str) -> dict[str, Any]:
    names = ("node", "boot", "seq", "uid", "orig_p", "resp_h", "key")
    same = {name: getattr(candidate, name) for name in names}
    return {"sidecar": sidecar, "model": model, "service": candidate.row["service"]} | same


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
