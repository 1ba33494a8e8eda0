"""What each part of the pipeline buys: the scorers, the look-alikes, and a site's own threshold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from zeek_beacons.config import PROFILES, Config
from zeek_beacons.pipeline import score
from zeek_beacons.scoring import Scoring
from zeek_beacons.verdicts import BEACON, LOOK_ALIKE, NOT_SUPPRESSED
from zeek_beacons_lab.captures.labelled import Capture
from zeek_beacons_lab.captures.sample import (
    UNSCORED,
    Method,
    Result,
    Sample,
    measure,
    ours,
    pooled,
    proven,
)
from zeek_beacons_lab.studies.figures import values, view
from zeek_beacons_lab.studies.tables import Cell, Report, Table

WHOLE = "as it is"
VIEW = "no infrastructure"
SHOWN = ("AUC, scenarios equal", "AUC", "average precision", "TPR at 1 % FPR", "C2 in the top 3")

ScoringFor = Callable[[Capture], Scoring]


def run(captures: Sequence[Capture], scoring_for: ScoringFor, config: Config) -> tuple[Sample, dict[str, Result]]:
    """The whole pipeline, the same with look-alikes alerting like others, and each scorer alone."""
    sample = pooled(captures, config)
    chosen = {WHOLE: ours(scoring_for, config), "look-alikes alert": unsilenced(scoring_for, config)}
    for name in scoring_for(captures[0]).scorers:
        chosen[f"{name} alone"] = ours(_alone(name, scoring_for), config)
    return sample, {name: measure(sample, captures, method) for name, method in chosen.items()}


def report(sample: Sample, results: Mapping[str, Result]) -> Report:
    """A line a variant and threshold: profiles, which are one threshold for all networks, and budgets of each site.

    A scorer alone is not calibrated: the thresholds of the whole mean little to it, its ranking figures do.
    """
    rows = view(sample, VIEW)
    lines: list[list[Cell]] = []
    for name, result in results.items():
        found = values(sample.take(rows), result.take(rows))
        for alert in result.alerts:
            own = [found[f"recall, {alert}"], found[f"false alerts per host-day, {alert}"]]
            lines.append([name, alert, *own, *(found[one] for one in SHOWN)])
    head = ("scored", "alerts by", "recall", "false alerts per host-day", *SHOWN)
    return Report({"ablation_parts": Table(head, lines)})


def unsilenced(scoring_for: ScoringFor, config: Config) -> Method:
    """This package's verdicts as they would be if no look-alike were known."""

    def method(capture: Capture) -> Result:
        scoring = scoring_for(capture)
        found = {name: score(capture.pairs, scoring, replace(config, profile=name)).each for name in PROFILES}
        loud = np.isin(found[config.profile].verdicts.suppressed, (NOT_SUPPRESSED, LOOK_ALIKE))
        alerts = {name: (one.verdicts.label == BEACON) & loud for name, one in found.items()}
        scores = np.nan_to_num(found[config.profile].verdicts.score - ~loud, nan=UNSCORED)
        return Result(scores, alerts, ~loud | ~proven(found[config.profile]))

    return method


def _alone(name: str, scoring_for: ScoringFor) -> ScoringFor:
    def scoring(capture: Capture) -> Scoring:
        whole = scoring_for(capture)
        return replace(whole, weights={other: float(other == name) for other in whole.weights}, calibration=())

    return scoring
