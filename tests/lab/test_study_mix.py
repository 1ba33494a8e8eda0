"""Flows drawn by the beaconing study's mix: shares, lengths, and what each stress takes away."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from zeek_beacons_lab.captures.study_mix import BENIGN, C2, MIXES, made
from zeek_beacons_lab.studies.tables import Report, Table


def cv(start: np.ndarray) -> float:
    gaps = np.diff(start)
    return float(gaps.std() / gaps.mean())


@pytest.mark.parametrize("mix", MIXES)
def test_every_case_has_every_c2_scenario_and_the_same_seeds_give_the_same(mix: str) -> None:
    flows = made(mix, range(2))
    assert len(flows.pairs) == 13 * 2 * 25
    assert flows.is_c2.sum() == 13 * 2 * len(C2)
    assert np.array_equal(flows.is_c2, made("standard", range(2)).is_c2)
    assert np.array_equal(flows.scenario, made("standard", range(2)).scenario)
    assert np.array_equal(flows.pairs.start, made(mix, range(2)).pairs.start)
    assert not np.array_equal(flows.pairs.start, made(mix, range(2, 4)).pairs.start)


def test_the_mix_is_the_study_s() -> None:
    flows = made("standard", range(10))
    kinds, counts = np.unique(flows.scenario[~flows.is_c2].astype(str), return_counts=True)
    total = sum(law.flows for law in BENIGN.values())
    expected = [BENIGN[kind].flows / total for kind in kinds]
    assert counts / counts.sum() == pytest.approx(expected, abs=0.03)
    assert (flows.pairs.counts[flows.is_c2].min(), flows.pairs.counts[flows.is_c2].max()) == (5, 18)
    assert (flows.pairs.counts[~flows.is_c2].min(), flows.pairs.counts[~flows.is_c2].max()) == (3, 12)
    fixed = np.flatnonzero(flows.scenario == "fixed_periodic")
    bounds = flows.pairs.offsets
    assert max(cv(flows.pairs.start[bounds[row] : bounds[row + 1]]) for row in fixed) < 1e-6


def test_under_overlap_benign_flows_have_the_gaps_and_sizes_of_c2() -> None:
    flows = made("overlap", range(5))
    bounds = flows.pairs.offsets.tolist()
    means = np.array([np.diff(flows.pairs.start[a:b]).mean() for a, b in pairwise(bounds)])
    steady = ~np.isin(flows.scenario, ("bursty", "normal_bursty_session"))
    assert np.median(means[steady & flows.is_c2]) == pytest.approx(np.median(means[steady & ~flows.is_c2]), rel=0.1)
    assert set(flows.pairs.counts[flows.is_c2]) == set(flows.pairs.counts[~flows.is_c2])


def test_under_shortcut_no_server_is_c2_s_own() -> None:
    flows = made("shortcut", range(3))
    assert set(flows.pairs.resp[flows.is_c2]) <= set(flows.pairs.resp[~flows.is_c2])
    standard = made("standard", range(3))
    assert not set(standard.pairs.resp[standard.is_c2]) & set(standard.pairs.resp[~standard.is_c2])


def test_a_report_under_another_name_keeps_what_it_shows() -> None:
    report = Report({"one": Table(("a",), [[1]]), "two": Table(("b",), [[2]])}, {}, ("two",)).called("other_")
    assert list(report.tables) == ["other_one", "other_two"]
    assert report.text() == report.tables["other_two"].markdown()
