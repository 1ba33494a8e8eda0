"""Features -> scores. A scorer is one file and one entry in `Scoring.scorers`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from zeek_beacons.features import Features
from zeek_beacons.pairs import Floats
from zeek_beacons.scoring import rules
from zeek_beacons.scoring.evidence import EvidenceTable, chance_table
from zeek_beacons.scoring.forest import Forest
from zeek_beacons.scoring.model import ModelFolder, shipped_model

Scorer = Callable[[Features], Floats]

# Thresholds of the rules alone, set by hand, not by a false-positive rate: a benign timer fits the rules as well as an
# implant does. `zeek-beacons evaluate real FOLDER --rules-only` counts what they find and what alerts falsely.
RULE_THRESHOLDS = {"conservative": 0.75, "balanced": 0.6, "sensitive": 0.45}
DECIMALS = 6  # of a fused score: finer digits depend on how many rows were scored together


@dataclass(frozen=True, slots=True)
class Scoring:
    """Everything that turns features into a score: the scorers, their weights (summing to 1), and the thresholds."""

    scorers: Mapping[str, Scorer]
    weights: Mapping[str, float]
    thresholds: Mapping[str, float]
    evidence: EvidenceTable
    model: ModelFolder | None

    @classmethod
    def load(cls, folder: Path | None = None, threads: int = 0) -> Self:
        """Rules and forest with a model folder (default: the shipped one). Raises ModelError."""
        model = ModelFolder.load(folder or shipped_model())
        weight = model.manifest.forest_weight
        return cls(
            scorers={"rules": rules.score, "forest": Forest(model, threads).score},
            weights={"rules": 1 - weight, "forest": weight},
            thresholds=model.manifest.thresholds,
            evidence=model.manifest.evidence,
            model=model,
        )

    @classmethod
    def rules_only(cls) -> Self:
        """The rules by themselves: no model file is needed."""
        return cls({"rules": rules.score}, {"rules": 1.0}, RULE_THRESHOLDS, chance_table(), None)

    @property
    def identity(self) -> str:
        """Which model scores, for reports."""
        return self.model.identity if self.model else "rules"

    def score(self, features: Features) -> dict[str, Floats]:
        """The score of each scorer, (n,) each."""
        return {name: scorer(features) for name, scorer in self.scorers.items()}

    def fuse(self, scores: Mapping[str, Floats]) -> Floats:
        """The weighted mean of the scorers, (n,), 0 to 1."""
        total: Floats = sum((self.weights[name] * values for name, values in scores.items()), start=np.zeros(1))
        return np.clip(np.round(total, DECIMALS), 0.0, 1.0)
