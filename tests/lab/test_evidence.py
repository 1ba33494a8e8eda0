"""The minimum-evidence study: bounds that hold by theory, and pairs that differ in their rhythm alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from zeek_beacons.pairs import Floats, Pairs
from zeek_beacons_lab.studies import rhythms
from zeek_beacons_lab.studies.dressed import dressed
from zeek_beacons_lab.studies.evidence import LENGTHS, Curve, report, run
from zeek_beacons_lab.studies.peers import OURS
from zeek_beacons_lab.studies.rhythms import RHYTHMS, bound_known, bound_unknown, poisson_marginal


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.mark.parametrize("name", RHYTHMS)
def test_no_bound_falls_with_more_check_ins_or_exceeds_the_one_that_knows_more(name: str) -> None:
    rhythm = RHYTHMS[name]
    known = [bound_known(rhythm, gaps, 4000, 0.01, rng()) for gaps in (2, 6, 20)]
    assert known == sorted(known)
    for gaps, better in zip((2, 6, 20), known, strict=True):
        unknown = bound_unknown(rhythm, gaps, 4000, 0.01, rng())
        assert unknown is None or unknown <= better + 0.02


def test_densities_integrate_to_one() -> None:
    grid = np.linspace(1e-4, 15, 400_001)
    for name, rhythm in RHYTHMS.items():
        area = float(np.trapezoid(np.exp(rhythm.density(grid.reshape(1, -1)).ravel()), grid))
        assert area == pytest.approx(1.0, abs=2e-3), name


def test_the_uniform_marginal_is_the_integral_over_the_sleep() -> None:
    gaps = np.array([[1.0, 0.8, 0.95]])
    marginal = rhythms.uniform(0.7, 1.0).marginal
    assert marginal is not None
    sleeps = np.linspace(0.5, 2.0, 2_000_001)
    inside = (gaps.max() <= sleeps) & (gaps.min() >= 0.7 * sleeps)
    by_hand = float(np.trapezoid(inside / (0.3 * sleeps) ** 3 / sleeps, sleeps))
    assert math.exp(float(marginal(gaps)[0])) == pytest.approx(by_hand, rel=1e-3)


def test_the_poisson_marginal_is_the_integral_over_the_mean() -> None:
    gaps = np.array([[1.0, 0.2, 3.0]])
    means = np.exp(np.linspace(-12, 12, 400_001))
    by_hand = float(np.trapezoid(means**-3 * np.exp(-gaps.sum() / means) / means, means))
    assert math.exp(float(poisson_marginal(gaps)[0])) == pytest.approx(by_hand, rel=1e-4)


def test_dressed_pairs_keep_their_gaps_and_tell_nothing_else() -> None:
    gaps = np.full((300, 5), 1.0)
    pairs = dressed(rng(), gaps)
    assert pairs.counts.tolist() == [6] * 300
    steps = np.diff(pairs.start.reshape(300, 6), axis=1)
    assert np.ptp(steps, axis=1).max() < 1e-5
    other = dressed(rng(), 2 * gaps)
    np.testing.assert_array_equal(pairs.orig_bytes, other.orig_bytes)


def test_needed_is_where_the_curve_stays_up() -> None:
    tpr = np.array([0.9, 0.5, *[0.85] * (len(LENGTHS) - 2)])
    assert Curve(tpr, tpr, tpr).needed() == LENGTHS[2]
    assert Curve(tpr * 0.5, tpr, tpr).needed() is None


def test_a_scorer_that_knows_the_gaps_gets_far(monkeypatch: pytest.MonkeyPatch) -> None:
    from zeek_beacons_lab.studies import evidence

    monkeypatch.setattr(evidence, "BOUND_PAIRS", 500)
    monkeypatch.setattr(evidence, "BENIGN", 200)

    def spread(pairs: Pairs) -> Floats:
        gaps = np.diff(pairs.start.reshape(len(pairs), -1), axis=1)
        found: Floats = -gaps.std(axis=1) / gaps.mean(axis=1)
        return found

    curves = run({OURS: spread}, 2, 1)
    constant = curves["constant (1 % spread)"]
    assert constant[OURS].tpr[-1] == 1.0
    tables = report(curves).tables
    assert len(tables["evidence_needed"].rows) == len(RHYTHMS)
