"""Probabilities: monotone, without ties, and right where they were fitted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from zeek_beacons.scoring import Scoring, calibration
from zeek_beacons.scoring.calibration import apply, is_calibration
from zeek_beacons_lab.training.calibrate import REAL, calibrate


def test_probabilities_are_right_where_they_were_fitted() -> None:
    rng = np.random.default_rng(1)
    score = rng.random(20_000)
    is_c2 = rng.random(20_000) < score**3 / (score**3 + 2 * (1 - score) ** 2)
    weight = np.where(is_c2, 0.5 / is_c2.sum(), 0.5 / (~is_c2).sum())  # both classes are held to be equally frequent
    probability = apply(calibrate(score, is_c2, np.zeros(20_000, dtype=np.bool_)), score)
    for low in np.arange(0, 1, 0.1):
        inside = (probability >= low) & (probability < low + 0.1)
        expected = (weight * is_c2)[inside].sum() / weight[inside].sum()
        assert inside.sum() > 200
        assert abs(np.average(probability[inside], weights=weight[inside]) - expected) < 0.05


def test_a_score_that_misleads_is_not_believed_the_wrong_way_round() -> None:
    score = np.linspace(0, 1, 1000)
    table = calibrate(score, score < 0.5, np.zeros(1000, dtype=np.bool_))
    assert apply(table, np.array([0.1, 0.5, 0.9])) == pytest.approx(0.5, abs=0.01)


def test_real_benign_pairs_weigh_four_fifths() -> None:
    """However many there are of each: few real pairs that score high move the probabilities."""
    rng = np.random.default_rng(2)
    score = np.concatenate([rng.beta(5, 2, 1000), rng.beta(1, 6, 5000), rng.beta(5, 2, 50)])
    is_c2, real = np.arange(6050) < 1000, np.arange(6050) >= 6000
    probability = apply(calibrate(score, is_c2, real), np.array([0.7]))
    assert probability[0] == pytest.approx(
        1 / (1 + REAL), abs=0.06
    )  # so much of the benign weight looks just as C2 does


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=30, max_size=200))
def test_any_fit_rises_strictly(rows: list[tuple[float, bool]]) -> None:
    score, is_c2 = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    assume(is_c2.any() and not is_c2.all())
    table = calibrate(score, is_c2, np.zeros(len(rows), dtype=np.bool_))
    assert is_calibration(table)
    assert (np.diff(apply(table, np.unique(np.round(score, 3)))) > 0).all()


def test_no_table_changes_nothing() -> None:
    assert apply((), np.array([0.2, 0.9])).tolist() == [0.2, 0.9]


@pytest.mark.parametrize("table", [((0.0, 0.0),) * 2, ((0.0, 0.1), (1.0, 1.0)), ((0.0, 0.0), (0.5, 0.5))])
def test_what_does_not_rise_from_zero_to_one_is_none(table: tuple[tuple[float, float], ...]) -> None:
    assert not is_calibration(table)


def test_the_shipped_model_is_calibrated() -> None:
    assert Scoring.load().calibration
    assert not Scoring.rules_only().calibration


def test_knots_are_even_from_0_to_1() -> None:
    assert calibration.table(lambda scores: scores) == tuple((round(k / 50, 4), round(k / 50, 4)) for k in range(51))
