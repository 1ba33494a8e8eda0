"""Standard detectors over CTU-13's own fields: what each is asked, how it learns, and what it says of a scenario."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from zeek_beacons.metrics import roc_auc
from zeek_beacons.pairs import Bools, Floats
from zeek_beacons_lab.baselines.learners import (
    Lessons,
    Score,
    isolation_forest,
    local_outlier_factor,
    z_score,
)
from zeek_beacons_lab.captures.ctu13_flows import BACKGROUND, BOT, BOT_C2, NORMAL, Flows

ALLOWED = (0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)  # shares of the benign flows kept aside that exceed a threshold
FEWEST = 10  # benign flows, below which nothing is learned
NEIGHBOURS_OF = 2_000  # benign flows that the local outlier factor learns from: it is slow with more
TREES = 100

WANTED = {"every flow of a bot": (BOT, BOT_C2), "its C2 channel": (BOT_C2,)}
QUIET = {"left out": (NORMAL,), "benign": (NORMAL, BACKGROUND)}  # by what the background counts as


def random_forest(data: Lessons, seed: int) -> Score:
    """Votes of a forest of both classes."""
    forest = RandomForestClassifier(TREES, min_samples_leaf=2, class_weight="balanced", random_state=seed, n_jobs=2)
    forest.fit(np.nan_to_num(data.matrix, nan=-1.0), data.is_c2)
    return lambda rows: forest.predict_proba(np.nan_to_num(rows, nan=-1.0))[:, 1]


def outlier_factor(data: Lessons, seed: int) -> Score:
    """The local outlier factor, learned from some of the benign flows."""
    benign = np.flatnonzero(~data.is_c2)
    some = np.random.default_rng(seed).permutation(benign)[:NEIGHBOURS_OF]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # many flows are alike; it does as well as it does
        return local_outlier_factor(Lessons(data.matrix[some], data.is_c2[some], data.lab[some]), seed)


METHODS = {
    "z-score": z_score,
    "isolation forest": isolation_forest,
    "local outlier factor": outlier_factor,
    "random forest": random_forest,
}
OF_BOTH_CLASSES = frozenset({"random forest"})  # the others learn from benign flows alone


@dataclass(frozen=True, slots=True)
class Setting:
    """What is asked of which detector."""

    method: str
    wanted: str  # of WANTED
    background: str  # of QUIET

    def chosen(self, flows: Flows) -> Flows:
        """The flows that count."""
        return flows.take(np.isin(flows.kind, [*WANTED[self.wanted], *QUIET[self.background]]))

    def positive(self, flows: Flows) -> Bools:
        """Which flows must be found, (n,)."""
        found: Bools = np.isin(flows.kind, WANTED[self.wanted])
        return found


SETTINGS = [Setting(*one) for one in product(METHODS, WANTED, QUIET)]


@dataclass(frozen=True, slots=True, eq=False)
class DetectorScores:
    """What a detector says of one scenario, at each of its thresholds, (len(ALLOWED),)."""

    learned_from: str
    scenario: str
    auc: float
    thresholds: Floats  # alerts score higher
    recall: Floats
    false: Floats  # share of what must stay quiet
    precision: Floats  # NaN where nothing alerts

    def figures(self, at: int) -> Mapping[str, float]:
        """At one threshold."""
        return {"recall": self.recall[at], "FPR": self.false[at], "precision": self.precision[at]}


@dataclass(frozen=True, slots=True, eq=False)
class Detector:
    """A method that has learned, and its thresholds."""

    setting: Setting
    learned_from: str
    score: Score
    thresholds: Floats

    @classmethod
    def learned(cls, setting: Setting, name: str, scenarios: Sequence[Flows], seed: int) -> Detector | None:
        """From four fifths of the flows, thresholds from the last; None where a class it needs is missing."""
        if not scenarios:
            return None
        matrix = np.concatenate([flows.matrix for flows in scenarios])
        positive = np.concatenate([setting.positive(flows) for flows in scenarios])
        weight = np.concatenate([flows.weight for flows in scenarios])
        lab = np.array([flows.name for flows in scenarios for _ in flows.kind], dtype=np.object_)
        aside = np.random.default_rng(seed).permutation(len(positive)) % 5 == 0
        held, known = aside & ~positive, ~aside
        lacks_bots = setting.method in OF_BOTH_CLASSES and not positive[known].any()
        if lacks_bots or not held.any() or int((~positive[known]).sum()) < FEWEST:
            return None
        score = METHODS[setting.method](Lessons(matrix[known], positive[known], lab[known]), seed)
        return cls(setting, name, score, exceeded(score(matrix[held]), weight[held]))

    def judge(self, flows: Flows) -> DetectorScores | None:
        """None where the scenario lacks what must be found, or what must stay quiet."""
        positive, weight = self.setting.positive(flows), flows.weight
        if not len(positive) or positive.all() or not positive.any():
            return None
        score = self.score(flows.matrix)
        alert = score[None, :] > self.thresholds[:, None]
        right, wrong = (alert & positive) @ weight, (alert & ~positive) @ weight
        precision = np.full(len(right), np.nan)
        np.divide(right, right + wrong, out=precision, where=right + wrong > 0)
        return DetectorScores(
            learned_from=self.learned_from,
            scenario=flows.name,
            auc=roc_auc(score, positive, weight) or 0.0,
            thresholds=self.thresholds,
            recall=right / weight[positive].sum(),
            false=wrong / weight[~positive].sum(),
            precision=precision,
        )


def exceeded(score: Floats, weight: Floats) -> Floats:
    """The lowest of these scores that at most each of the ALLOWED shares of the weight exceeds."""
    order = np.argsort(-score, kind="stable")
    above = np.cumsum(weight[order]) - weight[order]
    return np.array([score[order][above <= allowed * weight.sum()][-1] for allowed in ALLOWED])
