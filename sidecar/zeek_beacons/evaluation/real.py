"""Labelled captures, scored one by one: where the C2 ranks, what was found, what alerted falsely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.evaluation.truth import BEACONS, BENIGN
from zeek_beacons.pipeline import score
from zeek_beacons.readers import Request, read
from zeek_beacons.scoring import Scoring
from zeek_beacons.training.datasets import load_capture_labels


@dataclass(frozen=True, slots=True)
class Capture:
    """What came out for one capture. Pairs that speak for the same connections (by name and by address) count once."""

    name: str
    scored: int  # pairs with enough connections
    ranks: tuple[int, ...]  # of the scored C2 pairs among all pairs that may alert
    beacons: int  # labelled C2 and simulated pairs with enough connections
    found: int  # of them, those that alert
    false_alerts: int  # alerts on pairs labelled benign
    other_alerts: int  # alerts on pairs with another label, or none


def evaluate(folder: Path, scoring: Scoring, config: Config) -> list[Capture]:
    """Scores each capture (a folder with `labels.csv` and a conn.log) below `folder`. Raises InputError without any."""
    folders = sorted(file.parent for file in folder.glob("*/labels.csv"))
    if not folders:
        raise InputError(str(folder), "no folder with a labels.csv in it")
    return [_capture(one, scoring, config) for one in folders]


def table(captures: Sequence[Capture]) -> str:
    """The captures as a Markdown table with a line of totals."""
    lines = [
        "| capture | pairs scored | C2 found | rank of C2 pairs | false alerts | other alerts |",
        "|---|---|---|---|---|---|",
    ]
    for one in captures:
        ranks = ", ".join(map(str, one.ranks[:5])) + (" …" if len(one.ranks) > 5 else "")
        found = f"{one.found} of {one.beacons}" if one.beacons else ""
        lines.append(f"| {one.name} | {one.scored} | {found} | {ranks} | {one.false_alerts} | {one.other_alerts} |")
    hits, beacons = sum(c.found for c in captures), sum(c.beacons for c in captures)
    false, other = sum(c.false_alerts for c in captures), sum(c.other_alerts for c in captures)
    lines.append(f"| all | {sum(c.scored for c in captures)} | {hits} of {beacons} | | {false} | {other} |")
    return "\n".join(lines)


def _capture(folder: Path, scoring: Scoring, config: Config) -> Capture:
    pairs, _ = read(Request([str(folder)]), config)
    scored = score(pairs, scoring, config)
    verdicts = scored.verdicts
    labels = load_capture_labels(folder)
    keys = zip(pairs.orig_h, pairs.addr, pairs.resp_p, pairs.proto, strict=True)
    label = np.array([found.label if (found := labels.get(key)) else "" for key in keys], dtype=object)
    speaks = (scored.feature_row >= 0) & (verdicts.suppressed == 0)
    order = verdicts.ranking()
    place = np.empty(len(pairs), dtype=np.int64)
    place[order] = np.cumsum(speaks[order])
    beacon, benign = np.isin(label, list(BEACONS)) & speaks, np.isin(label, list(BENIGN)) & speaks
    return Capture(
        name=folder.name,
        scored=int(speaks.sum()),
        ranks=tuple(sorted(place[beacon].tolist())),
        beacons=int(beacon.sum()),
        found=int((beacon & verdicts.alerts).sum()),
        false_alerts=int((benign & verdicts.alerts).sum()),
        other_alerts=int((speaks & ~beacon & ~benign & verdicts.alerts).sum()),
    )
