"""report.md and run_summary.json: what the figures mean, and under what circumstances they came about."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

import numpy as np

from zeek_beacons import __version__
from zeek_beacons.reports.escape import plain
from zeek_beacons.scoring import Scoring

PROBABILITY = (
    "probability of a beacon where beacons and benign pairs are equally frequent; not the share of true alerts"
)
SCORE = "0 to 1, higher is more beacon-like; ranks pairs, and is not a calibrated probability"
BESIDE = {
    True: "Probability: of a beacon, if there were as many of them as of benign pairs; not how many alerts are right.",
    False: "Score: ranks pairs from 0 to 1; no probability.",
}
IN_WORDS = {
    True: "The probability is that of a beacon if there were as many beacons as benign pairs. It says how much better "
    "a pair fits beacons than benign timers, and not how many such alerts are right: on a network benign pairs are "
    "far more frequent.",
    False: "The score ranks pairs from 0 to 1. It is no probability.",
}
GROUPING = (
    "rows of one originator, responder address, responder port and protocol are one pair, whatever their source port; "
    "rows that carry a server name form a second pair, by that name; where all rows of an address carry one name, the "
    "pair by name speaks for both; the direction is no part of the key, for who begins a connection is its originator: "
    "rows that say `out` and `in` of one flow are one connection"
)
SEVERITY = (
    "severity says how far a score lies on the way from the `balanced` threshold to 1, by any profile: `low` below a "
    "quarter, then `medium`, from half `high`, from four fifths `critical`"
)
LIMITS = (
    "Timing finds timers. Update checks, mail checks, monitoring and NTP are timers too, often stricter than implants.",
    "Not found is what waits by chance alone, checks in inside one long connection, or is slower than the input lasts.",
    "An empty list says that nothing stands above the threshold, not that nothing is there.",
)
OUTPUTS = {
    "report.md": "this report: the incidents, near misses, what was kept quiet, and how the run came about",
    "report.html": "the same to look at and to print, with every beacon's check-ins as pictures",
    "alerts.csv": "the pairs that alert, by rank, each with its facts, its reasons in words and a sentence",
    "incidents.csv": "what belongs together: an incident a line, with its head and how many pairs belong to it",
    "scored_pairs.csv": "every pair with its verdict, also what was benign, kept quiet, or had too little evidence",
    "hosts.csv": "originators by combined risk",
    "result.sqlite": "all of it in the tables of the sidecar's history, for `zeek-beacons beacons` and the console",
    "run_summary.json": "the run as data: input, settings, thresholds, model and its figures, environment",
    "features.parquet": "the features of every scored pair (with --features)",
}


def environment() -> dict[str, str]:
    """Versions that a run's figures may depend on."""
    packages = {name: version(name) for name in ("numpy", "pyarrow", "onnxruntime")}
    return {
        "zeek_beacons": __version__,
        "python": platform.python_version(),
        **packages,
        "platform": platform.platform(),
    }


def validation(scoring: Scoring) -> dict[str, Any]:
    """What the model's manifest says of how good it is, by its own names; empty for the rules."""
    if scoring.model is None:
        return {}
    manifest = scoring.model.manifest
    training = manifest.training
    figures = {
        name: training[name] for name in ("validation", "not_shown_to_the_forest", "thresholds_by") if name in training
    }
    given = getattr(manifest, "validation", None)
    figures |= {"validation": dict(given)} if given else {}
    return figures | {"calibration_knots": len(scoring.calibration), "model": scoring.identity}


def expected_false_alerts(scoring: Scoring, threshold: float) -> float | None:
    """False alerts a host and day at a threshold on captures that the model had not seen; None where unknown."""
    if not scoring.alert_rates:
        return None
    scores, rates = np.array(scoring.alert_rates)[::-1].T
    return round(float(np.interp(threshold, scores, rates)), 3)


def about(summary: Mapping[str, Any], calibrated: bool) -> list[str]:
    """What the figures of a report mean."""
    lines = ["## What the figures mean", "", f"- {IN_WORDS[calibrated]}"]
    expected = summary.get("expected_false_alerts_per_host_day")
    if expected is not None:
        lines.append(
            f"- On networks that the model had not seen, this threshold gave about {expected:g} "
            "false alerts a host and day."
        )
    lines += [f"- Grouping: {GROUPING}.", f"- Severity: {SEVERITY.partition('says ')[2]}.", ""]
    return [*lines, "## Limits", "", *(f"- {one}" for one in LIMITS), ""]


def made_by(summary: Mapping[str, Any]) -> list[str]:
    """Files, model and environment of a run."""
    lines = ["## Files of this run", ""]
    lines += [f"- `{name}`: {what}" for name, what in summary.get("outputs", OUTPUTS).items()]
    figures = summary.get("validation") or {}
    if figures:
        lines += ["", "## The model's own figures", ""]
        lines += [f"- {plain(name)}: {plain(value)}" for name, value in _flat(figures)]
    around = summary.get("environment") or {}
    if around:
        lines += ["", "## Environment", ""]
        lines += [f"- {name}: {plain(value)}" for name, value in around.items()]
    return [*lines, ""]


def _flat(figures: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, str]]:
    for name, value in figures.items():
        told = f"{before}{str(name).replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{told}, ")
        elif isinstance(value, (list, tuple)) and len(value) > 12:
            yield told, f"{len(value)} values, see run_summary.json"
        else:
            yield told, str(value)
