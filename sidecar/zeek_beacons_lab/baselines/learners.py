"""Standard learners, trained on our features of synthetic pairs and of the benign pairs of other labs."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import RobustScaler, StandardScaler

from zeek_beacons.config import Config
from zeek_beacons.features import MODEL_FEATURES, extract
from zeek_beacons.labels import BENIGN
from zeek_beacons.pairs import Bools, Floats, Pairs, Strings
from zeek_beacons_lab.captures.labelled import Capture
from zeek_beacons_lab.traffic import labelled_pairs
from zeek_beacons_lab.training.examples import impoverish

Matrix = NDArray[np.float32]
SYNTHETIC = 10_000  # pairs, half of them C2
FALSE_ALERTS = 0.01  # of the benign training pairs, at the threshold


@dataclass(frozen=True, slots=True, eq=False)
class Lessons:
    """Rows to learn from, each of a lab ("" for synthetic ones)."""

    matrix: Matrix
    is_c2: Bools
    lab: Strings

    def without(self, lab: str) -> Lessons:
        kept = self.lab != lab
        return Lessons(self.matrix[kept], self.is_c2[kept], self.lab[kept])

    @property
    def benign(self) -> Matrix:
        """Real benign pairs where there are any, else synthetic ones."""
        real = ~self.is_c2 & (self.lab != "")
        return self.matrix[real if real.any() else ~self.is_c2]

    @property
    def weight(self) -> Floats:
        """Both classes weigh the same, and among the benign both sources."""
        cell = np.where(self.is_c2, 0, np.where(self.lab == "", 1, 2))
        share: Floats = np.array([0.5, 0.25, 0.25]) / np.maximum(np.bincount(cell, minlength=3), 1)
        return len(cell) * share[cell]


def lessons(captures: Sequence[Capture], config: Config, seed: int) -> Lessons:
    """Synthetic pairs of both classes, and the benign pairs of the captures."""
    synthetic, truth = labelled_pairs(SYNTHETIC, seed)
    synthetic = impoverish(synthetic.latest(config.max_observations), seed)
    parts = [inputs(synthetic, config)]
    is_c2, lab = [np.asarray(truth.label == "c2")], [np.full(len(synthetic), "", dtype=object)]
    for capture in captures:
        pairs = capture.pairs
        rows = np.isin(capture.label, list(BENIGN)) & (pairs.conns >= config.min_connections) & ~pairs.is_twin
        parts.append(inputs(pairs.take(rows), config))
        is_c2.append(np.zeros(int(rows.sum()), dtype=np.bool_))
        lab.append(np.full(int(rows.sum()), capture.lab, dtype=object))
    return Lessons(np.concatenate(parts), np.concatenate(is_c2), np.concatenate(lab))


def inputs(pairs: Pairs, config: Config) -> Matrix:
    """What the learners see of each pair: the features that the shipped model sees, NaN where undefined."""
    return extract(pairs.latest(config.max_observations)).select(MODEL_FEATURES)


Score = Callable[[Matrix], Floats]


def z_score(data: Lessons, seed: int) -> Score:
    """Mean distance from benign pairs, in standard deviations of each feature, at most 10 each."""
    known = np.isfinite(data.benign)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, data.benign, 0).sum(axis=0) / count
    std = np.sqrt((np.where(known, data.benign - mean, 0) ** 2).sum(axis=0) / count)

    def score(rows: Matrix) -> Floats:
        distance = np.minimum(np.nan_to_num(np.abs(rows - mean) / np.maximum(std, 1e-6)), 10.0)
        found: Floats = distance.sum(axis=1) / np.maximum(np.isfinite(rows).sum(axis=1), 1)
        return found

    return score


def isolation_forest(data: Lessons, seed: int) -> Score:
    """How easily a pair is told apart from benign ones."""
    forest = make_pipeline(_filled(), IsolationForest(n_estimators=300, random_state=seed)).fit(data.benign)
    return lambda rows: -forest.score_samples(rows)


def local_outlier_factor(data: Lessons, seed: int) -> Score:
    """How much thinner benign pairs lie around a pair than around its neighbours."""
    factor = LocalOutlierFactor(n_neighbors=min(20, len(data.benign) - 1), novelty=True)
    model = make_pipeline(_filled(), RobustScaler(), factor).fit(data.benign)
    return lambda rows: -model.score_samples(rows)


def logistic_regression(data: Lessons, seed: int) -> Score:
    return _classifier(
        make_pipeline(_filled(), StandardScaler(), LogisticRegression(max_iter=2000, C=0.1)),
        data,
        "logisticregression__sample_weight",
    )


def gradient_boosting(data: Lessons, seed: int) -> Score:
    model = HistGradientBoostingClassifier(max_iter=100, learning_rate=0.1, random_state=seed)
    return _classifier(model, data, "sample_weight")


LEARNERS: Mapping[str, Callable[[Lessons, int], Score]] = {
    "z-score": z_score,
    "isolation forest": isolation_forest,
    "local outlier factor": local_outlier_factor,
    "logistic regression": logistic_regression,
    "gradient boosting": gradient_boosting,
}


def _filled() -> SimpleImputer:
    """Missing values become the mean of the training rows."""
    return SimpleImputer(keep_empty_features=True)


def _classifier(model: Any, data: Lessons, weights: str) -> Score:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of convergence: it does as well as it does
        model.fit(data.matrix, data.is_c2, **{weights: data.weight})
    return lambda rows: model.predict_proba(rows)[:, 1]
