"""report.md: what nearly alerted, and what would have, had nothing kept it quiet."""

from __future__ import annotations

import numpy as np

from zeek_beacons.pipeline import NEAR, Scored
from zeek_beacons.reports.escape import plain
from zeek_beacons.reports.sentence import sentence
from zeek_beacons.scoring.lookalike_table import LOOK_ALIKES
from zeek_beacons.verdicts import ALLOW_LISTED, BEACON, BY_FEEDBACK, LOOK_ALIKE, SNOOZED

SHOWN = 20
KEPT_QUIET = (ALLOW_LISTED, LOOK_ALIKE, BY_FEEDBACK, SNOOZED)


def near_misses(scored: Scored) -> list[str]:
    """Pairs that missed the threshold by little."""
    order = scored.verdicts.ranking()
    rows = order[scored.near_miss[order]]
    if not len(rows):
        return []
    lines = [
        "## Near misses",
        "",
        f"Pairs at most {NEAR:g} below the threshold, which nothing keeps quiet: {len(rows)}.",
        "",
    ]
    lines += [f"- {plain(sentence(scored, row))}" for row in rows[:SHOWN].tolist()]
    return [*lines, *_more(len(rows)), ""]


def kept_quiet(scored: Scored) -> list[str]:
    """Beacons that the allow-list, a look-alike or a person kept from alerting, the strongest first."""
    verdicts, order = scored.verdicts, scored.verdicts.ranking()
    quiet = (verdicts.label == BEACON) & np.isin(verdicts.suppressed, KEPT_QUIET)
    rows = order[quiet[order]]
    if not len(rows):
        return []
    lines = [
        "## Kept quiet",
        "",
        f"Beacons that the allow-list, a look-alike or a person kept from alerting: {len(rows)}.",
        "",
    ]
    lines += [
        f"- {plain(sentence(scored, row))}; kept quiet by {plain(kept_by(scored, row))}"
        for row in rows[:SHOWN].tolist()
    ]
    return [*lines, *_more(len(rows)), ""]


def on_lists(scored: Scored) -> list[str]:
    """Pairs with enough connections that are on an indicator list and do not alert."""
    rows = scored.listed_quiet
    if not len(rows):
        return []
    lines = ["## On indicator lists", "", f"Pairs on an indicator list that do not alert: {len(rows)}.", ""]
    lines += [f"- {plain(sentence(scored, row))}" for row in rows[:SHOWN].tolist()]
    return [*lines, *_more(len(rows)), ""]


def kept_by(scored: Scored, row: int) -> str:
    """What keeps a pair quiet: a line of the allow-list, a look-alike, what someone said; "" where nothing is told."""
    if scored.verdicts.suppressed[row] == ALLOW_LISTED:
        return scored.allowed_by.get(row, "the allow-list")
    if scored.verdicts.suppressed[row] == LOOK_ALIKE and scored.verdicts.look_alike[row] >= 0:
        return f"look-alike: {LOOK_ALIKES[scored.verdicts.look_alike[row]].text}"
    return scored.said.get(row, "")


def _more(rows: int) -> list[str]:
    return [f"- {rows - SHOWN} further ones stand in scored_pairs.csv"] if rows > SHOWN else []
