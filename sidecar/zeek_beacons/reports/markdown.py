"""report.md: what an analyst reads first. Each of its parts is a function in a file of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zeek_beacons.pairs import Ints
from zeek_beacons.pipeline import Scored
from zeek_beacons.readers.ingest import TWICE
from zeek_beacons.reports.about import about, made_by
from zeek_beacons.reports.against_labels import against_labels
from zeek_beacons.reports.details import details
from zeek_beacons.reports.escape import plain
from zeek_beacons.reports.first_hosts import first_hosts
from zeek_beacons.reports.incident_text import further
from zeek_beacons.reports.outside import looks_like, quiet_from_outside
from zeek_beacons.reports.queries import Sources
from zeek_beacons.reports.quiet import kept_quiet, near_misses, on_lists
from zeek_beacons.reports.sentence import sentence, target
from zeek_beacons.reports.short_list import short_list
from zeek_beacons.verdicts import BEACON, LABELS, SEVERITIES, SUPPRESSIONS

SHOWN = 50  # incidents told in full; the rest stands in incidents.csv
MEMBERS_SHOWN = 10  # of an incident; the rest stands in alerts.csv


def report(scored: Scored, summary: Mapping[str, Any], sources: Sources | None = None) -> str:
    """The report of one run as Markdown."""
    lines = [
        *_heading(scored, summary),
        *short_list(scored, SHOWN),
        *_incidents(scored, sources),
        *first_hosts(scored),
        *near_misses(scored),
        *kept_quiet(scored),
        *on_lists(scored),
        *_from_outside(scored),
        *against_labels(summary),
        *about(summary, scored.verdicts.calibrated),
        *_verdicts(scored),
        *_input(summary["ingest"]),
        *made_by(summary),
    ]
    return "\n".join(lines)


def _heading(scored: Scored, summary: Mapping[str, Any]) -> list[str]:
    ingest, n = summary["ingest"], scored.n_pairs
    in_force = (
        summary.get("threshold_in_force") or f"the profile `{summary['profile']}`, {scored.verdicts.threshold:.3f}"
    )
    warnings = [line for text in summary.get("warnings", ()) for line in (f"> **Warning**: {plain(text)}", "")]
    return [
        "# Beacon report",
        "",
        *warnings,
        f"{int(scored.verdicts.alerts[:n].sum())} of {n} pairs alert{_with_groups(scored)}. "
        f"What belongs together is one incident; incidents: {len(scored.incidents)}.",
        f"Threshold: {in_force}; model {summary['model']}.",
        f"Input: {ingest['used']} of {ingest['rows']} rows used from {len(ingest['files'])} files, "
        f"{summary['first_seen']} to {summary['last_seen']}.",
        "",
    ]


def _with_groups(scored: Scored) -> str:
    """How many of the groups that pairs form alert; "" where none does."""
    loud = int(scored.verdicts.alerts[list(scored.members)].sum())
    return f", some of them as {loud} group{'' if loud == 1 else 's'} of servers or ports in turn" if loud else ""


def _incidents(scored: Scored, sources: Sources | None) -> list[str]:
    lines, incidents = [], scored.incidents
    for rank, rows in enumerate(incidents.rows[:SHOWN], 1):
        row, members = int(rows[0]), incidents.members[rank - 1]
        lines += [f"## {rank}. {SEVERITIES[scored.verdicts.severity[row]]}: {plain(target(scored, row))}", ""]
        lines += details(scored, row, sources)
        lines += ["", f"Incident {incidents.ids[rank - 1]}{_and_further(scored, rows, further(members))}", ""]
    if len(incidents) > SHOWN:
        lines += [f"{len(incidents) - SHOWN} further incidents stand in incidents.csv.", ""]
    return lines


def _verdicts(scored: Scored) -> list[str]:
    label, suppressed = scored.verdicts.label[: scored.n_pairs], scored.verdicts.suppressed[: scored.n_pairs]
    lines = ["## Verdicts", "", "| verdict | pairs |", "|---|---|"]
    lines += [f"| {name} | {int((label == code).sum())} |" for code, name in enumerate(LABELS)]
    quiet = np.bincount(suppressed[label == BEACON], minlength=len(SUPPRESSIONS))
    for code, name in enumerate(SUPPRESSIONS):
        if name and quiet[code]:
            lines.append(f"| beacon, kept quiet: {name} | {quiet[code]} |")
    return [*lines, ""]


def _input(ingest: Mapping[str, Any]) -> list[str]:
    lines = ["## Input", ""]
    lines += [f"- left out, {why}: {rows} rows" for why, rows in ingest["left_out"].items()]
    for why, skipped in ingest["skipped"].items():
        lines.append(f"- skipped, {why}: {skipped['rows']} rows, such as `{plain(skipped['examples'][0])}`")
    lines += [f"- {plain(note)}" for note in ingest["notes"]]
    twice = f" ({TWICE})" if ingest["duplicates"] else ""
    return [
        *lines,
        f"- {ingest['duplicates']} duplicate rows{twice}, {ingest['merged_pieces']} mid-stream pieces merged",
        "",
    ]


def _and_further(scored: Scored, rows: Ints, why: str) -> str:
    """The members beside the head, and why they belong to it, if its sentence has not told."""
    rest = [row for row in rows[1:].tolist() if row not in scored.members]
    if not rest:
        return ""
    told = [f"{scored.pairs.orig_h[row]} to {target(scored, row)}" for row in rest[:MEMBERS_SHOWN]]
    more = f", and {len(rest) - MEMBERS_SHOWN} more" if len(rest) > MEMBERS_SHOWN else ""
    return plain(f"{f', {why}' if why else ''} ({', '.join(told)}{more})")


def _from_outside(scored: Scored) -> list[str]:
    """What would alert if it did not come from outside."""
    rows = quiet_from_outside(scored)
    if not len(rows):
        return []
    shown = rows[:SHOWN]
    lines = ["## From outside", "", f"Pairs that come from outside, and therefore do not alert: {len(rows)}.", ""]
    for row, guess in zip(shown.tolist(), looks_like(scored, shown), strict=True):
        lines.append(f"- {plain(sentence(scored, row))}{f'; looks like {guess}' if guess else ''}")
    if len(rows) > SHOWN:
        lines.append(f"- {len(rows) - SHOWN} further ones stand in scored_pairs.csv")
    return [*lines, ""]
