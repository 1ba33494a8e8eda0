"""The site's own threshold: never a reason to take an alert back or to raise it."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.beacons.live.histories import BUDGET, MODEL, NOW, RULES, Clock, site_pairs
from tests.beacons.live.made import candidate
from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.live.history.guard import HistoryGuard
from zeek_beacons.live.history.store import Changes, History, Limits
from zeek_beacons.live.protocol.messages import Candidate, Verdict
from zeek_beacons.live.threshold import MOST_WATCHED, REFRESH, STEPS, SiteThreshold
from zeek_beacons.live.worker import Worker
from zeek_beacons.scoring.site import SiteBaseline

HOUR, DAY = 3600.0, 86_400.0


def worker(path: Path, clock: Clock, budget: float = BUDGET) -> Worker:
    guard = HistoryGuard(path, Limits(), clock=clock, wall=lambda: NOW)
    guard.start()
    return Worker("me", RULES, Config(), guard, SiteThreshold(RULES, Config(), budget, clock))


def judge(by: Worker, *candidates: Candidate, **more: Any) -> list[Verdict]:
    return by.work(candidates, AllowList(), **more)


def weak(seq: int, host: int = 5) -> Candidate:
    """A pair that the rules score .61, between `sensitive` (.45) and `conservative` (.75)."""
    return replace(candidate(1, orig_h=f"10.0.0.{host}", jitter=0.5), seq=seq)


def learn(by: Worker, clock: Clock, changes: Changes) -> None:
    """The site shows itself to be so, and its threshold follows."""
    assert by.history is not None
    assert by.history.store(changes)
    clock.now += REFRESH
    judge(by)


def test_a_new_site_has_the_threshold_of_the_captures(path: Path) -> None:
    by = worker(path, Clock())
    exact = RULES.threshold("balanced", SiteBaseline(BUDGET))
    assert exact <= by.in_force.threshold < exact + 1 / STEPS
    assert (by.in_force.pairs, by.in_force.host_days) == (0, 0.0)


def test_scored_pairs_reach_the_baseline_and_outlive_the_worker(path: Path) -> None:
    clock = Clock()
    by = worker(path, clock)
    judge(by, *(weak(seq, host) for seq, host in enumerate((1, 2, 3), 1)))
    clock.now += REFRESH
    judge(by, weak(4, 1))  # a minute later: the time in between was watched
    clock.now += REFRESH
    judge(by)
    again = worker(path, clock)
    judge(again)
    assert (again.in_force.pairs, again.in_force.hosts) == (3, 3)
    assert again.in_force.host_days == by.in_force.host_days == round(3 * 2 * REFRESH / DAY, 2)
    assert again.in_force == by.in_force


def test_only_time_with_a_zeek_is_watched() -> None:
    clock = Clock()
    threshold = SiteThreshold(RULES, Config(), BUDGET, clock)
    for serving, later in ((True, 5), (True, 5), (False, 100), (False, 100), (True, 5), (True, 1000), (True, 0)):
        threshold.watch(serving)
        clock.now += later
    assert threshold.take_changes().seconds == 5 + 5 + MOST_WATCHED
    assert threshold.take_changes().seconds == 0.0


def test_time_without_candidates_is_kept_too(path: Path) -> None:
    clock = Clock()
    by = worker(path, clock)
    for _ in range(2 * int(REFRESH // 5) + 1):
        judge(by)
        clock.now += 5.0
    assert by.history is not None
    found = by.history.baseline(MODEL, BUDGET)
    assert found is not None
    assert found.seconds == 2 * REFRESH


def test_a_noisy_site_alerts_later(path: Path) -> None:
    clock = Clock()
    by = worker(path, clock)
    assert judge(by, weak(1, 1))[0].level == 1
    learn(by, clock, site_pairs([0.7] * 100))
    assert 0.7 < by.in_force.threshold <= 0.76
    assert judge(by, weak(2, 2))[0].label == "benign"


def test_a_threshold_that_rises_takes_no_alert_back(path: Path) -> None:
    clock = Clock()
    by = worker(path, clock)
    (before,) = judge(by, weak(1, 1))
    learn(by, clock, site_pairs([0.7] * 100))
    after, other = judge(by, weak(2, 1), weak(3, 2))
    assert (after.label, after.level) == (before.label, before.level) == ("beacon", 1)
    assert other.level == 0
    (restarted,) = judge(worker(path, clock), weak(4, 1))
    assert restarted.level == 1


def test_a_threshold_that_falls_raises_no_level(path: Path) -> None:
    clock = Clock()
    by = worker(path, clock)
    before = by.in_force.threshold
    assert judge(by, weak(1, 1))[0].level == 1
    learn(by, clock, site_pairs([0.0] * 100, hosts=100, seconds=30 * DAY))
    assert by.in_force.threshold == 0.45 < before
    same, other = judge(by, weak(2, 1), weak(3, 2))
    assert (same.level, other.level) == (1, 1), "a level is no matter of the threshold"


def test_verdicts_keep_the_order_of_their_candidates(path: Path) -> None:
    clock = Clock()
    by = worker(path, clock)
    judge(by, *(weak(seq, seq) for seq in range(1, 9, 2)))
    learn(by, clock, site_pairs([0.7] * 100))
    verdicts = judge(by, *(weak(seq, seq) for seq in range(1, 9)))
    assert [(verdict.seq, verdict.level) for verdict in verdicts] == [(seq, seq % 2) for seq in range(1, 9)]


def test_an_allow_listed_pair_does_not_count(path: Path, tmp_path: Path) -> None:
    by = worker(path, Clock())
    judge(by, weak(1, 1), weak(2, 2))
    (tmp_path / "allow").write_text("subnet 10.0.0.1/32\n")
    by.work([weak(3, 1), weak(4, 3)], AllowList.load(tmp_path / "allow"))
    assert by.history is not None
    found = by.history.baseline(MODEL, BUDGET)
    assert found is not None
    assert sorted(found.scores.tolist()) == [0.0, 0.6663, 0.6663]


def test_a_history_that_fails_leaves_the_threshold_where_it_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    by = worker(path, clock)
    learn(by, clock, site_pairs([0.7] * 100))
    before = by.in_force

    def broken(*_: Any) -> Any:
        raise sqlite3.OperationalError("disk I/O error")

    for name in ("load", "store", "baseline", "thresholds"):
        monkeypatch.setattr(History, name, broken)
    for step in range(3):
        clock.now += REFRESH
        assert judge(by, weak(step, step))[0].level == 0
    assert by.in_force == before
    assert by.faults == 0


def test_without_a_budget_nothing_is_kept(path: Path) -> None:
    guard = HistoryGuard(path, Limits())
    guard.start()
    by = Worker("me", RULES, Config(), guard)
    assert judge(by, weak(1))[0].level == 1
    assert (by.in_force.threshold, by.in_force.alerts_per_host_day) == (0.6, None)
    found = guard.baseline(MODEL, BUDGET)
    assert found is not None
    assert len(found.scores) == 0
