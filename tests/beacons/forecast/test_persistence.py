"""What lasts, and from which score on."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from zeek_beacons.forecast.persistence import Run, held, runs, surprising, threshold


def test_a_score_is_held_only_by_windows_that_follow_each_other_in_time() -> None:
    score = np.array([[5, 5, 5, 5, 5, 5]], np.float32)
    found = held(score, np.array([0, 1, 2, 9, 10, 11]), 3)[0]
    assert np.isnan(found[[0, 1, 3, 4]]).all()
    assert found[[2, 5]].tolist() == [5, 5]


def test_one_calm_window_breaks_it() -> None:
    found = held(np.array([[5, 5, 1, 5, 5, 5]], np.float32), np.arange(6), 3)[0]
    assert found[2:].tolist() == [1, 1, 1, 5]


def test_a_run_begins_where_its_windows_begin() -> None:
    above = np.zeros(60, np.bool_)
    above[[10, 11, 14, 50]] = True
    assert runs(above, 4) == [Run(7, 10, 14), Run(47, 50, 50)]
    assert surprising(above[None], 4)[0].sum() == 5 + 3 + 4


@settings(max_examples=50)
@given(st.integers(0, 1000), st.floats(0.5, 30), st.integers(1, 6))
def test_about_as_many_alerts_as_allowed(seed: int, allowed: float, lasting: int) -> None:
    calm = np.random.default_rng(seed).exponential(1, (20, 60)).astype(np.float32)
    smallest = held(calm, np.arange(60), lasting)
    limit = threshold(smallest, lasting, allowed)
    blocks = -(-60 // lasting)
    exceeding = sum(
        np.nanmax(smallest[:, lasting * block : lasting * (block + 1)], axis=1, initial=-1, where=True) >= limit
        for block in range(blocks)
    )
    assert np.sum(exceeding) <= allowed


def test_a_rarer_alert_needs_a_higher_score() -> None:
    calm = np.random.default_rng(2).exponential(1, (20, 60)).astype(np.float32)
    limits = [threshold(calm, 1, allowed) for allowed in (100, 10, 1, 0.1, 0.01)]
    assert limits == sorted(limits)
    assert limits[-1] > calm.max()


def test_the_extrapolated_tail_is_about_right() -> None:
    """Of exponential scores the tail is known: 1 % of what is seen once is log(100) higher."""
    calm = np.random.default_rng(3).exponential(1, (100, 100)).astype(np.float32)
    assert abs(threshold(calm, 1, 0.01) - np.log(10_000 / 0.01)) < 2


def test_nothing_to_calibrate_by_is_no_threshold() -> None:
    assert np.isnan(threshold(np.full((3, 4), np.nan, np.float32), 2, 1.0))
    assert np.isnan(threshold(np.zeros((0, 4), np.float32), 2, 1.0))
