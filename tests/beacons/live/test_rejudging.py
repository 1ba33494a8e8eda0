"""A new model judges what is held again: the sinks hear of what rises, of each once, over restarts and failures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.beacons.live.histories import RULES, guarded, judge
from zeek_beacons.alerts.alert import Alert
from zeek_beacons.alerts.channels import Channels
from zeek_beacons.alerts.settings import AlertConfig
from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.live import rejudging as module
from zeek_beacons.live.alerting import LiveAlerts
from zeek_beacons.live.start import rejudging
from zeek_beacons.live.worker import Worker
from zeek_beacons.pairs import Pairs
from zeek_beacons.readmodel import ReadModel
from zeek_beacons.scoring import Scoring

from .made import candidate
from .test_neighbours import walk

DEAF = Config(threshold=1.0)  # with this nothing alerts, as with a model that knows less
KEEN = Config(threshold=0.05)
MODEL = Scoring.load(threads=1)


class Ear:
    """A sink that keeps what it hears."""

    def __init__(self) -> None:
        self.name = "ear"
        self.heard: list[Alert] = []

    def deliver(self, alert: Alert) -> bool:
        self.heard.append(alert)
        return True


class Site:
    """A history and a queue in a folder, and workers that come and go."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.ear = folder, Ear()
        self.channels: Channels | None = None

    def worker(self, scoring: Scoring, config: Config) -> Worker:
        self.close()
        self.channels = Channels([self.ear], self.folder / "alerts.db")
        self.channels.start()
        alerts, history = LiveAlerts(self.channels, AlertConfig()), guarded(self.folder / "history.db")
        worker = Worker("me", scoring, config, history, None, alerts)
        worker.rejudging = rejudging(worker, history, alerts)
        return worker

    def close(self) -> None:
        if self.channels is not None:
            assert self.channels.flush(30.0) == {}
            self.channels.close(30.0)
            self.channels = None

    @property
    def heard(self) -> list[tuple[str, int]]:
        assert self.channels is not None
        assert self.channels.flush(30.0) == {}
        return sorted((one.orig_h, one.level) for one in self.ear.heard)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.close()


def pairs(number: int, **given: Any) -> list[Any]:
    return [candidate(seq, orig_h=f"10.0.0.{seq}", resp=f"203.0.113.{seq}", **given) for seq in range(1, number + 1)]


def through(worker: Worker) -> int:
    """Idles until all is judged again. Returns how many times."""
    for turn in range(1000):
        if worker.rejudging is None:
            return turn
        judge(worker, [])
    raise AssertionError("without end")


def test_what_the_new_model_rates_higher_is_told_and_only_that(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 3)
    old = site.worker(RULES, DEAF)
    assert old.rejudging is None  # the first that is noted has judged what there was
    assert not any(verdict.level for verdict in judge(old, pairs(7)))
    new = site.worker(MODEL, KEEN)
    assert through(new) == 3
    told = site.heard
    assert [host for host, _ in told] == [f"10.0.0.{number}" for number in range(1, 8)]
    assert all(alert.model == MODEL.identity for alert in site.ear.heard)
    assert all(verdict.level for verdict in judge(new, pairs(7)))  # Zeek hears of it with the next candidate
    assert site.heard == told
    assert site.worker(MODEL, KEEN).rejudging is None


def test_the_history_shows_what_the_new_model_says(site: Site) -> None:
    judge(site.worker(RULES, DEAF), pairs(3))
    before = ReadModel.open(site.folder).pairs().rows
    assert {(one.model, one.level) for one in before} == {(RULES.identity, 0)}
    through(site.worker(MODEL, KEEN))
    model = ReadModel.open(site.folder)
    after = model.beacons().rows
    assert {one.id for one in after} == {one.id for one in before}
    assert {(one.model, one.sensor) for one in after} == {(MODEL.identity, "lab")}
    assert all(one.incident and one.since for one in after)
    first = model.beacon(after[0].id)
    assert first is not None
    assert [change.model for change in first.changes] == [RULES.identity, MODEL.identity]
    assert model.incidents().total == 3


def test_what_was_sent_to_zeek_already_is_no_news(site: Site) -> None:
    old = site.worker(RULES, KEEN)
    (told,) = judge(old, pairs(1))
    old.alerts = None
    assert [verdict.level for verdict in judge(old, pairs(3))] == [4, 4, 4]  # two more, of which no sink was told
    through(site.worker(MODEL, KEEN))
    assert site.heard == [("10.0.0.1", told.level)]


def test_it_goes_on_where_the_history_failed_and_begins_anew_after_a_restart(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PAGE", 2)
    judge(site.worker(RULES, DEAF), pairs(5))
    new = site.worker(MODEL, KEEN)
    assert new.history is not None
    with monkeypatch.context() as broken:
        broken.setattr(new.history, "page", lambda *_: None)
        judge(new, [])
    judge(new, [])
    assert len(site.heard) == 2
    again = site.worker(MODEL, KEEN)
    through(again)
    assert [host for host, _ in site.heard] == [f"10.0.0.{number}" for number in range(1, 6)]


def test_an_empty_history_is_soon_judged(site: Site) -> None:
    site.worker(RULES, DEAF)
    assert through(site.worker(MODEL, KEEN)) == 1


def test_one_that_cannot_be_scored_takes_no_other_along(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    judge(site.worker(RULES, DEAF), pairs(3))
    new, build = site.worker(MODEL, KEEN), Pairs.build

    def broken(rows: Any) -> Pairs:
        if any(row["orig_h"] == "10.0.0.2" for row in rows):
            raise ArithmeticError("a fault of ours")
        return build(rows)

    monkeypatch.setattr(Pairs, "build", broken)
    through(new)
    assert [host for host, _ in site.heard] == ["10.0.0.1", "10.0.0.3"]
    assert new.faults == 1


def test_what_is_allowed_stays_quiet(site: Site, tmp_path: Path) -> None:
    (tmp_path / "allow").write_text("subnet 203.0.113.0/24\n")
    judge(site.worker(RULES, DEAF), pairs(2))
    new = site.worker(MODEL, KEEN)
    while new.rejudging is not None:
        new.work([], AllowList.load(tmp_path / "allow"))
    assert site.heard == []


@pytest.mark.parametrize("page", [2, 50])
def test_servers_in_turn_are_judged_as_one_over_pages(site: Site, monkeypatch: pytest.MonkeyPatch, page: int) -> None:
    monkeypatch.setattr(module, "PAGE", page)
    judge(site.worker(RULES, DEAF), walk())
    new = site.worker(MODEL, Config())
    through(new)
    assert site.heard
    assert all("servers in turn" in alert.summary for alert in site.ear.heard)
    assert {round(alert.sleep or 0) for alert in site.ear.heard} == {60}


def test_a_neighbour_that_cannot_be_scored_takes_no_other_along(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE", 4)
    judge(site.worker(RULES, DEAF), [*pairs(1), *walk()])
    new, build = site.worker(MODEL, KEEN), Pairs.build

    def broken(rows: Any) -> Pairs:
        if any(row["resp"] == "45.10.3.4" for row in rows):
            raise ArithmeticError("a fault of ours")
        return build(rows)

    monkeypatch.setattr(Pairs, "build", broken)
    through(new)
    assert site.heard[0][0] == "10.0.0.1"
    assert new.faults == 1
