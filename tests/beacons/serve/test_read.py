"""What the API tells of pairs, incidents, hosts and alerts; as JSON and CSV, in parts, and only once."""

from __future__ import annotations

import csv
import io
import sqlite3
from pathlib import Path

import pytest

from .made import HOSTILE, Running, console, history

LISTS = (
    "beacons",
    "incidents",
    "alerts",
    "hosts",
    "connections",
    "long-connections",
    "feedback",
    "allow",
    "snooze",
    "jobs",
)
READ = (*LISTS, "health", "status", "config", "samples", "openapi.json", "connections?below_gate=1")


@pytest.mark.parametrize("path", READ)
def test_everything_is_to_be_had_as_json(standing: Running, path: str) -> None:
    answer = standing.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()


@pytest.mark.parametrize("path", LISTS)
def test_lists_are_to_be_had_as_csv(standing: Running, path: str) -> None:
    answer = standing.get(path, headers={"Accept": "text/csv"})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert int(answer.headers["x-total-count"]) == standing.get(path).json()["total"]


def test_beacons_are_told_with_what_was_said_of_them(running: Running) -> None:
    found = running.get("beacons").json()
    assert (found["total"], len(found["rows"])) == (6, 6)
    row = found["rows"][0]
    running.post("feedback", json={"beacon": row["id"], "verdict": "false", "why": "ours"})
    running.post("snooze", json={"beacon": row["id"], "until": "2h"})
    (noted,) = (one for one in running.get("beacons").json()["rows"] if one["id"] == row["id"])
    assert (noted["feedback"]["verdict"], noted["feedback"]["who"], noted["snoozed"]["who"]) == (
        False,
        "writer",
        "writer",
    )
    assert noted["said"].startswith("marked as false by writer")


def test_a_beacon_is_told_in_full(standing: Running) -> None:
    row = standing.beacon()
    full = standing.get(f"beacons/{row['id']}").json()
    assert full["row"]["id"] == row["id"]
    assert full["summary"]
    assert full["reasons"]
    assert len(full["checkins"]["time"]) == 64
    assert standing.get(f"incidents/{row['incident']}").json()["incident"]["id"] == row["incident"]


@pytest.mark.parametrize(
    "path", ["beacons/nope", "incidents/nope", "jobs/nope", "nope", "beacons/%00", "jobs/..%2f..%2fx"]
)
def test_what_is_not_there_is_a_problem(standing: Running, path: str) -> None:
    answer = standing.get(path)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == 404


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=100000", "limit=x", "offset=-1", "severity=worst", "kind=x", "label=x", "min_score=2"),
        *("since=yesterday", "port=70000", "sort=name", f"text={'x' * 300}", "since=99999999999999999999"),
    ],
)
def test_what_cannot_be_asked_is_a_problem_that_says_what(standing: Running, query: str) -> None:
    answer = standing.get(f"beacons?{query}")
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    name = query.partition("=")[0]
    assert name in answer.json()["detail"] or query.partition("=")[2][:9] in answer.json()["detail"]


def test_methods_that_are_none_are_a_problem(standing: Running) -> None:
    answer = standing.client.put("/api/v1/beacons", headers=standing.writes)
    assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")


def test_filters_filter(standing: Running) -> None:
    assert standing.get("beacons", params={"host": "10.0.0.2"}).json()["total"] == 1
    assert standing.get("beacons", params={"host": "10.0.0.0/29"}).json()["total"] == 6
    assert standing.get("beacons", params={"since": "1h"}).json()["total"] == 0
    assert standing.get("beacons", params={"resp": "c2-5.example"}).json()["total"] == 1


def test_parts_of_a_list_are_linked_and_add_up(standing: Running) -> None:
    seen, path = [], "/api/v1/beacons?limit=4"
    while path:
        answer = standing.client.get(path)
        seen += [row["id"] for row in answer.json()["rows"]]
        path = answer.links.get("next", {}).get("url", "")
    assert len(set(seen)) == 6


