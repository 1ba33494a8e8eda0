"""What learns from single connections: logistic regression, forest, gradient boosting, and XGBoost where it is there.

All keep rows with missing values. Trees of boosting route them by themselves; the others see a value of their own and,
for the regression, a column that says so.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from zeek_beacons.pairs import Floats, Ints

MISSING = -1.0  # below every column's range
Matrix = NDArray[Any]


class Filled:
    """A learner that takes no missing values, behind columns that have none."""

    def __init__(self, inner: Any, told: bool, step: str = "") -> None:
        self._inner, self._told, self._step = inner, told, step

    @property
    def classes_(self) -> Ints:
        return np.asarray(self._inner.classes_)

    def fit(self, matrix: Matrix, label: Ints, weight: Floats | None = None) -> Filled:
        """Learns; weights go to the step that takes them."""
        name = f"{self._step}__sample_weight" if self._step else "sample_weight"
        self._inner.fit(self._whole(matrix), label, **({} if weight is None else {name: weight}))
        return self

    def predict_proba(self, matrix: Matrix) -> Floats:
        """The chance of each class."""
        return np.asarray(self._inner.predict_proba(self._whole(matrix)))

    def _whole(self, matrix: Matrix) -> Matrix:
        missing = np.isnan(matrix)
        whole = np.where(missing, 0.0 if self._told else MISSING, matrix)
        return np.hstack([whole, missing.astype(matrix.dtype)]) if self._told else whole


def logistic(seed: int) -> Filled:
    """Logistic regression on scaled columns, with a column for each that says where it is missing."""
    return Filled(
        make_pipeline(StandardScaler(), LogisticRegression(C=0.3, tol=1e-3, max_iter=2000, random_state=seed)),
        True,
        "logisticregression",
    )


def forest(seed: int) -> Filled:
    """A random forest; missing lies below all values."""
    return Filled(RandomForestClassifier(60, min_samples_leaf=5, random_state=seed), False)


def boosting(seed: int) -> Any:
    """Gradient boosting on histograms: what ships."""
    return HistGradientBoostingClassifier(
        max_iter=60,
        max_leaf_nodes=16,
        min_samples_leaf=40,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )


def xgboost(seed: int) -> Any:
    """XGBoost, of the extra `xgboost`."""
    import xgboost as library

    return library.XGBClassifier(n_estimators=60, max_depth=5, random_state=seed, n_jobs=1, tree_method="hist")


LEARNERS: Mapping[str, Callable[[int], Any]] = {
    "logistic regression": logistic,
    "random forest": forest,
    "gradient boosting": boosting,
    **({"XGBoost": xgboost} if importlib.util.find_spec("xgboost") else {}),
}


def chances(learner: Any, matrix: Matrix, classes: int) -> Floats:
    """The chance of each of `classes` classes, (n, classes); those that it never saw have none."""
    found = np.zeros((len(matrix), classes))
    found[:, np.asarray(learner.classes_, dtype=np.int64)] = learner.predict_proba(matrix)
    return found
