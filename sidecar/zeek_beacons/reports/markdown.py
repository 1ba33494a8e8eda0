"""report.md: what an analyst reads first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zeek_beacons.pairs import Ints
from zeek_beacons.pipeline import Scored
from zeek_beacons.reports.incident_text import further
from zeek_beacons.reports.outside import looks_like, quiet_from_outside
from zeek_beacons.reports.sentence import sentence, target, weighed_reasons
from zeek_beacons.verdicts import BEACON, LABELS, SEVERITIES, SUPPRESSIONS

SHOWN = 50  # incidents told in full; the rest stands in incidents.csv
MEMBERS_SHOWN = 10  # of an incident; the rest stands in alerts.csv


def report(scored: Scored, summary: Mapping[str, Any]) -> str:
    """The report of one run as Markdown."""
    verdicts, ingest = scored.verdicts, summary["ingest"]
    incidents = scored.incidents
    lines = [
        "# Beacon report",
        "",
        f"{int(verdicts.alerts.sum())} of {len(scored.pairs)} pairs alert under the profile `{summary['profile']}` "
        f"(score of at least {verdicts.threshold:.3f}; model {summary['model']}). "
        f"What belongs together is one incident; incidents: {len(incidents)}.",
        f"Input: {ingest['used']} of {ingest['rows']} rows used from {len(ingest['files'])} files, "
        f"{summary['first_seen']} to {summary['last_seen']}.",
        "",
    ]
    for rank, rows in enumerate(incidents.rows[:SHOWN], 1):
        row, members = int(rows[0]), incidents.members[rank - 1]
        lines += [f"## {rank}. {SEVERITIES[verdicts.severity[row]]}: {_plain(target(scored, row))}", ""]
        lines += [_plain(sentence(scored, row)), ""]
        lines += [f"- {text}" for text in weighed_reasons(scored, row)]
        known = f"address {scored.pairs.addr[row]}, service {scored.pairs.service[row] or 'not recognised'}"
        lines += [f"- {_plain(known)}, {_hosts(scored, row)}"]
        lines += [f"- incident {incidents.ids[rank - 1]}{_and_further(scored, rows, further(members))}", ""]
    if len(incidents) > SHOWN:
        lines += [f"{len(incidents) - SHOWN} further incidents stand in incidents.csv.", ""]
    lines += _from_outside(scored)
    lines += ["## Verdicts", "", "| verdict | pairs |", "|---|---|"]
    lines += [f"| {name} | {int((verdicts.label == code).sum())} |" for code, name in enumerate(LABELS)]
    quiet = np.bincount(verdicts.suppressed[verdicts.label == BEACON], minlength=len(SUPPRESSIONS))
    for code, name in enumerate(SUPPRESSIONS):
        if name and quiet[code]:
            lines.append(f"| beacon, kept quiet: {name} | {quiet[code]} |")
    lines += ["", "## Input", ""]
    lines += [f"- left out, {why}: {rows} rows" for why, rows in ingest["left_out"].items()]
    for why, skipped in ingest["skipped"].items():
        lines.append(f"- skipped, {why}: {skipped['rows']} rows, such as `{_plain(skipped['examples'][0])}`")
    lines += [f"- {note}" for note in ingest["notes"]]
    lines += [f"- {ingest['duplicates']} duplicate rows, {ingest['merged_pieces']} mid-stream pieces merged", ""]
    return "\n".join(lines)


def _and_further(scored: Scored, rows: Ints, why: str) -> str:
    """The members beside the head, and why they belong to it."""
    if not why:
        return ""
    told = [f"{scored.pairs.orig_h[row]} to {target(scored, row)}" for row in rows[1 : 1 + MEMBERS_SHOWN].tolist()]
    more = f", and {len(rows) - 1 - MEMBERS_SHOWN} more" if len(rows) - 1 > MEMBERS_SHOWN else ""
    return _plain(f", {why} ({', '.join(told)}{more})")


def _from_outside(scored: Scored) -> list[str]:
    """What would alert if it did not come from outside."""
    rows = quiet_from_outside(scored)
    if not len(rows):
        return []
    shown = rows[:SHOWN]
    lines = ["## From outside", "", f"Pairs that come from outside, and therefore do not alert: {len(rows)}.", ""]
    for row, guess in zip(shown.tolist(), looks_like(scored, shown), strict=True):
        lines.append(f"- {_plain(sentence(scored, row))}{f'; looks like {guess}' if guess else ''}")
    if len(rows) > SHOWN:
        lines.append(f"- {len(rows) - SHOWN} further ones stand in scored_pairs.csv")
    return [*lines, ""]


def _hosts(scored: Scored, row: int) -> str:
    hosts, site = scored.pairs.resp_hosts[row], scored.pairs.site_hosts[row]
    return "prevalence not known" if np.isnan(hosts) else f"{hosts:.0f} of {site:.0f} hosts talk to it"


def _plain(text: str) -> str:
    """Text from the network, safe inside Markdown."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in text)
