"""One console over many sensors: a history, and another console that really listens."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.beacons.fleet.made import answering
from zeek_beacons.operator_file import FILE_NAME
from zeek_beacons.operator_file.store import OperatorStore

from .made import Running, certificate, console, history

LISTS = ("beacons", "incidents", "alerts", "hosts", "connections", "long-connections")
PAGES = ("", "incidents", "hosts", "sensors", "decisions", "run", "?show=near", "?show=all&sort=resp", "?sensor=south")


def over(folder: Path, *source: str, **more: Any) -> dict[str, Any]:
    """The settings of a console over sensors."""
    return {"history": "", "state": "", "source": source, "operator": str(folder / "fleet.sqlite"), **more}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A history of six beacons in a file with operators, and one of four behind another console; a third is dead."""
    folder = tmp_path_factory.mktemp("many")
    for name, beacons in (("north", 6), ("south", 4)):
        (folder / name).mkdir()
        history(folder / name, beacons)
    OperatorStore(folder / "north" / FILE_NAME).close()
    with console(folder / "south") as south:
        url = str(south.client.base_url)
        sources = (f"north={folder / 'north' / 'history.db'}", f"south={url}", "dead=http://127.0.0.1:9")
        with console(folder, **over(folder, *sources)) as made:
            yield made


def log_in(running: Running) -> str:
    """The CSRF token of a browser that has logged in."""
    token = running.writes["Authorization"].removeprefix("Bearer ")
    running.client.post("/login", data={"token": token})
    return running.client.get("/run").text.partition('name="csrf_token" value="')[2].partition('"')[0]


@pytest.mark.parametrize("path", LISTS)
def test_lists_say_which_sensor_and_which_are_missing(path: str, both: Running) -> None:
    answer = both.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.json()["unread"] == ["dead"]
    assert answer.headers["x-unread-sensors"] == "dead"
    for row in answer.json()["rows"]:
        assert row.get("sensor") in ("north", "south") or row["sensors"][0] == "north"
    table = both.get(path, headers={"Accept": "text/csv"})
    assert table.status_code == 200
    assert table.headers["x-unread-sensors"] == "dead"


def test_one_incident_of_two_sensors_is_told_once(both: Running) -> None:
    rows = both.get("incidents").json()["rows"]
    assert [row["sensors"] for row in rows].count(["north", "south"]) == 4
    assert len(rows) == 6
    shared = next(row for row in rows if len(row["sensors"]) == 2)
    detail = both.get(f"incidents/{shared['id']}").json()
    assert {member["sensor"] for member in detail["members"]} == {"north", "south"}
    page = both.client.get(f"/incidents/{shared['id']}").text
    assert "seen by north" in page
    assert "seen by south" in page


def test_a_filter_by_sensor(both: Running) -> None:
    assert both.get("beacons?sensor=south").json()["total"] == 4
    assert both.get("beacons").json()["total"] == 10
    assert both.get("beacons?sensor=west").status_code == 422
    assert both.get("beacons?sensor=dead").status_code == 503


def test_sensors_are_listed(both: Running) -> None:
    rows = {row["name"]: row for row in both.get("sensors").json()["rows"]}
    assert set(rows) == {"dead", "north", "south"}
    assert rows["dead"]["unread_since"] == pytest.approx(time.time(), abs=600)
    assert "refused" in rows["dead"]["problem"]
    for name in ("north", "south"):
        row = rows[name]
        assert row["unread_since"] is None
        assert row["lag"] > 0
        assert row["version"]
        assert row["model"] == "rules"
        assert row["config"] == rows["north"]["config"] != ""
        assert row["drift"] == []
    assert rows["south"]["problems"] == ["no sidecar has run here"]
    assert "dead" in str(both.get("health").json()["problems"])
    assert [row["name"] for row in both.get("status").json()["sensors"]] == ["dead", "north", "south"]


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_shown_and_say_what_is_missing(path: str, both: Running) -> None:
    page = both.client.get(f"/{path}", headers={"Accept": "text/html"})
    assert page.status_code == 200, page.text
    assert "dead" in page.text
    assert "<script>alert" not in page.text


def test_pairs_of_each_kind_of_sensor_are_shown_in_full(both: Running) -> None:
    for sensor in ("north", "south"):
        row = both.get(f"beacons?sensor={sensor}").json()["rows"][0]
        page = both.client.get(f"/beacons/{row['id']}")
        assert page.status_code == 200
        assert f"seen by {sensor}" in page.text
        assert both.get(f"beacons/{row['id']}").json()["row"] == {
            name: value for name, value in row.items() if name in both.get(f"beacons/{row['id']}").json()["row"]
        }


def test_what_is_said_goes_to_the_file_of_the_sensor(both: Running, tmp_path: Path) -> None:
    csrf = log_in(both)
    try:
        row = both.get("beacons?sensor=north").json()["rows"][0]
        here = both.client.get(f"/beacons/{row['id']}").text
        assert "It is C2" in here
        for action, more in (("acknowledge", {}), ("snooze", {"hours": "4"}), ("feedback", {"verdict": "false"})):
            posted = both.client.post(f"/beacons/{row['id']}/{action}", data={"csrf_token": csrf} | more)
            assert posted.status_code == 303, posted.text
        assert both.client.post(
            f"/beacons/{row['id']}/allow", data={"csrf_token": csrf, "why": "ours"}
        ).status_code in (303, 422)  # a hostile name cannot be an entry
        noted = next(one for one in both.get("beacons?sensor=north").json()["rows"] if one["id"] == row["id"])
        assert (noted["feedback"]["who"], noted["acknowledged"]["who"]) == ("writer", "writer")
        file = next(one for one in both.surface.operated.values()).store
        assert [one.word for one in file.feedback()] == ["false"]
        assert both.surface.store.feedback() == []
        decisions = both.client.get("/decisions").text
        assert "north: " in decisions
        undone = both.client.post(f"/decisions/north~feedback-{file.feedback()[0].id}/undo", data={"csrf_token": csrf})
        assert undone.status_code == 303
        assert file.feedback()[0].word == "withdrawn"
        for name in ("feedback-1", "south~feedback-1", "west~feedback-1"):
            assert both.client.post(f"/decisions/{name}/undo", data={"csrf_token": csrf}).status_code == 404
    finally:
        both.client.post("/logout")


