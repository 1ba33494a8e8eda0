"""Probabilities: monotone, without ties, and right where they were fitted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeek_beacons.scoring import Scoring
from zeek_beacons.scoring.calibration import apply, fit, is_calibration


def test_probabilities_are_right_where_they_were_fitted() -> None:
    rng = np.random.default_rng(1)
    score = rng.random(20_000)
    is_c2 = rng.random(20_000) < score**3
    probability = apply(fit(score, is_c2, np.ones(20_000)), score)
    for low in np.arange(0, 1, 0.1):
        inside = (probability >= low) & (probability < low + 0.1)
        if inside.sum() > 200:
            assert abs(probability[inside].mean() - is_c2[inside].mean()) < 0.05


def test_weights_move_the_odds() -> None:
    rng = np.random.default_rng(2)
    score, is_c2 = rng.random(5000), rng.random(5000) < 0.5
    table = fit(score, is_c2, np.where(is_c2, 3.0, 1.0))
    assert apply(table, np.array([0.5]))[0] == pytest.approx(0.75, abs=0.05)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=30, max_size=200))
def test_any_fit_rises_strictly(rows: list[tuple[float, bool]]) -> None:
    score = np.array([row[0] for row in rows])
    table = fit(score, np.array([row[1] for row in rows]), np.ones(len(rows)))
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
