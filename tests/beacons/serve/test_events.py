"""New alerts as they come: each once, in order, also for a client that was away."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.beacons.live.histories import RULES, guarded
from tests.beacons.live.made import candidate
from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.live.worker import Worker

from .made import Running, console, history


def alerts(answer: httpx.Response) -> Iterator[tuple[int, dict[str, object]]]:
    """Number and content of each event."""
    number = 0
    for line in answer.iter_lines():
        if line.startswith("id: "):
            number = int(line[4:])
        elif line.startswith("data: "):
            yield number, json.loads(line[6:])


def raise_another(path: Path, number: int) -> None:
    held = guarded(path)
    Worker("me", RULES, Config(threshold=0.5), held).work([candidate(number, orig_h=f"10.1.0.{number}")], AllowList())
    held.close()


def test_an_alert_is_told_when_it_comes(running: Running, tmp_path: Path) -> None:
    with running.client.stream("GET", "/api/v1/events") as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines).startswith("retry: ")
        # What was there before it began to listen is no news: the first event is the one that comes now.
        while running.get("alerts").json()["total"] < 7:
            raise_another(tmp_path / "history.db", 9)
        found = next(json.loads(line[6:]) for line in lines if line.startswith("data: "))
        assert found["orig_h"] == "10.1.0.9"


def test_who_was_away_goes_on_where_it_was(running: Running) -> None:
    with running.client.stream("GET", "/api/v1/events", headers={"Last-Event-ID": "0"}) as answer:
        stream = alerts(answer)
        told = [next(stream) for _ in range(6)]
    numbers = [number for number, _ in told]
    assert numbers == sorted(set(numbers))
    assert [one["seq"] for _, one in told] == numbers
    with running.client.stream("GET", "/api/v1/events", headers={"Last-Event-ID": str(numbers[2])}) as answer:
        stream = alerts(answer)
        assert [next(stream)[0] for _ in range(3)] == numbers[3:]


def test_a_number_that_is_none_is_a_problem(running: Running) -> None:
    for wrong in ("x", "1.5", "9" * 5000):
        assert running.get("events", headers={"Last-Event-ID": wrong}).status_code == 400


def test_streams_are_counted_and_given_back(tmp_path: Path) -> None:
    history(tmp_path)
    with console(tmp_path, event_streams=1) as running:
        with running.client.stream("GET", "/api/v1/events") as answer:
            lines = answer.iter_lines()
            next(lines)
            assert running.get("events").status_code == 429
        status = 429
        while status == 429:  # until the server has seen that nobody listens any more
            with running.client.stream("GET", "/api/v1/events") as answer:
                status = answer.status_code
        assert status == 200