def test_what_is_said_of_another_consoles_pairs_is_said_there(both: Running) -> None:
    csrf = log_in(both)
    try:
        row = both.get("beacons?sensor=south").json()["rows"][0]
        page = both.client.get(f"/beacons/{row['id']}").text
        assert "Act at the console of south" in page
        assert f"/beacons/{row['id'].partition('~')[2]}" in page
        assert "It is C2" not in page
        for action in ("acknowledge", "allow", "snooze", "feedback"):
            given = {"csrf_token": csrf, "why": "x", "verdict": "true"}
            assert both.client.post(f"/beacons/{row['id']}/{action}", data=given).status_code == 409
    finally:
        both.client.post("/logout")
    key = {name: row[name] for name in ("orig_h", "resp", "resp_p", "proto", "channel")}
    assert both.post("feedback", json=key | {"verdict": "true"}).status_code == 409
    assert both.post("allow", json={"entry": "name a.example", "why": "ours"}).status_code == 409
    assert both.post("snooze", json=key | {"until": "2h"}).status_code == 409
    assert both.delete(f"beacons/{row['id']}").status_code == 409
    assert both.delete("alerts").status_code == 409
    assert both.post("config", json={"profile": "sensitive"}).status_code == 409
    for what, more in (("feedback", {"verdict": "true"}), ("allow", {"why": "ours"}), ("snooze", {"until": "2h"})):
        assert both.post(what, json={"beacon": row["id"]} | more).status_code == 409


def test_a_history_alone_is_no_fleet(standing: Running) -> None:
    assert standing.get("sensors").status_code == 404
    assert standing.client.get("/sensors").status_code == 404
    assert "unread" not in standing.get("beacons").json()
    assert 'name="sensor"' not in standing.client.get("/").text
    assert "seen by" not in standing.client.get("/").text


def test_a_token_is_asked_for_and_given_over_tls(tmp_path: Path) -> None:
    """A console that needs a token is read with the one in a file, and not without it or its authority."""
    folder = tmp_path / "far"
    folder.mkdir()
    history(folder)
    tls = certificate(tmp_path)
    with console(folder, listen="0.0.0.0:0", **tls) as far:
        url = f"far=https://127.0.0.1:{far.client.base_url.port}"
        keys = tmp_path / "tokens"
        keys.write_text(f"far={far.reads['Authorization'].removeprefix('Bearer ')}\n")
        keys.chmod(0o600)
        for more, problem in (
            ({"source_tokens": str(keys), "source_ca": tls["tls_cert"]}, ""),
            ({"source_ca": tls["tls_cert"]}, "refuses (401)"),
            ({"source_tokens": str(keys)}, "certificate verify failed"),
        ):
            with console(tmp_path, **over(tmp_path / problem[:7], url, **more)) as made:
                (row,) = made.get("sensors").json()["rows"]
                assert problem in row["problem"]
                assert (row["unread_since"] is None) is not bool(problem)
                assert made.get("beacons").status_code == (503 if problem else 200)


def test_hostile_pairs_are_drawn_or_refused(tmp_path: Path) -> None:
    """A console that lies in every number of a pair costs one page, and no more."""
    history(tmp_path)
    with console(tmp_path) as honest:
        row = honest.beacon()
        full = honest.get(f"beacons/{row['id']}").json()
    columns = {
        "start": [0.0] + [1e15] * 9_999,
        "duration": [1e15] * 10_000,
        "orig_bytes": [-1e15, *[1e15] * 9_999],
        "resp_bytes": [None] * 10_000,
        "state": ["\u202e<b>" * 9] * 10_000,
    }
    full["observations"] = columns
    full["checkins"] = {"time": [-1e15, 1e15], "connections": [2**62, -1], "bytes_out": [1e15, 0], "bytes_in": [0, 0]}
    full["hours"] = {"hours": [-(2**40), 2**40], "counts": [2**61, -5]}
    full["fit"] = full["fit"] | {"sleep": 1e-300, "low": -1e15, "high": 1e15, "gaps": [1e-300, 1e15, -1.0]}
    full["stretch"] = [1e15, -1e15]
    full["row"] |= {"first_seen": -1e15, "last_seen": 1e15, "sleep": -1.0, "jitter": 1e15, "addr": "nonsense"}
    sources = f"good={tmp_path / 'history.db'}"
    with (
        answering(json.dumps(full).encode()) as url,
        console(tmp_path, **over(tmp_path, f"liar={url}", sources)) as made,
    ):
        fleet = made.surface.fleet
        assert fleet is not None
        liar = fleet.sensors["liar"]
        assert not liar.is_read
        liar._health = fleet.sensors["good"].health
        begun = time.monotonic()
        page = made.client.get(f"/beacons/liar~{row['id']}", headers={"Accept": "text/html"})
        assert page.status_code in (200, 503), page.text
        assert time.monotonic() - begun < 20
        assert "\u202e" not in page.text
        assert made.get("beacons?sensor=good").json()["total"] == 6
