"""The site's own threshold: kept in the history, bounded, and never a reason to take an alert back or to raise it."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.live.history import site
from zeek_beacons.live.history.guard import HistoryGuard
from zeek_beacons.live.history.site import Key, SiteChanges
from zeek_beacons.live.history.store import Changes, History, Limits
from zeek_beacons.live.protocol.messages import Candidate, Verdict
from zeek_beacons.live.threshold import MOST_WATCHED, REFRESH, STEPS, SiteThreshold
from zeek_beacons.live.worker import Worker
from zeek_beacons.scoring import Scoring
from zeek_beacons.scoring.site import SiteBaseline

from .made import candidate

RULES = Scoring.rules_only()
MODEL, BUDGET = RULES.identity, 1.5
NOW = 2_000_000_000.0
HOUR, DAY = 3600.0, 86_400.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def history(path: Path) -> History:
    return History.open(path, Limits(days=30))


def key(number: int, host: int = 0) -> Key:
    return f"10.0.0.{host}", f"r{number}", 443, "tcp"


def pairs(scores: Sequence[float], hosts: int = 10, **more: Any) -> Changes:
    """Pairs that scored so, in turn of some hosts."""
    scored: list[tuple[Key, float, float | None]] = [
        (key(number, number % hosts), score, None) for number, score in enumerate(scores)
    ]
    return Changes(site=SiteChanges(MODEL, BUDGET, scored, **more))


def known(history: History, model: str = MODEL) -> tuple[list[float], int, float]:
    of = history.baseline(model, BUDGET)
    return sorted(of.scores.tolist()), of.hosts, of.seconds


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


def test_a_pair_counts_once_by_its_highest_score(history: History) -> None:
    for score in (0.5, 0.8, 0.6):
        changes = SiteChanges(MODEL, BUDGET, [(key(1), score, None), (key(2), 0.1, None), (key(3, 1), 0.2, None)])
        history.store(Changes(site=changes), NOW)
    assert known(history) == ([0.1, 0.2, 0.8], 2, 0.0)


def test_a_pair_that_may_not_alert_any_more_does_not_count(history: History) -> None:
    history.store(pairs([0.7, 0.6]), NOW)
    history.store(Changes(site=SiteChanges(MODEL, BUDGET, quiet=[key(0), key(9)])), NOW)
    assert known(history)[0] == [0.0, 0.6]


def test_time_watched_adds_up_over_hours_and_restarts(history: History, path: Path) -> None:
    for hour in (0, 0, 1, 7):
        history.store(pairs([], seconds=60.0), NOW + hour * HOUR)
    history.close()
    assert known(History.open(path, Limits()))[2] == 240.0


def test_another_model_starts_anew(history: History) -> None:
    history.store(pairs([0.7, 0.6], seconds=60.0), NOW)
    assert known(history, "other") == ([], 0, 0.0)
    history.store(Changes(site=SiteChanges("other", BUDGET, [(key(0), 0.3, None)])), NOW)
    assert known(history, "other")[0] == [0.3]
    assert known(history)[0] == [0.6]


def test_the_threshold_of_an_alert_stays_under_the_same_model_and_budget(history: History) -> None:
    for threshold in (0.6, 0.7, None):
        history.store(Changes(site=SiteChanges(MODEL, 1.0, [(key(1), 0.9, threshold)])), NOW)
    assert history.thresholds([key(1), key(2)], MODEL, 1.0) == {key(1): 0.6}
    assert history.thresholds([key(1)], MODEL, 2.0) == {}
    assert history.thresholds([key(1)], "other", 1.0) == {}
    history.store(Changes(site=SiteChanges(MODEL, 2.0, [(key(1), 0.9, 0.8)])), NOW)
    assert history.thresholds([key(1)], MODEL, 2.0) == {key(1): 0.8}


def test_what_is_too_much_is_forgotten_with_the_time_before_it(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "MOST_PAIRS", 10)
    for hour in range(8):
        changes = SiteChanges(MODEL, BUDGET, [(key(hour * 5 + step), hour / 10, None) for step in range(5)], [], 60.0)
        history.store(Changes(site=changes), NOW // HOUR * HOUR + hour * HOUR)
    while history.prune(NOW + 8 * HOUR):
        pass
    scores, _, seconds = known(history)
    assert scores == [0.6] * 5 + [0.7] * 5
    assert seconds == 60.0 * 3  # the hour in which the last one was forgotten counts


def test_much_is_forgotten_piece_by_piece(history: History, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "MOST_PAIRS", 10)
    monkeypatch.setattr(site, "MOST_AT_ONCE", 7)
    for number in range(30):
        history.store(Changes(site=SiteChanges(MODEL, BUDGET, [(key(number), 0.1, None)])), NOW + number)
    assert [history.prune(NOW + 30) for _ in range(4)] == [7, 7, 6, 0]
    assert len(known(history)[0]) == 10


def test_what_is_old_is_forgotten(history: History) -> None:
    history.store(pairs([0.7] * 3, seconds=60.0), NOW)
    history.store(Changes(site=SiteChanges(MODEL, BUDGET, [(key(7), 0.2, None)], [], 60.0)), NOW + 20 * DAY)
    history.prune(NOW + 40 * DAY)
    assert known(history) == ([0.2], 1, 60.0)


def test_a_history_from_before_opens(path: Path) -> None:
    History.open(path, Limits()).close()
    with sqlite3.connect(path) as db:
        db.executescript("DROP TABLE site; DROP TABLE watched")
    db.close()
    history = History.open(path, Limits())
    history.store(pairs([0.5]), NOW)
    assert known(history)[0] == [0.5]


def test_a_batch_that_fails_leaves_nothing_of_the_site(history: History) -> None:
    bad = (None, "", "", 1, 1, 0.0, None, None, b"")
    with pytest.raises(sqlite3.IntegrityError):
        history.store(Changes({key(1): bad}, site=SiteChanges(MODEL, BUDGET, [(key(1), 0.5, None)], [], 60.0)), NOW)
    wrong: Any = "no number"
    with pytest.raises(sqlite3.Error):
        history.store(Changes(site=SiteChanges(MODEL, BUDGET, [(key(1), 0.5, None), (key(2), None, wrong)])), NOW)  # type: ignore[list-item]
    assert known(history) == ([], 0, 0.0)


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
    learn(by, clock, pairs([0.7] * 100))
    assert 0.7 < by.in_force.threshold <= 0.76
    assert judge(by, weak(2, 2))[0].label == "benign"


def test_a_threshold_that_rises_takes_no_alert_back(path: Path) -> None:
    clock = Clock()
    by = worker(path, clock)
    (before,) = judge(by, weak(1, 1))
    learn(by, clock, pairs([0.7] * 100))
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
    learn(by, clock, pairs([0.0] * 100, hosts=100, seconds=30 * DAY))
    assert by.in_force.threshold == 0.45 < before
    same, other = judge(by, weak(2, 1), weak(3, 2))
    assert (same.level, other.level) == (1, 2)


def test_verdicts_keep_the_order_of_their_candidates(path: Path) -> None:
    clock = Clock()
    by = worker(path, clock)
    judge(by, *(weak(seq, seq) for seq in range(1, 9, 2)))
    learn(by, clock, pairs([0.7] * 100))
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
    assert sorted(found.scores.tolist()) == [0.0, 0.6146, 0.6146]


def test_a_history_that_fails_leaves_the_threshold_where_it_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    by = worker(path, clock)
    learn(by, clock, pairs([0.7] * 100))
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
