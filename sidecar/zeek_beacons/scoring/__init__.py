"""Features -> scores. A scorer is one file and one entry in `Scoring.scorers`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import numpy as np

from zeek_beacons.errors import ModelError
from zeek_beacons.features import Features
from zeek_beacons.knowledge import Knowledge, knowledge_of, shipped_knowledge
from zeek_beacons.knowledge.file import KNOWLEDGE
from zeek_beacons.knowledge.local import LocalKnowledge
from zeek_beacons.pairs import Bools, Floats, Pairs
from zeek_beacons.scoring import calibration, context_term, explain, rules, significance
from zeek_beacons.scoring.calibration import Calibration
from zeek_beacons.scoring.context_term import ContextTerm, Facts
from zeek_beacons.scoring.evidence import EvidenceTable, chance_table
from zeek_beacons.scoring.forest import Forest
from zeek_beacons.scoring.model import ModelFolder, shipped_model
from zeek_beacons.scoring.site import AlertRates, SiteBaseline

Scorer = Callable[[Features], Floats]

# Thresholds of the rules alone, set by hand, not by a false-positive rate: a benign timer fits the rules as well as an
# implant does. `python -m zeek_beacons_lab evaluate real FOLDER --rules-only` counts what they find and what alerts
# falsely.
RULE_THRESHOLDS = {"conservative": 0.75, "balanced": 0.6, "sensitive": 0.45}
# As AlertRates, measured on the captures.
RULE_RATES = (
    (0.95, 0.07),
    (0.9, 0.11),
    (0.85, 0.25),
    (0.75, 0.65),
    (0.6, 1.28),
    (0.45, 1.6),
)
DECIMALS = 4  # of a fused score: of finer digits a forest on so many samples knows nothing
SHOWN = 6  # decimals of a probability


@dataclass(frozen=True, slots=True)
class Scoring:
    """Everything that turns features into a score: the scorers, their weights (summing to 1), and the thresholds.

    The scorers judge the rhythm; the context term adds what is known of the server.
    """

    scorers: Mapping[str, Scorer]
    weights: Mapping[str, float]
    thresholds: Mapping[str, float]
    evidence: EvidenceTable
    calibration: Calibration
    alert_rates: AlertRates
    model: ModelFolder | None
    context: ContextTerm | None = None
    knowledge: Knowledge | None = None  # the model's own; None: the shipped one
    local: LocalKnowledge = field(default_factory=LocalKnowledge)  # the operator's own

    @classmethod
    def load(cls, folder: Path | None = None, threads: int = 0) -> Self:
        """The scorers that a model folder weighs (default: the shipped one), and its knowledge. Raises ModelError."""
        model = ModelFolder.load(folder or shipped_model())
        known: dict[str, Scorer] = {
            "forest": Forest(model, threads).score,
            "significance": significance.score,
            "rules": rules.score,
        }
        weights = {name: weight for name, weight in model.manifest.weights.items() if weight}
        unknown = sorted(set(weights) - set(known))
        if unknown:
            raise ModelError(f"{model.path}: weights.{unknown[0]} is no scorer, expected {', '.join(known)}")
        return cls(
            scorers={name: known[name] for name in weights},
            weights=weights,
            thresholds=model.manifest.thresholds,
            evidence=model.manifest.evidence,
            calibration=model.manifest.calibration,
            alert_rates=model.manifest.alert_rates,
            model=model,
            context=model.manifest.context,
            knowledge=knowledge_of(model.path),
        )

    @classmethod
    def rules_only(cls) -> Self:
        """The rules by themselves: no model file is needed."""
        return cls({"rules": rules.score}, {"rules": 1.0}, RULE_THRESHOLDS, chance_table(), (), RULE_RATES, None)

    def knowing(self, local: LocalKnowledge) -> Self:
        """The same with what the operator knows."""
        return replace(self, local=local)

    @property
    def warnings(self) -> list[str]:
        """What an operator must hear of before trusting the scores."""
        lists = self.local.indicators.warnings
        if self.model is None or self.knowledge is not None:
            return lists
        shipped = shipped_knowledge()
        return [
            *lists,
            f"{self.model.path / KNOWLEDGE} is missing: what is known of servers comes from {shipped.path} "
            f"of {shipped.date}, not from this model's folder",
        ]

    @property
    def identity(self) -> str:
        """Which model scores, for reports."""
        return self.model.identity if self.model else "rules"

    def threshold(self, profile: str, site: SiteBaseline | None = None) -> float:
        """What a score must reach to alert: by profile, or by what the site's baseline and its budget allow."""
        if site is None:
            return self.thresholds[profile]
        return site.threshold(self.alert_rates, self.thresholds["sensitive"], self.thresholds["conservative"])

    def score(self, features: Features) -> dict[str, Floats]:
        """The score of each scorer, (n,) each."""
        return {name: scorer(features) for name, scorer in self.scorers.items()}

    def facts(self, pairs: Pairs, features: Features) -> Facts:
        """What this model's knowledge says of the servers of `n` pairs; `features` are those of `pairs`."""
        return Facts.of(pairs, features, self.knowledge)

    def measure_context(self, facts: Facts) -> Floats | None:
        """How far each fact about the servers holds, see `context_term.measure`; None where it does not score."""
        return None if self.context is None else context_term.measure(facts)

    def rhythm(self, scores: Mapping[str, Floats]) -> Floats:
        """The weighted mean of the scorers, (n,), 0 to 1: what the pair alone says, not calibrated."""
        total: Floats = sum((self.weights[name] * values for name, values in scores.items()), start=np.zeros(1))
        return np.asarray(np.round(np.clip(total, 0.0, 1.0), DECIMALS), dtype=np.float64)

    def together(self, rhythm: Floats, context: Floats | None) -> Floats:
        """Rhythm and context, as a probability where calibrated, (n,), 0 to 1. None: nothing is known of any server."""
        if self.context is not None:
            unknown = np.zeros((len(rhythm), len(context_term.INDICATORS)))
            rhythm = np.round(self.context.apply(rhythm, unknown if context is None else context), DECIMALS)
        probability: Floats = np.round(calibration.apply(self.calibration, rhythm), SHOWN)
        return probability

    def fuse(self, scores: Mapping[str, Floats], context: Floats | None = None) -> Floats:
        """What the scorers' scores and the context come to, (n,), 0 to 1."""
        return self.together(self.rhythm(scores), context)

    def explain(
        self, features: Features, fused: Floats, context: Floats | None = None, told: Bools | None = None
    ) -> explain.Explanation:
        """The reasons for fused scores: exact with rules alone, else by trial from the sensitive threshold on.

        `told`: of which that is told, (n,); by default all.
        """
        if self.scorers.keys() == {"rules"}:
            return explain.by_rules(features)
        worth = fused >= self.thresholds["sensitive"]
        if told is not None:
            worth &= told
        trial = explain.Trial(lambda tried: self.rhythm(self.score(tried)), self.together)
        return explain.by_occlusion(features, context, fused, worth, trial)
