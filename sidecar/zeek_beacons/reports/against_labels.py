"""Error analysis, where there are labels: which beacons were missed and which alerts are false, each with its why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from zeek_beacons.pipeline import Scored
from zeek_beacons.reports.escape import plain
from zeek_beacons.reports.quiet import kept_by
from zeek_beacons.reports.sentence import reasons, target
from zeek_beacons.truth import Outcome
from zeek_beacons.verdicts import INSUFFICIENT, NOT_SUPPRESSED, SUPPRESSIONS

TOLD = 50  # of the missed and of the false, each; run_summary.json counts all

Mistake = Mapping[str, str]


def mistakes(scored: Scored, outcome: Outcome) -> dict[str, list[Mistake]]:
    """What run_summary.json says of a run's mistakes."""
    absent: list[Mistake] = [
        {"pair": f"{orig} to {resp}:{port}/{proto}", "why": "not in the input"}
        for orig, resp, port, proto in outcome.absent
    ]
    missed, false = (rows[:TOLD].tolist() for rows in (outcome.missed, outcome.false_alerts))
    of_input: list[Mistake] = [{"pair": _pair(scored, row), "why": why_missed(scored, row)} for row in missed]
    return {
        "missed": [*of_input, *absent][:TOLD],
        "false": [{"pair": _pair(scored, row), "why": "; ".join(reasons(scored, row))} for row in false],
    }


def why_missed(scored: Scored, row: int) -> str:
    """Why a pair does not alert."""
    verdicts, measured = scored.verdicts, scored.feature_row[row]
    if measured < 0:
        return f"{_counted(int(scored.pairs.conns[row]), 'connection')}, too few to be scored"
    if verdicts.suppressed[row] != NOT_SUPPRESSED:
        return f"kept quiet: {kept_by(scored, row) or SUPPRESSIONS[verdicts.suppressed[row]]}"
    if verdicts.label[row] == INSUFFICIENT:
        checkins = int(scored.features.column("checkins")[measured])
        return f"{_counted(checkins, 'check-in')}, {verdicts.needed[row]} needed over a minute or more"
    return f"score {verdicts.score[row]:.3f}, below the threshold of {verdicts.threshold:.3f}"


def against_labels(summary: Mapping[str, Any]) -> list[str]:
    """The section of report.md; nothing where there were no labels."""
    truth = summary.get("truth")
    if not truth:
        return []
    figures = [f"{name.replace('_', ' ')} {truth[name]}" for name in ("roc_auc", "precision", "recall", "f1")]
    lines = [
        "## Against the labels",
        "",
        f"{truth['beacons']} beacons, {truth['benign']} benign: {', '.join(figures)}.",
        "",
    ]
    lines += _listed("Missed", truth.get("missed", ()))
    return [*lines, *_listed("False alerts, and what speaks for each", truth.get("false", ()))]


def _listed(title: str, found: Sequence[Mistake]) -> list[str]:
    if not found:
        return []
    return [f"{title}:", "", *(f"- {plain(one['pair'])}: {plain(one['why'])}" for one in found), ""]


def _pair(scored: Scored, row: int) -> str:
    return f"{scored.pairs.orig_h[row]} to {target(scored, row)}"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
