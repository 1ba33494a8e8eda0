"""Figures of merit, against values worked out by hand and by scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from zeek_beacons.metrics import Counts, roc_auc
from zeek_beacons_lab.studies import metrics
from zeek_beacons_lab.studies.metrics import average_precision

Rows = list[tuple[int, bool, int]]
rows_of_scores = st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(1, 4)), min_size=2, max_size=50)


def test_counts() -> None:
    counts = Counts(hits=6, false_alerts=2, misses=4)
    assert counts.precision == 0.75
    assert counts.recall == 0.6
    assert counts.f1 == pytest.approx(2 * 0.75 * 0.6 / 1.35)


def test_no_denominator_no_figure() -> None:
    counts = Counts(0, 0, 0)
    assert (counts.precision, counts.recall, counts.f1) == (None, None, None)
    positives = np.array([True, True])
    assert roc_auc(np.array([0.1, 0.2]), positives) is None
    assert average_precision(np.array([0.1, 0.2]), ~positives) is None
    assert metrics.tpr_at(np.array([0.1, 0.2]), positives, 0.01) is None
    assert metrics.mean_by_group(np.array([]), np.array([], dtype=np.int64)) is None


@given(rows_of_scores)
def test_areas_equal_those_of_scikit_learn(rows: Rows) -> None:
    score = np.array([value / 5 for value, _, _ in rows])
    positive = np.array([truth for _, truth, _ in rows])
    weight = np.array([float(weight) for _, _, weight in rows])
    if positive.any():
        assert average_precision(score, positive) == pytest.approx(average_precision_score(positive, score))
    if positive.all() or not positive.any():
        assert roc_auc(score, positive) is None
    else:
        assert roc_auc(score, positive) == pytest.approx(roc_auc_score(positive, score))
        weighted = roc_auc_score(positive, score, sample_weight=weight)
        assert roc_auc(score, positive, weight) == pytest.approx(weighted)


@given(rows_of_scores, st.integers(0, 60))
def test_no_more_negatives_than_allowed_exceed_the_limit(rows: Rows, allowed: int) -> None:
    negative = np.array([float(value) for value, _, _ in rows])
    bound = metrics.limit(negative, allowed)
    assert (negative > bound).sum() <= allowed
    assert (negative >= bound).sum() > min(allowed, len(negative) - 1)  # and it could be no lower


def test_tpr_counts_what_is_above_the_negatives_that_may_alert() -> None:
    score = np.concatenate([np.arange(100.0), [97.5, 98.5, 99.5]])
    positive = np.arange(103) >= 100
    assert metrics.tpr_at(score, positive, 0.01) == pytest.approx(2 / 3)
    assert metrics.tpr_at(score, positive, 0.0) == pytest.approx(1 / 3)


def test_precision_at_the_top_shares_out_ties() -> None:
    score = np.array([3.0, 2.0, 2.0, 1.0])
    assert metrics.precision_at(score, np.array([True, True, False, False]), 2) == 0.75
    assert metrics.precision_at(score, np.array([True, True, False, False]), 5) is None


def test_each_group_weighs_the_same() -> None:
    group = np.array([0, 0, 0, 1])
    assert metrics.mean_by_group(np.array([1.0, 1.0, 1.0, 0.0]), group) == 0.5
    positive = np.array([True, False, False, True])
    weights = metrics.equal_weights(group, positive)
    assert weights.tolist() == [1.0, 0.5, 0.5, 1.0]


def test_what_is_said_and_so_agrees_for_honest_scores() -> None:
    rng = np.random.default_rng(1)
    honest = rng.random(200_000)
    positive = rng.random(200_000) < honest
    assert metrics.reliability(honest, positive, 10).ece < 0.01
    assert metrics.reliability(honest**3, positive, 10).ece > 0.1


def test_reliability_weighs_classes_alike_and_keeps_ties_together() -> None:
    score = np.array([0.2, 0.2, 0.2, 0.9])
    found = metrics.reliability(score, np.array([False, False, False, True]), 10)
    assert found.mass.tolist() == pytest.approx([0.5, 0.5])
    assert found.so.tolist() == [0.0, 1.0]
    assert found.ece == pytest.approx(0.15)
    with pytest.raises(ValueError, match="one class"):
        metrics.reliability(score, np.ones(4, dtype=np.bool_), 10)
