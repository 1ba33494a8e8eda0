"""Check-ins: which connections belong together, what a back-off is, and which stretches of a history are measured."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeek_beacons.features import extract
from zeek_beacons.features.checkins import FlatCheckins
from zeek_beacons.features.matrix import measure
from zeek_beacons.features.stretches import CALM, LEAST_SPAN, MOST, stretches
from zeek_beacons.pairs import Pairs

from .traffic import EPOCH, after, every, mixed, of, pair, value

Floats = np.ndarray


def visits(sleep: float, jitter: float, least: int, most: int, n: int = 60, seed: int = 0) -> Floats:
    """Check-ins of several connections each, .3 to 4 s apart."""
    rng = np.random.default_rng(seed)
    found, at = [], EPOCH
    for _ in range(n):
        inside = np.concatenate([[0.0], np.cumsum(rng.uniform(0.3, 4, rng.integers(least, most + 1) - 1))])
        found.append(at + inside)
        at += sleep * rng.uniform(1 - jitter, 1)
    return np.concatenate(found)


def tries(rungs: int, times: int = 12, noise: float = 0.0, cap: float = np.inf) -> Floats:
    """5, 10, 20 s ... and again."""
    rng = np.random.default_rng(0)
    waits = np.tile(np.minimum(5.0 * 2.0 ** np.arange(rungs), cap), times)
    return after(waits * rng.uniform(1 - noise, 1 + noise, len(waits)))


class TestConnectionsOfOneCheckin:
    @pytest.mark.parametrize("jitter", [0.0, 0.2, 0.5])
    @pytest.mark.parametrize(("sleep", "most"), [(60, 4), (60, 8), (600, 4), (600, 8)])
    def test_sleep_and_jitter_are_those_between_checkins(self, sleep: float, jitter: float, most: int) -> None:
        features = of(visits(sleep, jitter, 2, most))
        assert features.column("sleep")[0] == pytest.approx(sleep, rel=0.1)
        assert features.column("jitter")[0] == pytest.approx(jitter, abs=0.1)
        assert features.column("checkins")[0] == pytest.approx(60, abs=1)

    def test_connections_stay_counted(self) -> None:
        start = visits(60, 0.2, 2, 4)
        assert value("connections", start) == len(start)
        assert value("collapse_ratio", start) == pytest.approx(60 / len(start))

    def test_one_process_is_not_split_because_its_waits_vary(self) -> None:
        for seed in range(20):
            start = after(np.random.default_rng(seed).exponential(60, 200) + 2)
            assert value("checkins", start) == 201

    def test_two_waits_in_turn_are_no_bursts_when_the_short_one_is_long(self) -> None:
        start = after(np.tile([70.0, 700.0], 30))
        assert value("checkins", start) == 61


class TestBackOff:
    @pytest.mark.parametrize("rungs", [4, 6, 9])
    @pytest.mark.parametrize("noise", [0.0, 0.05])
    def test_growing_waits_that_start_again_are_a_timer_of_ratios(self, rungs: int, noise: float) -> None:
        start = tries(rungs, noise=noise)
        assert value("growth", start) == pytest.approx(2, rel=0.1)
        assert value("gap_cv", start) < 0.1

    def test_other_rhythms_do_not_grow(self) -> None:
        rng = np.random.default_rng(1)
        for gaps in (np.full(60, 60.0), 60 * rng.uniform(0.5, 1, 60), rng.exponential(60, 500), np.tile([5, 60.0], 40)):
            assert np.isnan(value("growth", after(gaps)))

    def test_waits_that_stay_at_the_cap_are_the_timer_of_the_cap(self) -> None:
        waits = np.concatenate([5.0 * 2.0 ** np.arange(5), np.full(60, 120.0)])
        assert value("sleep", after(waits)) == pytest.approx(120)


class TestStretches:
    def found(self, start: Floats) -> list[tuple[float, int]]:
        pairs = Pairs.build([pair(start)])
        parts = stretches(pairs, measure(pairs)[1])
        return [
            (float(one.start[0]), len(one.start))
            for one in (parts.pairs.take(np.array([k])) for k in range(len(parts.owner)))
        ]

    def test_sessions_lie_between_long_pauses(self) -> None:
        start = np.concatenate([every(60, 30), every(60, 20) + 86_400, every(60, 5) + 2 * 86_400])
        assert self.found(start) == [(EPOCH, 30), (EPOCH + 86_400, 20)]

    def test_the_calmest_stretch_of_a_long_history(self) -> None:
        rng = np.random.default_rng(0)
        noise = after(rng.exponential(60, 100))
        timer = noise[-1] + 60 * np.arange(1, 61)
        (begin, connections), *_ = self.found(np.concatenate([noise, timer]))
        assert connections == CALM + 1
        assert begin >= noise[-1] - 1e-3

    def test_a_short_history_without_pauses_has_none(self) -> None:
        assert self.found(every(60, 50)) == []

    def test_what_lasts_minutes_is_none(self) -> None:
        assert self.found(every(LEAST_SPAN / 100, 400)) == []

    def test_connections_of_a_checkin_stay_together(self) -> None:
        start = np.concatenate([visits(60, 0, 2, 4), visits(60, 0, 2, 4, seed=1) + 86_400])
        parts = self.found(start)
        assert sum(connections for _, connections in parts[:2]) == len(start)

    def test_at_most_so_many_of_a_pair(self) -> None:
        start = np.concatenate([every(60, 20) + day * 86_400 for day in range(9)])
        pairs = Pairs.build([pair(start)])
        assert len(stretches(pairs, measure(pairs)[1]).owner) <= MOST + 1


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 200), min_size=1, max_size=6), st.integers(0, 1000))
def test_checkins_of_anything(sizes: list[int], seed: int) -> None:
    pairs = mixed(sizes, seed)
    features, flat = measure(pairs)
    assert flat.size.sum() == len(pairs.start)
    assert (flat.counts <= pairs.counts).all()
    assert (np.diff(flat.at) > 0).all()
    alone = np.concatenate([extract(pairs.take(np.array([row]))).matrix for row in range(len(pairs))])
    np.testing.assert_array_equal(features.matrix, alone)
    parts = stretches(pairs, flat)
    assert (parts.pairs.counts <= pairs.counts[parts.owner]).all()
    within_own(pairs, flat, parts.owner, parts.first, parts.pairs.counts)


def within_own(pairs: Pairs, flat: FlatCheckins, owner: Floats, first: Floats, counts: Floats) -> None:
    """Every stretch lies inside its pair."""
    assert (first >= 0).all()
    assert (first + counts <= pairs.counts[owner]).all()
