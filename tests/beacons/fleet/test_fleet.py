"""Many sensors as one: what lists tell, and what becomes of sensors that are dead, slow, broken or hostile."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from zeek_beacons.errors import ConfigError, InputError
from zeek_beacons.fleet.fleet import Fleet
from zeek_beacons.fleet.remote import Bounds
from zeek_beacons.readmodel import Filter, Page, ReadModel

from .made import NOW, alerting, answering, at_most, file_sensor, fleet_of, history_with, remote_sensor, row


@pytest.fixture
def pair_of(tmp_path: Path) -> Fleet:
    """Two sensors: an incident that both see, one that each sees alone, and pairs that do not alert."""
    north = history_with(
        tmp_path / "north", [alerting(1, "shared"), alerting(2, "a2", score=0.99), *(row(n) for n in range(10, 15))]
    )
    south = history_with(
        tmp_path / "south", [alerting(1, "other", score=0.95), alerting(3, "a3"), *(row(n) for n in range(20, 23))]
    )
    return fleet_of(file_sensor("north", north), file_sensor("south", south))


def test_pairs_are_told_by_each_sensor_that_sees_them(pair_of: Fleet) -> None:
    found = pair_of.beacons()
    assert found.total == 4
    assert [(one.sensor, one.resp, one.score) for one in found.rows] == [
        ("north", "203.0.113.2", 0.99),
        ("south", "203.0.113.1", 0.95),
        ("north", "203.0.113.1", 0.9),
        ("south", "203.0.113.3", 0.9),
    ]
    assert all(one.id.startswith(f"{one.sensor}~") for one in found.rows)
    only = pair_of.beacons(Filter(sensor="south"))
    assert {one.sensor for one in only.rows} == {"south"}
    assert only.total == 2
    assert pair_of.pairs().total == 12


def test_pages_hold_every_pair_once(pair_of: Fleet) -> None:
    for sort in ("", "resp", "orig_h", "last_seen"):
        rows = [pair_of.pairs(page=Page(offset, 5, sort)).rows for offset in (0, 5, 10)]
        assert list(map(len, rows)) == [5, 5, 2]
        assert len({one.id for part in rows for one in part}) == 12


def test_an_incident_that_two_see_is_told_once(pair_of: Fleet) -> None:
    found = pair_of.incidents()
    assert found.total == 3 == pair_of.about().incidents
    told = {one.sensors: one for one in found.rows}
    assert set(told) == {("north", "south"), ("north",), ("south",)}
    both = told["north", "south"]
    assert (both.members, both.hosts, both.score) == (1, 1, 0.95)
    for name in (both.id, "shared", "other"):
        detail = pair_of.incident(name)
        assert detail is not None
        assert detail.incident.id == both.id
        assert [one.sensor for one in detail.members] == ["south", "north"]
    souths = pair_of.incidents(Filter(sensor="south"))
    assert {one.id: one for one in souths.rows} == {both.id: both, "a3": told["south",]}
    assert souths.total == 2
    assert pair_of.incidents(Filter(min_score=0.95)).rows[1] == both  # though the part that north sees does not fit
    assert pair_of.incidents(page=Page(1, 1)).rows == (both,)
    assert pair_of.incident("none") is None


def test_a_pair_is_found_by_its_sensor_or_without(pair_of: Fleet) -> None:
    plain = pair_of.beacons().rows[1].id.partition("~")[2]
    for name, sensor in ((f"north~{plain}", "north"), (f"south~{plain}", "south"), (plain, "south")):
        found, full = pair_of.pair(name), pair_of.beacon(name)
        assert found is not None
        assert full is not None
        assert (found.sensor, full.row.sensor, full.row.id) == (sensor, sensor, f"{sensor}~{plain}")
        assert full.incident is not None
        assert full.incident.sensors == ("north", "south")
    assert pair_of.pair(f"north~{'0' * 16}") is None
    with pytest.raises(ConfigError, match="sensor is 'west', expected one of north, south"):
        pair_of.pair(f"west~{plain}")


def test_hosts_and_alerts_say_who_sees_them(pair_of: Fleet) -> None:
    assert {(one.host, one.sensor, one.strongest.sensor) for one in pair_of.hosts().rows} == {
        ("10.0.0.1", "north", "north"),
        ("10.0.0.1", "south", "south"),
    }
    alerts = pair_of.alerts()
    assert alerts.total == 4
    assert {one.sensor for one in alerts.rows} == {"north", "south"}
    with pytest.raises(ConfigError, match="after counts by sensor"):
        pair_of.alerts(after=1)
    assert len(pair_of.alerts(1, Filter(sensor="north")).rows) == 1


def test_no_deeper_than_is_taken_of_a_sensor(pair_of: Fleet) -> None:
    with pytest.raises(ConfigError, match="first 1000 rows"):
        pair_of.pairs(page=Page(offset=1000))


@pytest.mark.parametrize(
    "alone", [lambda fleet: fleet.beacons(), lambda fleet: fleet.pairs(), lambda fleet: fleet.below_gate()]
)
def test_one_sensor_alone_says_the_same_as_its_file(tmp_path: Path, alone: Callable[[Fleet], object]) -> None:
    file = history_with(tmp_path, [alerting(1), *(row(n, score=None, conns=n) for n in range(2, 5))])
    fleet, model = fleet_of(file_sensor("one", file)), ReadModel.open(file)
    assert fleet.beacons().total == model.beacons().total
    assert [one.id for one in fleet.pairs().rows] == [f"one~{one.id}" for one in model.pairs().rows]
    assert fleet.below_gate().by_connections == model.below_gate().by_connections
    assert alone(fleet)


def test_lag_and_drift_are_told(tmp_path: Path) -> None:
    abouts: tuple[dict[str, object], ...] = ({}, {}, {"version": "0.9", "threshold": 0.5}, {"model": "other"})
    files = [history_with(tmp_path / str(n), [alerting(1)], **about) for n, about in enumerate(abouts)]
    fleet = fleet_of(*(file_sensor(f"s{n}", file) for n, file in enumerate(files)))
    rows = fleet.rows(NOW + 540)
    assert [one.drift for one in rows] == [(), (), ("version", "threshold"), ("model",)]
    assert {one.lag for one in rows} == {600.0}
    assert {one.config for one in rows} == {"c"}
    assert [(one.pairs, one.alerting, one.compared) for one in rows] == [(1, 1, 1)] * 4


def test_a_dead_sensor_is_shown_and_the_others_go_on(tmp_path: Path) -> None:
    file = history_with(tmp_path / "a", [alerting(1)])
    gone = tmp_path / "b" / "history.db"
    fleet = fleet_of(file_sensor("north", file), file_sensor("gone", gone))
    assert fleet.beacons().total == 1
    (unread,) = fleet.unread()
    assert (unread.name, unread.read) == ("gone", None)
    assert "cannot be read" in unread.problem
    with pytest.raises(InputError, match=r"^gone: "):
        fleet.beacons(Filter(sensor="gone"))
    since = unread.unread_since
    fleet.look()
    assert (fleet.unread()[0].unread_since, fleet.unread()[0].failures) == (since, 2)
    history_with(tmp_path / "b", [alerting(2)])
    fleet.look()
    assert fleet.unread() == ()
    assert fleet.beacons().total == 2
    gone.unlink()
    assert fleet.beacons().total == 1  # it died between two looks
    assert [one.name for one in fleet.unread()] == ["gone"]


def test_where_none_can_be_read_nothing_is_called_calm(tmp_path: Path) -> None:
    fleet = fleet_of(file_sensor("gone", tmp_path / "none"))
    for ask in (fleet.beacons, fleet.about, fleet.incidents, fleet.hosts):
        with pytest.raises(InputError, match="none of them can be read"):
            ask()


BAD = {
    "no JSON": (b"<html>", 200, "its answer is no JSON"),
    "another program": (b"{}", 200, "no status of this version"),
    "a list": (b"[1]", 200, "no status of this version"),
    "nested": (b"[" * 100_000, 200, "its answer is no JSON"),
    "12 MB": (b" " * 12_000_000, 200, "more than 8 MB"),
    "refused": (json.dumps({"detail": "no\x1b[2J" * 1000}).encode(), 401, r"refuses \(401\): no\?\[2J"),
    "broken": (b"oops", 500, "no JSON"),
    "a fleet": (b'{"sensors": [1], "problems": [], "shown": {}}', 200, "a console over several sensors itself"),
    "nothing shown": (b'{"problems": ["x: is gone"], "shown": {}}', 200, "x: is gone"),
    "moved": (b"", 302, "no JSON"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_answer_is_a_sensor_that_cannot_be_read(name: str, tmp_path: Path) -> None:
    body, status, problem = BAD[name]
    file = history_with(tmp_path, [alerting(1)])
    with answering(body, status, headers=[("Location", "http://127.0.0.1:1/")]) as url:
        fleet = fleet_of(file_sensor("good", file), remote_sensor("bad", url))
        assert fleet.beacons().total == 1
        (unread,) = fleet.unread()
        assert unread.name == "bad"
        assert re.search(problem, unread.problem), unread.problem
        assert len(unread.problem) <= 300
        assert unread.problem.isprintable()


@pytest.mark.parametrize("how", ["wait", "drip"])
def test_a_slow_sensor_holds_nobody_up(how: str, tmp_path: Path) -> None:
    file = history_with(tmp_path, [alerting(1)])
    with answering(wait=30.0 if how == "wait" else 0.0, drip=0.2 if how == "drip" else 0.0) as url:
        with at_most(10):
            fleet = fleet_of(file_sensor("good", file), remote_sensor("slow", url, bounds=Bounds(0.5)))
        with at_most(10):
            for _ in range(20):
                assert fleet.beacons().total == 1
        assert [one.name for one in fleet.unread()] == ["slow"]
        with at_most(20):
            for _ in range(5):  # questions that hang are bounded, too
                fleet.sensors["slow"].look()
        assert fleet.sensors["slow"].health.failures == 6


def test_more_alerts_than_are_compared_are_counted(tmp_path: Path) -> None:
    file = history_with(tmp_path, [alerting(n, orig_h=f"10.0.{n // 200}.{n % 200}") for n in range(1030)])
    fleet = fleet_of(file_sensor("many", file))
    (only,) = fleet.rows(NOW)
    assert (only.alerting, only.compared) == (1030, 1000)
    assert fleet.beacons().total == 1030
    assert fleet.incidents().total == 1030


def test_a_token_goes_nowhere_unencrypted() -> None:
    with pytest.raises(ConfigError, match="over https:// only"):
        remote_sensor("far", "http://192.0.2.1:8520", token="secret")
    remote_sensor("near", "http://127.0.0.1:8520", token="secret")
