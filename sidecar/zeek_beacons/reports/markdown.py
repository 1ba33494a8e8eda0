"""report.md: what an analyst reads first."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from zeek_beacons.pipeline import Scored
from zeek_beacons.reports.sentence import sentence, target, weighed_reasons
from zeek_beacons.verdicts import BEACON, LABELS, SEVERITIES, SUPPRESSIONS

SHOWN = 50  # alerts told in full; the rest stands in alerts.csv


def report(scored: Scored, summary: Mapping[str, Any]) -> str:
    """The report of one run as Markdown."""
    verdicts, ingest = scored.verdicts, summary["ingest"]
    order = verdicts.ranking()
    order = order[verdicts.alerts[order]]
    lines = [
        "# Beacon report",
        "",
        f"{len(order)} of {len(scored.pairs)} pairs alert under the profile `{summary['profile']}` "
        f"(score of at least {verdicts.threshold:.3f}; model {summary['model']}).",
        f"Input: {ingest['used']} of {ingest['rows']} rows used from {len(ingest['files'])} files, "
        f"{summary['first_seen']} to {summary['last_seen']}.",
        "",
    ]
    for rank, row in enumerate(order[:SHOWN].tolist(), 1):
        lines += [f"## {rank}. {SEVERITIES[verdicts.severity[row]]}: {_plain(target(scored, row))}", ""]
        lines += [_plain(sentence(scored, row)), ""]
        lines += [f"- {text}" for text in weighed_reasons(scored, row)]
        known = f"address {scored.pairs.addr[row]}, service {scored.pairs.service[row] or 'not recognised'}"
        lines += [f"- {_plain(known)}, {_hosts(scored, row)}", ""]
    if len(order) > SHOWN:
        lines += [f"{len(order) - SHOWN} further alerts stand in alerts.csv.", ""]
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


def _hosts(scored: Scored, row: int) -> str:
    hosts, site = scored.pairs.resp_hosts[row], scored.pairs.site_hosts[row]
    return "prevalence not known" if np.isnan(hosts) else f"{hosts:.0f} of {site:.0f} hosts talk to it"


def _plain(text: str) -> str:
    """Text from the network, safe inside Markdown."""
    return "".join(f"\\{c}" if c in "\\`*_[]<>|#" else c for c in text)
