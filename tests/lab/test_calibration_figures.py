"""How far the probabilities of pairs that training left out lie from what was so."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeek_beacons_lab.training.calibrate import BINS, calibration_figures


def test_what_is_said_and_so_has_no_error() -> None:
    rng = np.random.default_rng(1)
    said = rng.random(200_000)
    figures = calibration_figures(said, rng.random(len(said)) < said)
    assert figures["expected_calibration_error"] == pytest.approx(0, abs=0.01)
    assert len(np.asarray(figures["bins"])) == BINS


def test_what_is_said_too_loudly_has() -> None:
    said = np.full(1_000, 0.9)
    is_c2 = np.arange(1_000) % 2 == 0
    assert calibration_figures(said, is_c2)["expected_calibration_error"] == pytest.approx(0.4)


def test_one_class_says_nothing() -> None:
    assert calibration_figures(np.array([0.2, 0.4]), np.array([True, True])) == {}


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=50))
def test_the_error_lies_between_none_and_all(rows: list[tuple[float, bool]]) -> None:
    said, so = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    if figures := calibration_figures(said, so):
        assert 0 <= float(str(figures["expected_calibration_error"])) <= 1
        assert np.asarray(figures["bins"])[:, 2].sum() == pytest.approx(1, abs=0.01)
