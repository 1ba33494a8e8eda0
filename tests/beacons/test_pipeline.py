"""From pairs to verdicts: labels, evidence, suppression, and independence of the batch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.pairs import OBSERVATION_COLUMNS, Pairs
from zeek_beacons.pipeline import score
from zeek_beacons.scoring import Scoring
from zeek_beacons.verdicts import (
    ALLOW_LISTED,
    BEACON,
    BENIGN,
    INSUFFICIENT,
    MULTICAST,
    NAMED_TWIN,
    NOT_SUPPRESSED,
)

Make = Callable[..., dict[str, Any]]
RULES, SHIPPED = Scoring.rules_only(), Scoring.load()
BOTH = pytest.mark.parametrize("scoring", [RULES, SHIPPED], ids=["rules", "shipped"])


@BOTH
def test_a_timer_is_a_beacon_and_chance_is_not(scoring: Scoring, pair: Make) -> None:
    verdicts = score(Pairs.build([pair(), pair(rhythm=False)]), scoring, Config()).verdicts
    assert verdicts.label.tolist() == [BEACON, BENIGN]
    assert verdicts.alerts.tolist() == [True, False]
    assert verdicts.severity[0] > 0
    assert verdicts.severity[1] == 0
    assert verdicts.sleep[0] == pytest.approx(60, rel=0.05)


def test_what_is_not_told_of_changes_nothing_of_what_is(pair: Make) -> None:
    made = [pair(resp=f"45.77.1.{number}", rhythm=number % 2 > 0, n=4 if number == 3 else 60) for number in range(8)]
    whole, first = (score(Pairs.build(made), SHIPPED, Config(), told=told) for told in (None, 4))
    assert whole.verdicts.alerts.tolist() == first.verdicts.alerts.tolist()
    for name in ("score", "sleep", "jitter", "hint_sleep", "reasons", "contributions", "suppressed", "severity"):
        np.testing.assert_array_equal(getattr(whole.verdicts, name)[:4], getattr(first.verdicts, name)[:4])
    assert not np.isnan(whole.verdicts.contributions[4:]).all()
    assert np.isnan(first.verdicts.contributions[4:]).all(), "for the others no reason is measured"
    assert np.isnan(first.verdicts.hint_sleep[4:]).all()


@BOTH
def test_too_few_connections_are_no_verdict(scoring: Scoring, pair: Make) -> None:
    scored = score(Pairs.build([pair(n=4)]), scoring, Config())
    assert scored.verdicts.label.tolist() == [INSUFFICIENT]
    assert np.isnan(scored.verdicts.score[0])
    assert scored.verdicts.needed.tolist() == [5]
    assert scored.feature_row.tolist() == [-1]


def test_a_minute_is_the_least_a_rhythm_must_last(pair: Make) -> None:
    verdicts = score(Pairs.build([pair(n=40, sleep=1.0), pair(n=80, sleep=2.0)]), RULES, Config()).verdicts
    assert verdicts.label.tolist() == [INSUFFICIENT, BEACON]


def test_wide_jitter_needs_more_check_ins(pair: Make) -> None:
    few, many = pair(n=7, jitter=0.8), pair(n=200, jitter=0.8)
    loose = replace(RULES, thresholds=dict.fromkeys(RULES.thresholds, 0.05))
    verdicts = score(Pairs.build([few, many]), loose, Config()).verdicts
    assert verdicts.label.tolist() == [INSUFFICIENT, BEACON]
    assert verdicts.needed[0] > 7


def test_profiles_are_ordered(pair: Make) -> None:
    pairs = Pairs.build([pair(jitter=j / 20, seed=j) for j in range(20)])
    alerts = [
        int(score(pairs, SHIPPED, Config(profile=profile)).verdicts.alerts.sum())
        for profile in ("conservative", "balanced", "sensitive")
    ]
    assert alerts == sorted(alerts)
    assert alerts[0] < alerts[2]


def test_what_must_not_alert_is_marked_and_kept(pair: Make) -> None:
    pairs = Pairs.build(
        [
            pair(),
            pair(orig_h="10.9.0.1"),
            pair(server_name="cdn.example", named=100, addr="203.0.113.9"),
            pair(resp="cdn.example", server_name="cdn.example", named=100, addr="203.0.113.9"),
            pair(resp="239.255.255.250", addr="239.255.255.250"),
        ]
    )
    verdicts = score(pairs, RULES, Config(), AllowList.parse("subnet 10.9.0.0/16")).verdicts
    assert (verdicts.label == BEACON).all()
    assert verdicts.suppressed.tolist() == [NOT_SUPPRESSED, ALLOW_LISTED, NAMED_TWIN, NOT_SUPPRESSED, MULTICAST]
    assert verdicts.alerts.tolist() == [True, False, False, True, False]


def test_ranking_puts_alerts_first_then_falls(pair: Make) -> None:
    pairs = Pairs.build([pair(rhythm=False), pair(n=3), pair(), pair(jitter=0.3)])
    verdicts = score(pairs, SHIPPED, Config()).verdicts
    order = verdicts.ranking()
    assert set(order[: verdicts.alerts.sum()]) == set(np.flatnonzero(verdicts.alerts))
    assert order[-1] == 1


@BOTH
def test_a_batch_says_of_each_pair_what_it_says_alone(scoring: Scoring, pair: Make) -> None:
    made = [pair(n=n, jitter=n % 10 / 10, seed=n, rhythm=n % 3 > 0) for n in range(3, 60)]
    batch = score(Pairs.build(made), scoring, Config()).verdicts
    for row, one in enumerate(made):
        alone = score(Pairs.build([one]), scoring, Config()).verdicts
        assert alone.label[0] == batch.label[row]
        np.testing.assert_allclose(alone.score[0], batch.score[row], atol=1e-6)


def test_only_the_newest_observations_count(pair: Make) -> None:
    old = pair(rhythm=False, n=300)
    new = pair(n=64)
    joined = dict(old)
    for name in ("duration", "orig_bytes", "resp_bytes"):
        joined[name] = np.concatenate((old[name], new[name]))
    joined["start"] = np.concatenate((old["start"] - 1e6, new["start"]))
    joined["state"] = old["state"] + new["state"]
    config = Config(max_observations=64)
    one, other = (score(Pairs.build([p]), SHIPPED, config).verdicts for p in (joined, new))
    assert one.score[0] == other.score[0]


def test_an_empty_batch_is_scored() -> None:
    assert len(score(Pairs.empty(), SHIPPED, Config()).verdicts) == 0


NUMBERS = st.just(float("nan")) | st.floats(0, 1e15)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(-1e10, 1e10), min_size=1, max_size=60),
    st.booleans(),
    st.data(),
)
def test_whatever_is_seen_there_is_a_verdict(starts: list[float], same: bool, data: st.DataObject) -> None:
    n = len(starts)
    if same:
        starts = [starts[0]] * n
    columns = {
        name: data.draw(st.lists(NUMBERS, min_size=n, max_size=n)) for name in ("duration", "orig_bytes", "resp_bytes")
    }
    made = {"orig_h": "10.0.0.1", "resp": "10.0.0.2", "resp_p": 0, "start": starts, **columns}
    verdicts = score(Pairs.build([made]), SHIPPED, Config()).verdicts
    assert verdicts.label[0] in (INSUFFICIENT, BENIGN, BEACON)
    assert (n >= Config().min_connections) == np.isfinite(verdicts.score[0])


def test_below_its_evidence_a_pair_is_never_benign(pair: Make) -> None:
    """No evidence, no verdict, whatever the score: six check-ins say nothing of a timer of 90 % jitter."""
    loose = [pair(n=6, jitter=0.9, sleep=300.0, seed=seed, resp=f"203.0.113.{seed}") for seed in range(250)]
    scored = score(Pairs.build(loose), SHIPPED, Config())
    below = scored.features.column("checkins") < scored.verdicts.needed
    assert below.sum() > 150
    assert (scored.verdicts.label[below] == INSUFFICIENT).all()


@BOTH
def test_with_its_evidence_a_pair_is_told(scoring: Scoring, pair: Make) -> None:
    mixed = [
        pair(n=n, jitter=seed / 20, sleep=90.0, rhythm=seed % 2 == 0, seed=seed)
        for seed in range(20)
        for n in (8, 15, 90)
    ]
    scored = score(Pairs.build(mixed), scoring, Config())
    enough = scored.features.column("checkins") >= scored.verdicts.needed
    assert ((scored.verdicts.label == INSUFFICIENT) == ~enough).all()
    assert 0 < enough.sum() < len(mixed)


@pytest.mark.parametrize("jitter", [0.0, 0.05, 0.2, 0.5])
def test_more_of_the_same_beacon_does_not_weaken_it(pair: Make, jitter: float) -> None:
    """Beyond noise: what is left out of 500 check-ins gives the same verdict."""
    whole = [pair(n=500, jitter=jitter, seed=seed, orig_h=f"10.0.0.{seed}") for seed in range(1, 9)]
    most = score(Pairs.build(whole), SHIPPED, Config()).verdicts
    for n in (60, 120, 250):
        parts = [one | {name: one[name][:n] for name in OBSERVATION_COLUMNS} for one in whole]
        fewer = score(Pairs.build(parts), SHIPPED, Config()).verdicts
        assert (most.score >= fewer.score - 0.05).all(), n
        assert (most.label == BEACON).all()
