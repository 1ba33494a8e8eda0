"""The peers' formulas, against what their descriptions say comes out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeek_beacons.pairs import Floats, Pairs
from zeek_beacons_lab.baselines import BASELINES, ebpf, periodic, study
from zeek_beacons_lab.baselines.flows import Flow, flows
from zeek_beacons_lab.baselines.rita import regularity, rita
from zeek_beacons_lab.studies.peers import over

DAY = 86_400.0


def flow(start: Floats, size: Floats | float = 100.0, end: float = DAY) -> Flow:
    return Flow(start, np.broadcast_to(np.asarray(size), len(start)).astype(np.float64), 0.0, end)


def every(gap: float, n: int, first: float = 0.0) -> Floats:
    return first + gap * np.arange(n, dtype=np.float64)


def test_rita_gives_a_perfect_day_all_points() -> None:
    assert rita(flow(every(60, 1440))) == pytest.approx(1.0, abs=0.02)


def test_rita_knows_regularity_as_published() -> None:
    assert regularity(np.array([60.0, 60, 60, 60])) == 1.0
    # Quartiles 40, 50, 100: skew (140 - 100) / 60; MAD 10 of a median of 50.
    assert regularity(np.array([40.0, 40, 50, 100, 100])) == pytest.approx((1 - 2 / 3 + 0.8) / 2)


def test_rita_cannot_pass_half_for_two_to_five_hours_of_a_day() -> None:
    """Known weakness: time and size full, histogram and duration nearly nothing."""
    assert rita(flow(every(60, 180, first=30_000))) == pytest.approx(0.5, abs=0.03)
    assert rita(flow(every(60, 3))) == 0.0


def test_ebpf_cannot_alert_on_a_perfect_beacon() -> None:
    """Known weakness of the README's formula: the transform of equal gaps is 0. The newest one mends it."""
    perfect = flow(every(60, 60))
    assert ebpf.readme(perfect) == pytest.approx(0.6, abs=1e-6)
    assert ebpf.newest(perfect) > 0.95
    assert ebpf.readme(flow(every(5, 60))) == 0.0  # gaps under 10 s do not count


def test_one_statistic_detectors() -> None:
    assert periodic.plain_cv(flow(every(60, 10))) == 1.0
    assert periodic.modal_gap(flow(np.array([0.0, 60, 120, 180, 200]))) == 0.75
    assert periodic.modal_window(flow(every(1, 100))) == 0.0  # gaps under 2 s do not count
    assert periodic.modal_window(flow(every(60, 100))) == 1.0
    assert periodic.autocovariance(flow(every(300, 288))) > 0.7
    rng = np.random.default_rng(1)
    poisson = np.sort(rng.uniform(0, DAY, 288))
    assert periodic.autocovariance(flow(poisson)) < 0.7
    assert periodic.fisher(flow(poisson)) < 2 < periodic.fisher(flow(every(300, 288)))


def test_the_study_has_29_features_of_known_values() -> None:
    found = dict(zip(study.FEATURES, study.features(flow(np.array([0.0, 60, 122, 181, 242, 482]))), strict=True))
    assert len(found) == 29
    assert found["gap_near"] == found["gap_dominant"] == 0.8  # gaps 60, 62, 59, 61, 240
    assert found["gap_adjacent"] == 0.75
    assert found["gap_longest_run"] == 4
    assert found["bursts"] == found["burst_size"] == 0
    assert found["size_near"] == 1
    bursty = study.Measured(flow(np.array([0.0, 2, 4, 100, 102, 300])))
    assert bursty.bursts.tolist() == [3, 2]
    assert bursty.sleeps.tolist() == [96, 198]
    assert study.iqr(np.array([1.0, 2, 3, 4, 100])) == 52 - 1.5


def test_the_hardened_rules_add_up() -> None:
    # Regular, compact, one size, sustained, constant size, long repetition, moderate jitter.
    assert study.rules(flow(every(60, 20))) == pytest.approx(1.1 + 0.5 + 0.4 + 0.2 + 1.6 + 2.0 + 0.5)
    assert study.rules(flow(every(60, 4))) == 0.0


@pytest.mark.parametrize("name", BASELINES)
@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.none() | st.floats(0, 1e9)), min_size=1, max_size=40),
    st.booleans(),
)
def test_no_pair_breaks_a_formula(name: str, rows: list[tuple[float, float | None]], same_time: bool) -> None:
    start = np.array([5.0 if same_time else when for when, _ in rows])
    size = np.array([np.nan if bytes_ is None else bytes_ for _, bytes_ in rows])
    pairs = Pairs.build([{"orig_h": "10.0.0.1", "resp": "1.2.3.4", "resp_p": 1, "start": start, "orig_bytes": size}])
    score = over(BASELINES[name].formula)(pairs, np.array([0]))
    assert np.isfinite(score).all()


def test_flows_know_the_log_they_are_from() -> None:
    one = {"orig_h": "10.0.0.1", "resp_p": 1, "resp": "1.2.3.4", "start": [10.0, 20.0]}
    pairs = Pairs.build([one, one | {"resp": "1.2.3.5", "start": [5.0, 90.0]}])
    (first,) = flows(pairs, np.array([0]))
    assert (first.log_begin, first.log_end, len(first.size)) == (5.0, 90.0, 0)
