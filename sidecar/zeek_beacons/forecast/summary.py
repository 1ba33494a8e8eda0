"""What run_summary.json says of a forecast, and what a person must be told of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from zeek_beacons import __version__
from zeek_beacons.forecast.run import Forecast, thresholds
from zeek_beacons.forecast.windows import AGGREGATES, CALENDAR

SCORE = "mean distance of the thirteen aggregates from their forecast, in deviations; no probability, no verdict"
TAIL = "probability of the most unlikely aggregate by the forecast itself, two-sided, times thirteen"
ALERT = (
    "the score stays at the threshold or above, and the tail probability at 0.3 or below, for --persistence windows "
    "that follow each other; with --anomaly-threshold the score alone"
)
TOP_RULE = "series with the most active windows, then the most connections, then the lowest number"
FEW = 10  # alerts that would be allowed in the calibration stretch, below which the threshold is an extrapolation


def summary(found: Forecast) -> dict[str, Any]:
    """The run as data."""
    parts = found.parts
    return {
        "zeek_beacons": __version__,
        "alerts": len(found.alerts),
        "model": found.plan.model,
        "learned": found.learned,
        "plan": asdict(found.plan),
        "connections": found.windows.connections,
        "windows": {
            "seconds": found.plan.window,
            "trained_on": len(parts.train),
            "calibrated_on": len(parts.calibration),
            "judged": len(parts.judged),
            "gaps": found.windows.axis.gaps,
            "longest_gap_seconds": found.windows.axis.longest_gap,
        },
        "aggregates": list(AGGREGATES),
        "calendar": list(CALENDAR),
        "series": {level: _series(found, level) for level in found.levels},
        "rule_of_choice": TOP_RULE,
        "thresholds": thresholds(found),
        "threshold_source": "option" if found.plan.anomaly_threshold is not None else "calibration",
        "host_days": {"calibration": found.calibration_host_days, "judged": found.judged_host_days},
        "score_semantics": SCORE,
        "tail_semantics": TAIL,
        "alert_semantics": ALERT,
        "notes": notes(found),
    }


def _series(found: Forecast, level: str) -> dict[str, int]:
    scored = found.levels[level]
    new = int((scored.first >= found.parts.judged.begin).sum())
    return {
        "all": len(scored.active.key),
        "forecast": scored.forecast,
        "not_in_baseline": new,
        "calibrated_on": found.calibrated[level],
        "cells_without_room": found.windows.dropped.get(level, 0),
    }


def notes(found: Forecast) -> list[str]:
    """What limits the run."""
    told = []
    axis = found.windows.axis
    if axis.gaps:
        told.append(
            f"{axis.gaps} gaps without any connection, the longest {axis.longest_gap / 3600:.1f} h, count as not "
            "watched: no alert reaches over one"
        )
    for level, scored in found.levels.items():
        if scored.left_out:
            told.append(f"{scored.left_out} series of level {level} are not forecast: --most takes {TOP_RULE}")
        if lost := found.windows.dropped.get(level, 0):
            told.append(f"{lost} windows of the least active series of level {level} had no room in memory")
        if new := int((scored.first >= found.parts.judged.begin).sum()):
            told.append(_new(level, new))
    allowed = found.plan.false_alerts_per_host_day * found.calibration_host_days / len(found.levels)
    if found.plan.anomaly_threshold is None and allowed < FEW:
        told.append(
            f"the calibration stretch of {found.calibration_host_days:.2f} host-days allows {allowed:.3f} alerts a "
            "level: thresholds are extrapolated beyond what it holds"
        )
    return told


def _new(level: str, count: int) -> str:
    if level == "pair":
        return f"{count} pairs are new since the baseline: judged by their host's series until the next re-fit"
    return f"{count} series of level {level} are new since the baseline: not judged until the next re-fit"
