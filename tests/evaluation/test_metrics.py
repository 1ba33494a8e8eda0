"""Figures of merit, against values worked out by hand and by scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from zeek_beacons.evaluation.metrics import Counts, roc_auc


def test_counts() -> None:
    counts = Counts(hits=6, false_alerts=2, misses=4)
    assert counts.precision == 0.75
    assert counts.recall == 0.6
    assert counts.f1 == pytest.approx(2 * 0.75 * 0.6 / 1.35)


def test_no_denominator_no_figure() -> None:
    counts = Counts(0, 0, 0)
    assert (counts.precision, counts.recall, counts.f1) == (None, None, None)
    assert roc_auc(np.array([0.1, 0.2]), np.array([True, True])) is None


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=50))
def test_roc_auc_equals_scikit_learn(rows: list[tuple[int, bool]]) -> None:
    score = np.array([value / 5 for value, _ in rows])
    positive = np.array([truth for _, truth in rows])
    if positive.all() or not positive.any():
        assert roc_auc(score, positive) is None
    else:
        assert roc_auc(score, positive) == pytest.approx(roc_auc_score(positive, score))