def test_what_is_held_already_is_not_sent_again(running: Running) -> None:
    first = running.get("beacons")
    tag = first.headers["etag"]
    assert tag.startswith('"')
    again = running.get("beacons", headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert running.get("beacons", headers={"If-None-Match": tag, "Accept": "text/csv"}).status_code == 200
    running.post("snooze", json={"beacon": running.beacon()["id"]})
    assert running.get("beacons", headers={"If-None-Match": tag}).status_code == 200


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("*/*", "application/json"),
        ("text/csv;q=0.9, application/json;q=0.1", "text/csv"),
        ("text/*", "text/csv"),
        ("text/html, */*;q=0.1", "application/json"),
        ("application/json;q=broken", ""),
        ("text/html", ""),
    ],
)
def test_the_client_chooses(standing: Running, accept: str, kind: str) -> None:
    answer = standing.get("beacons", headers={"Accept": accept})
    assert answer.status_code == (200 if kind else 406)
    assert answer.headers["content-type"].partition(";")[0] == (kind or "application/problem+json")


def test_names_that_an_attacker_chose_are_data_and_no_formula(standing: Running) -> None:
    rows = standing.get("beacons").json()["rows"]
    assert set(HOSTILE) < {row["resp"] for row in rows}
    text = standing.get("beacons", headers={"Accept": "text/csv"}).text
    cells = [cell for row in csv.reader(io.StringIO(text)) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@"))]


def test_acknowledging_marks_a_beacon_and_clearing_empties_the_alerts(running: Running) -> None:
    row = running.beacon()
    assert running.delete(f"beacons/{row['id']}").status_code == 204
    (noted,) = (one for one in running.get("beacons").json()["rows"] if one["id"] == row["id"])
    assert noted["acknowledged"]["who"] == "writer"
    assert running.get("alerts").json()["total"] == 6
    assert running.delete("alerts").status_code == 204
    assert running.get("alerts").json()["total"] == 0
    assert running.get("alerts?cleared=1").json()["total"] == 6


@pytest.mark.parametrize("how", ["gone", "locked", "older", "broken", "later", "another's"])
def test_a_history_that_cannot_be_read_is_an_answer_and_comes_back(tmp_path: Path, how: str) -> None:
    path = history(tmp_path)
    with console(tmp_path) as running:
        assert running.get("beacons").status_code == 200
        kept = path.rename(tmp_path / "kept")
        for rest in tmp_path.glob("history.db-*"):
            rest.unlink()
        if how == "broken":
            path.write_bytes(kept.read_bytes()[:5000] + b"\xff" * 5000)
        elif how != "gone":
            with sqlite3.connect(path, isolation_level=None) as db:
                db.execute("CREATE TABLE things (x)")
                if how == "older":
                    db.execute("PRAGMA user_version = 2")
                elif how == "later":
                    db.execute("PRAGMA user_version = 1000")
                elif how == "locked":
                    path.write_bytes(kept.read_bytes())
            if how == "locked":
                lock = sqlite3.connect(path, isolation_level=None)
                lock.execute("PRAGMA locking_mode = EXCLUSIVE")
                lock.execute("BEGIN EXCLUSIVE")
        answer = running.get("beacons")
        assert answer.status_code == 503, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.headers["retry-after"]
        assert running.get("health").json()["status"] == "problem"
        assert running.get("status").status_code == 200
        assert running.client.get("/", headers={"Accept": "text/html"}).status_code == 503
        if how == "locked":
            lock.close()
        path.unlink(missing_ok=True)
        kept.rename(path)
        assert running.get("beacons").json()["total"] == 6


def test_no_history_yet_is_an_answer(tmp_path: Path) -> None:
    with console(tmp_path) as running:
        assert running.get("beacons").status_code == 503
        history(tmp_path)
        assert running.get("beacons").json()["total"] == 6
        assert [file.name for file in tmp_path.glob("history*")] != []
