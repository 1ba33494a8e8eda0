"""The figures of a sample, worked out by hand; what is set aside; what redrawing scenarios keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.pairs import Pairs
from zeek_beacons_lab.captures.infrastructure import is_infrastructure
from zeek_beacons_lab.captures.labelled import Capture
from zeek_beacons_lab.captures.sample import Result, Sample, measure, pooled
from zeek_beacons_lab.studies import figures

from .sites import site

Maker = Callable[..., dict[str, Any]]


@pytest.fixture
def sample() -> Sample:
    """Scenario 0: two C2 pairs, three benign, 10 host-days. Scenario 1: one C2 pair, one benign, too short to count."""
    return Sample(
        names=["long", "short"],
        host_days=np.array([10.0, 0.0]),
        scenario=np.array([0, 0, 0, 0, 0, 1, 1]),
        beacon=np.array([True, True, False, False, False, True, False]),
        infrastructure=np.array([False, False, False, False, True, False, False]),
        conns=np.array([50, 7, 50, 50, 50, 50, 50]),
        row=np.arange(7),
    )


SCORE = np.array([0.9, 0.3, 0.8, 0.2, 0.1, 0.6, 0.6])


def test_recall_is_the_mean_over_scenarios(sample: Sample) -> None:
    assert figures.scenario_recall(sample, SCORE >= 0.5) == pytest.approx((0.5 + 1.0) / 2)


def test_a_budget_counts_long_captures_only_and_allows_whole_alerts(sample: Sample) -> None:
    within = figures.within_budget(sample, Result.of(SCORE, {}), 0.1)  # one false alert in ten host-days: the .8
    assert within.tolist() == [True, True, True, False, False, True, True]
    assert figures.within_budget(sample, Result.of(SCORE, {}), 0.09).tolist() == [True, *[False] * 6]


def test_what_never_alerts_costs_no_budget_and_finds_nothing(sample: Sample) -> None:
    silent = np.array([False, True, True, False, False, False, False])
    within = figures.within_budget(sample, Result(SCORE, {}, silent), 0.1)
    assert within.tolist() == [True, False, False, True, False, True, True]  # the .2 is the one that is allowed


def test_ties_rank_benign_pairs_first(sample: Sample) -> None:
    assert figures.ranks_of_c2(sample, SCORE) == {0: 1, 1: 2}


def test_values_by_hand(sample: Sample) -> None:
    result = Result.of(SCORE, {"own": SCORE >= 0.5})
    found = figures.values(sample, result)
    assert (found["scenarios with C2"], found["C2 pairs"], found["benign pairs"]) == (2, 3, 4)
    assert found["host-days"] == 10.0
    assert found["AUC"] == pytest.approx((4 + 2 + 2.5) / 12)
    assert found["false alerts per host-day, own"] == pytest.approx(0.1)  # the .6 lies in the short capture
    assert found["false alerts per 100 benign, own"] == 50.0
    assert (found["C2 first"], found["C2 in the top 3"]) == (1, 2)


def test_views_keep_what_they_say(sample: Sample) -> None:
    assert figures.view(sample, "all").sum() == 7
    assert figures.view(sample, "no infrastructure").tolist() == [True] * 4 + [False] + [True] * 2
    assert figures.view(sample, "10+ connections").tolist() == [True, False] + [True] * 5


def test_a_scenario_drawn_twice_is_two(sample: Sample) -> None:
    drawn, rows = sample.redrawn(np.array([1, 1]))
    assert drawn.scenario.tolist() == [0, 0, 1, 1]
    assert rows.tolist() == [5, 6, 5, 6]
    assert drawn.host_days.tolist() == [0.0, 0.0]
    found = figures.values(drawn, Result.of(SCORE[rows], {}))
    assert found["scenarios with C2"] == 2


def test_intervals_hold_the_value_and_repeat(sample: Sample, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "DRAWS", 50)
    result = Result.of(SCORE, {"own": SCORE >= 0.5})
    one, two = (figures.with_intervals(sample, result, seed=3) for _ in range(2))
    assert one == two
    recall = one["recall, own"]
    assert recall.low is not None
    assert recall.high is not None
    assert recall.value is not None
    assert recall.low <= recall.value <= recall.high


@pytest.mark.parametrize(
    ("given", "aside"),
    [
        ({"resp": "224.0.0.251"}, True),
        ({"resp": "255.255.255.255", "proto": "udp"}, True),
        ({"resp": "192.168.1.255", "proto": "udp", "resp_p": 137}, True),
        ({"resp": "fe80::1"}, True),
        ({"resp": "203.0.113.9", "proto": "icmp"}, True),
        ({"resp": "203.0.113.9", "proto": "udp", "resp_p": 123}, True),
        ({"resp": "203.0.113.9", "proto": "tcp", "resp_p": 53}, False),
        ({"resp": "203.0.113.9", "proto": "udp", "resp_p": 443}, False),
        ({"resp": "203.0.113.255", "proto": "tcp"}, False),
    ],
)
def test_infrastructure(pair: Maker, given: dict[str, Any], aside: bool) -> None:
    assert is_infrastructure(Pairs.build([pair(**given)])).tolist() == [aside]


def test_c2_is_never_set_aside_and_twins_count_once(pair: Maker) -> None:
    dns = pair(resp="203.0.113.9", proto="udp", resp_p=53)
    twin = pair(resp="198.51.100.7", server_name="a.example", named=100)
    by_name = twin | {"resp": "a.example", "addr": "198.51.100.7"}
    few = pair(n=3, resp="198.51.100.8")
    label, family = np.array(["c2", "benign", "benign", "benign"], dtype=object), np.full(4, "", dtype=object)
    capture = Capture("one", "one", Pairs.build([dns, twin, by_name, few]), label, family, 9999.0, 1)
    found = pooled([capture], Config())
    assert found.row.tolist() == [0, 2]
    assert found.infrastructure.tolist() == [False, False]


def test_methods_see_captures_whole_and_are_measured_on_the_sample() -> None:
    captures = [site("one"), site("two", hours=0.5)]
    found = pooled(captures, Config(min_connections=3))
    seen: list[int] = []

    def method(capture: Capture) -> Result:
        seen.append(len(capture.pairs))
        score = np.where(capture.label == "c2", np.nan, 1.0)
        return Result.of(score, {"own": score > 0})

    result = measure(found, captures, method)
    assert seen == [len(capture.pairs) for capture in captures]
    assert (result.score[found.beacon] < 0).all()  # what is not scored lies below everything
    assert found.host_days.tolist() == [2.0, 0.0]
