"""Verdicts over time: what is worth a row, what is known of a pair whatever comes later, and what is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.beacons.readmodel.made import NOW, row
from zeek_beacons.live.history.store import HOUR, Changes, History, Limits
from zeek_beacons.live.incidents import IncidentChanges
from zeek_beacons.readmodel import ReadModel
from zeek_beacons.readmodel.detail import Beacon
from zeek_beacons.store import judged
from zeek_beacons.store.judged import MOST_CHANGES, Conclusion
from zeek_beacons.store.keys import id_of

ID = id_of(row(1).id)


@pytest.fixture
def history(path: Path) -> Iterator[History]:
    opened = History.open(path, Limits(hourly_days=2.0))
    yield opened
    opened.close()


def say(history: History, moment: float, seen: bool = True, **given: Any) -> None:
    """Has the history keep what was concluded of one pair at some second."""
    history.store(Changes(concluded=[Conclusion(row(1, **given))], seen=seen), NOW + moment)


def told(path: Path) -> Beacon:
    found = ReadModel.open(path).beacon(ID)
    assert found is not None
    return found


def test_a_change_is_noted_where_something_changed(path: Path, history: History) -> None:
    say(history, 0, score=0.30)
    say(history, 1, score=0.33)  # less than is worth a row
    say(history, 2, score=0.351)
    say(history, 3, level=1, score=0.8, incident="a")
    say(history, 4, level=1, score=0.8, incident="a")
    say(history, 5, level=3, score=0.81, incident="a")
    say(history, 6, level=3, score=0.81, incident="b")
    say(history, 7, level=3, score=0.81, incident="b", model="n")
    say(history, 8, score=0.2)
    say(history, 9, score=None, label="insufficient_evidence")
    found = [(one.time - NOW, one.label, one.level, one.score, one.incident, one.model) for one in told(path).changes]
    assert found == [
        (0, "benign", 0, 0.30, "", "m"),
        (2, "benign", 0, 0.351, "", "m"),
        (3, "beacon", 1, 0.8, "a", "m"),
        (5, "beacon", 3, 0.81, "a", "m"),
        (6, "beacon", 3, 0.81, "b", "m"),
        (7, "beacon", 3, 0.81, "b", "n"),
        (8, "benign", 0, 0.2, "b", "m"),
        (9, "insufficient_evidence", 0, None, "b", "m"),
    ]


def test_a_slow_drift_is_noted_in_the_end(path: Path, history: History) -> None:
    for step in range(10):
        say(history, step, score=0.30 + 0.02 * step)
    assert [round(one.score or 0.0, 2) for one in told(path).changes] == [0.30, 0.36, 0.42, 0.48]


def test_of_a_pair_that_stays_as_it_is_there_is_one_verdict_and_no_row(path: Path, history: History) -> None:
    for moment in range(3):
        say(history, moment)
    assert [one.time for one in told(path).changes] == [NOW]
    assert history._db.execute("SELECT count(*) FROM verdict_changes").fetchone() == (0,)


def test_an_alert_is_one_where_a_level_is_reached_that_was_not_reached_for_a_day(path: Path, history: History) -> None:
    for moment, level in enumerate((1, 1, 2, 1, 2, 0, 2, 1, 3)):
        say(history, moment, level=level)
    say(history, 86_401, level=0)
    say(history, 86_403, level=2)  # a day after it was left
    alerts = ReadModel.open(path).alerts().rows
    found = [(one.time - NOW, one.level) for one in reversed(alerts)]
    assert found == [(0, 1), (2, 2), (8, 3)]
    say(history, 86_404, level=0)
    say(history, 86_409, level=3)
    assert ReadModel.open(path).alerts().rows[0].time == NOW + 86_409


def test_a_pair_keeps_since_when_it_alerts_its_incident_and_its_newest_uids(path: Path, history: History) -> None:
    say(history, 0, uids="C1")
    say(history, 5, level=2, incident="a", uids="C2 C1")
    say(history, 9, uids="C4 C3")
    found = told(path)
    assert (found.row.since, found.row.incident, found.row.level) == (NOW + 5, "a", 0)
    assert found.uids == ("C4", "C3", "C2")


def test_incidents_that_turn_out_to_be_one_are_one_here_too(path: Path, history: History) -> None:
    say(history, 0, level=2, incident="younger")
    history.store(
        Changes(incidents=IncidentChanges(renamed=[("younger", "older")], incidents={"older": (NOW, ("younger",))})),
        NOW,
    )
    found = ReadModel.open(path).incident("younger")
    assert found is not None
    assert (found.incident.id, found.incident.joined, found.members[0].id) == ("older", ("younger",), ID)


def test_changes_of_a_pair_are_bounded(path: Path, history: History) -> None:
    for moment in range(MOST_CHANGES + 30):
        say(history, moment, level=1 + moment % 2)
    changes = told(path).changes
    assert len(changes) == MOST_CHANGES
    assert changes[-1].time == NOW + MOST_CHANGES + 29


def test_two_verdicts_of_a_pair_in_one_batch_are_both_told(path: Path, history: History) -> None:
    both = [Conclusion(row(1, level=1)), Conclusion(row(1, level=3))]
    history.store(Changes(concluded=both), NOW)
    assert [one.level for one in told(path).changes] == [1, 3]


def test_what_is_only_judged_again_was_not_seen(path: Path, history: History) -> None:
    say(history, 0)
    say(history, 40 * 86_400, seen=False, model="n")
    assert told(path).row.model == "n"
    assert history.prune(NOW + 40 * 86_400)
    assert ReadModel.open(path).beacon(ID) is None


def test_a_pair_is_forgotten_with_all_that_was_told_of_it(path: Path, history: History) -> None:
    history.store(Changes(concluded=[Conclusion(row(1, level=2), "{}", np.array([3600.0]))]), NOW)
    history.store(Changes(concluded=[Conclusion(row(2, level=2), "{}")]), NOW + 31 * 86_400)
    while history.prune(NOW + 31 * 86_400):
        pass
    left = [history._db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in TABLES]
    assert left == [1, 1, 1, 0]


TABLES = ("verdicts", "verdict_changes", "details", "hourly")


def test_connections_are_counted_by_hour_once_each(path: Path, history: History) -> None:
    begin = (NOW // HOUR) * HOUR
    start = begin + np.arange(0, 6 * HOUR, 600.0)
    for newest in (12, 20, 34, 34, 36):  # candidates of which the later ones hold some of the same, or all new ones
        held = start[max(0, newest - 14) : newest]
        one = Conclusion(row(1, level=2, last_ts=float(held[-1])), None, held)
        history.store(Changes(concluded=[one]), NOW)
    found = told(path).hours
    assert dict(zip(found.hours, found.counts, strict=True)) == {int(begin // HOUR) + hour: 6 for hour in range(6)}


def test_hours_are_kept_for_as_long_as_is_set(path: Path, history: History) -> None:
    for day in range(5):
        one = Conclusion(row(1, level=2), None, np.array([NOW + day * 86_400]))
        history.store(Changes(concluded=[one]), NOW)
    assert len(told(path).hours.hours) == 2


def test_too_many_pairs_counted_by_hour_are_forgotten(
    path: Path, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judged, "MOST_HOURLY", 2)
    for number in range(5):
        one = Conclusion(row(number, level=2), None, np.array([NOW + number * HOUR]))
        history.store(Changes(concluded=[one]), NOW)
    history.prune(NOW)
    kept = {number for (number,) in history._db.execute("SELECT id FROM hourly")}
    assert kept == {row(3).id, row(4).id}
