"""Verdicts: what the scorers concluded about each pair of a batch, in columns beside `Pairs`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.pairs import Bools, Bytes, Floats, Ints

LABELS = ("insufficient_evidence", "benign", "beacon")
INSUFFICIENT, BENIGN, BEACON = range(3)

SEVERITIES = ("", "low", "medium", "high", "critical")
SUPPRESSIONS = ("", "allow-list", "named-twin")
NOT_SUPPRESSED, ALLOW_LISTED, NAMED_TWIN = range(3)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a verdict came out as it did: data, made into text at the edge."""

    code: str
    value: float
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Verdicts:
    """One verdict for each of `n` pairs. Scores lie in [0, 1], higher is more beacon-like, NaN where not scored."""

    label: Bytes  # (n,) index into LABELS
    score: Floats  # (n,) the fused score that the threshold is held against
    scorers: Mapping[str, Floats]  # (n,) each, by scorer: what went into the fusion
    severity: Bytes  # (n,) index into SEVERITIES, 0 unless the label is beacon
    suppressed: Bytes  # (n,) index into SUPPRESSIONS
    sleep: Floats  # (n,) estimated sleep of the implant, seconds, NaN where there is no rhythm
    jitter: Floats  # (n,) estimated jitter, 0 to 1, NaN where there is no rhythm
    needed: Ints  # (n,) check-ins that this kind of rhythm needs for a verdict
    reasons: NDArray[np.int16]  # (n, k) indices into the rule table by contribution, -1 where there are fewer
    threshold: float  # what `score` had to reach

    def __len__(self) -> int:
        return len(self.label)

    @property
    def alerts(self) -> Bools:
        """Beacons that nothing suppresses, (n,)."""
        alerts: Bools = (self.label == BEACON) & (self.suppressed == NOT_SUPPRESSED)
        return alerts

    def ranking(self) -> Ints:
        """Positions of all pairs, alerts first, then by falling score; ties keep their order."""
        score = np.nan_to_num(self.score, nan=-1.0)
        return np.lexsort((-score, ~self.alerts))
