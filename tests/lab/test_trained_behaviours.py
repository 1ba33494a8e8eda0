"""Behaviours of implants in training: each meets its plan, and none is there unless asked for."""

from __future__ import annotations

import numpy as np
import pytest

from zeek_beacons.errors import ConfigError
from zeek_beacons_lab.traffic import KINDS, labelled_pairs, with_behaviours
from zeek_beacons_lab.traffic.behaviours import BEHAVIOURS
from zeek_beacons_lab.traffic.series import Plan
from zeek_beacons_lab.training.examples import collect

DAY = 86_400.0


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_a_trained_behaviour_meets_its_plan(name: str) -> None:
    plan = Plan(n=120, gap=60.0, window=7 * DAY)
    spans = []
    for seed in range(40):
        series = BEHAVIOURS[name].make(np.random.default_rng(seed), plan).series
        assert len(series.start) == 120
        assert series.start[0] == 0.0
        assert (np.diff(series.start) >= 0).all()
        spans.append(series.start[-1])
    assert np.median(spans) == pytest.approx(120 * 60.0, rel=0.25)


def test_behaviours_are_trained_with_only_when_asked_for() -> None:
    (usual, truth), (same, _) = labelled_pairs(200, 5), labelled_pairs(200, 5, kinds=with_behaviours(0.0))
    np.testing.assert_array_equal(usual.start, same.start)
    assert set(truth.kind) <= set(KINDS)
    _, truth = labelled_pairs(1500, 5, kinds=with_behaviours(0.3))
    own = np.isin(truth.kind, list(BEHAVIOURS))
    assert own[truth.is_c2].mean() == pytest.approx(0.36, abs=0.04)
    assert not own[~truth.is_c2].any()
    plain, with_them = (collect(200, 1, None, lambda _: None, behaviours=share) for share in (0.0, 0.5))
    assert not np.array_equal(plain.features.matrix, with_them.features.matrix, equal_nan=True)
    with pytest.raises(ConfigError, match="behaviours"):
        with_behaviours(1.0)
