"""Scores and evidence -> labels and severities."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zeek_beacons.features import Features
from zeek_beacons.pairs import Bools, Floats
from zeek_beacons.scoring import lookalikes
from zeek_beacons.scoring.evidence import EvidenceTable, needed
from zeek_beacons.scoring.explain import Explanation
from zeek_beacons.verdicts import (
    BEACON,
    BENIGN,
    INSUFFICIENT,
    LOOK_ALIKE,
    NOT_SUPPRESSED,
    OWN_BEACON,
    Verdicts,
)

# Seconds that a rhythm must last: what fits into less is one attempt with its retries, not a habit.
LEAST_SPAN = 60.0

# Severity rises with the share of the way from the `balanced` threshold to 1, so that it means the same by any profile.
SEVERITY_STEPS = (0.25, 0.5, 0.8)


def proven(features: Features, evidence: EvidenceTable) -> Bools:
    """Pairs with as many check-ins as their rhythm needs, over LEAST_SPAN seconds or more, (n,)."""
    enough: Bools = features.column("checkins") >= needed(features.column("jitter").astype(np.float64), evidence)
    return enough & (features.column("span") >= LEAST_SPAN)


def judge(
    features: Features,
    look: lookalikes.KnownRhythms,
    scores: Mapping[str, Floats],
    fused: Floats,
    threshold: float,
    certain: float,
    evidence: EvidenceTable,
    why: Explanation,
    reference: float | None = None,
) -> Verdicts:
    """One verdict a pair, given their features: `insufficient_evidence` below the needed check-ins, whatever the score.

    `scores`: by scorer; `fused`: what they come to. `certain`: from this score on, a name makes no
    look-alike any more. `reference`: the score that severity is measured from, the threshold where it is not given.
    """
    jitter = features.column("jitter").astype(np.float64)
    above = fused >= threshold
    label = np.where(proven(features, evidence), np.where(above, BEACON, BENIGN), INSUFFICIENT).astype(np.uint8)
    reference = threshold if reference is None else reference
    way = (fused - reference) / max(1.0 - reference, 1e-9)
    severity = np.where(label == BEACON, 1 + np.searchsorted(SEVERITY_STEPS, way, side="right"), 0)
    return Verdicts(
        label=label,
        score=fused,
        scorers=scores,
        severity=severity.astype(np.uint8),
        suppressed=np.where(look.quiet(fused, certain), LOOK_ALIKE, NOT_SUPPRESSED).astype(np.uint8),
        sleep=features.column("sleep").astype(np.float64),
        jitter=jitter,
        jitter_kind=np.nan_to_num(features.column("jitter_kind"), nan=-1).astype(np.int8),
        hint_sleep=np.full(len(fused), np.nan),
        hint_jitter=np.full(len(fused), np.nan),
        needed=needed(jitter, evidence),
        reasons=why.reasons,
        contributions=why.contributions,
        kind=np.full(len(fused), OWN_BEACON, dtype=np.uint8),
        look_alike=look.index,
        threshold=threshold,
    )
