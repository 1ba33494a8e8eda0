"""Scores and evidence -> labels, severities and reasons."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zeek_beacons.features import Features
from zeek_beacons.pairs import Floats
from zeek_beacons.scoring import rules
from zeek_beacons.scoring.evidence import EvidenceTable, needed
from zeek_beacons.verdicts import BEACON, BENIGN, INSUFFICIENT, Verdicts

# Seconds that a rhythm must last: what fits into less is one attempt with its retries, not a habit.
LEAST_SPAN = 60.0

# Severity rises with the share of the way from the threshold to 1.
SEVERITY_STEPS = (0.25, 0.5, 0.8)


def judge(
    features: Features, scores: Mapping[str, Floats], fused: Floats, threshold: float, evidence: EvidenceTable
) -> Verdicts:
    """One verdict a row of `features`. `scores`: by scorer; `fused`: what they come to."""
    jitter = features.column("jitter").astype(np.float64)
    need = needed(jitter, evidence)
    above = fused >= threshold
    known = (features.column("checkins") >= need) & (features.column("span") >= LEAST_SPAN)
    label = np.where(above, np.where(known, BEACON, INSUFFICIENT), BENIGN).astype(np.uint8)
    way = (fused - threshold) / max(1.0 - threshold, 1e-9)
    severity = np.where(label == BEACON, 1 + np.searchsorted(SEVERITY_STEPS, way, side="right"), 0)
    return Verdicts(
        label=label,
        score=fused,
        scorers=scores,
        severity=severity.astype(np.uint8),
        suppressed=np.zeros(len(label), dtype=np.uint8),
        sleep=features.column("sleep").astype(np.float64),
        jitter=jitter,
        needed=need,
        reasons=rules.reasons(features),
        threshold=threshold,
    )
