"""The site's baseline in the history: bounded, by model, and part of one file."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.beacons.live.histories import BUDGET, MODEL, NOW, site_key, site_pairs, stored
from zeek_beacons.live.history import site
from zeek_beacons.live.history.site import SiteChanges
from zeek_beacons.live.history.store import Changes, History, Limits

HOUR, DAY = 3600.0, 86_400.0


@pytest.fixture
def history(path: Path) -> History:
    return History.open(path, Limits(days=30))


def known(history: History, model: str = MODEL) -> tuple[list[float], int, float]:
    of = history.baseline(model, BUDGET)
    return sorted(of.scores.tolist()), of.hosts, of.seconds


def test_a_pair_counts_once_by_its_highest_score(history: History) -> None:
    for score in (0.5, 0.8, 0.6):
        changes = SiteChanges(
            MODEL, BUDGET, [(site_key(1), score, None), (site_key(2), 0.1, None), (site_key(3, 1), 0.2, None)]
        )
        history.store(Changes(site=changes), NOW)
    assert known(history) == ([0.1, 0.2, 0.8], 2, 0.0)


def test_a_pair_that_may_not_alert_any_more_does_not_count(history: History) -> None:
    history.store(site_pairs([0.7, 0.6]), NOW)
    history.store(Changes(site=SiteChanges(MODEL, BUDGET, quiet=[site_key(0), site_key(9)])), NOW)
    assert known(history)[0] == [0.0, 0.6]


def test_time_watched_adds_up_over_hours_and_restarts(history: History, path: Path) -> None:
    for hour in (0, 0, 1, 7):
        history.store(site_pairs([], seconds=60.0), NOW + hour * HOUR)
    history.close()
    assert known(History.open(path, Limits()))[2] == 240.0


def test_another_model_starts_anew(history: History) -> None:
    history.store(site_pairs([0.7, 0.6], seconds=60.0), NOW)
    assert known(history, "other") == ([], 0, 0.0)
    history.store(Changes(site=SiteChanges("other", BUDGET, [(site_key(0), 0.3, None)])), NOW)
    assert known(history, "other")[0] == [0.3]
    assert known(history)[0] == [0.6]


def test_the_threshold_of_an_alert_stays_under_the_same_model_and_budget(history: History) -> None:
    for threshold in (0.6, 0.7, None):
        history.store(Changes(site=SiteChanges(MODEL, 1.0, [(site_key(1), 0.9, threshold)])), NOW)
    assert history.thresholds([site_key(1), site_key(2)], MODEL, 1.0) == {site_key(1): 0.6}
    assert history.thresholds([site_key(1)], MODEL, 2.0) == {}
    assert history.thresholds([site_key(1)], "other", 1.0) == {}
    history.store(Changes(site=SiteChanges(MODEL, 2.0, [(site_key(1), 0.9, 0.8)])), NOW)
    assert history.thresholds([site_key(1)], MODEL, 2.0) == {site_key(1): 0.8}


def test_what_is_too_much_is_forgotten_with_the_time_before_it(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "MOST_PAIRS", 10)
    for hour in range(8):
        changes = SiteChanges(
            MODEL, BUDGET, [(site_key(hour * 5 + step), hour / 10, None) for step in range(5)], [], 60.0
        )
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
        history.store(Changes(site=SiteChanges(MODEL, BUDGET, [(site_key(number), 0.1, None)])), NOW + number)
    assert [history.prune(NOW + 30) for _ in range(4)] == [7, 7, 6, 0]
    assert len(known(history)[0]) == 10


def test_what_is_old_is_forgotten(history: History) -> None:
    history.store(site_pairs([0.7] * 3, seconds=60.0), NOW)
    history.store(Changes(site=SiteChanges(MODEL, BUDGET, [(site_key(7), 0.2, None)], [], 60.0)), NOW + 20 * DAY)
    history.prune(NOW + 40 * DAY)
    assert known(history) == ([0.2], 1, 60.0)


def test_a_batch_that_fails_leaves_nothing_of_the_site(history: History) -> None:
    bad = stored(addr=None)
    with pytest.raises(sqlite3.IntegrityError):
        history.store(
            Changes({site_key(1): bad}, site=SiteChanges(MODEL, BUDGET, [(site_key(1), 0.5, None)], [], 60.0)), NOW
        )
    wrong: Any = [(site_key(1), 0.5, None), (site_key(2), None, "no number")]
    with pytest.raises(sqlite3.Error):
        history.store(Changes(site=SiteChanges(MODEL, BUDGET, wrong)), NOW)
    assert known(history) == ([], 0, 0.0)
