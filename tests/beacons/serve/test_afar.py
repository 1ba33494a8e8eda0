"""What is said in a console over many sensors of another machine's pairs is said there, or is not; and its events."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.beacons.fleet.made import alerting, answering, history_with
from zeek_beacons.operator_file import FILE_NAME
from zeek_beacons.operator_file.store import OperatorStore

from .made import Running, console, history
from .test_many import log_in, over


@contextmanager
def with_token(folder: Path, *source: str, tokens: dict[str, str]) -> Iterator[Running]:
    """A console over sensors, with tokens for them."""
    folder.mkdir()
    keys = folder / "tokens"
    keys.write_text("".join(f"{name}={token}\n" for name, token in tokens.items()))
    keys.chmod(0o600)
    with console(folder, **over(folder, *source, source_tokens=str(keys))) as made:
        yield made


def token_of(running: Running, kind: str = "writes") -> str:
    return str(getattr(running, kind)["Authorization"]).removeprefix("Bearer ")


@pytest.fixture
def south(tmp_path: Path) -> Iterator[Running]:
    (tmp_path / "south").mkdir()
    history(tmp_path / "south", 4)
    with console(tmp_path / "south") as made:
        yield made


@pytest.fixture
def over_south(south: Running, tmp_path: Path) -> Iterator[Running]:
    """A console over that one, whose token may write, and over a file with operators."""
    (tmp_path / "north").mkdir()
    history(tmp_path / "north", 4)
    OperatorStore(tmp_path / "north" / FILE_NAME).close()
    sources = (f"south={south.client.base_url}", f"north={tmp_path / 'north' / 'history.db'}")
    with with_token(tmp_path / "fleet", *sources, tokens={"south": token_of(south)}) as made:
        yield made


def test_words_go_to_the_machine_that_has_the_pair(over_south: Running, south: Running) -> None:
    row, other = over_south.get("beacons?sensor=south").json()["rows"][:2]
    for what, more in (
        ("feedback", {"verdict": "false", "why": "our backup"}),
        ("snooze", {"until": "2h"}),
        ("allow", {"why": "ours", "scope": "subnet"}),
    ):
        answer = over_south.post(what, json={"beacon": row["id"]} | more)
        assert answer.status_code == 201, answer.text
        assert answer.json()["id"] == 1
    assert over_south.delete(f"beacons/{other['id']}").status_code == 204
    store = south.surface.store
    (said,) = store.feedback()
    assert (said.word, said.who, said.why) == ("false", "writer", "writer: our backup")
    assert said.key[0] == row["orig_h"]
    assert [one["why"] for one in store.entries("snoozes")] == ["writer"]
    assert store.entries("allow")[0]["entry"].startswith("subnet ")
    assert len(store.acknowledged()) == 1
    mine = over_south.surface
    assert (mine.store.feedback(), mine.store.entries("snoozes"), mine.store.entries("allow")) == ([], [], [])


def test_words_on_a_files_pair_go_to_its_file(over_south: Running, tmp_path: Path) -> None:
    row = over_south.get("beacons?sensor=north").json()["rows"][0]
    assert over_south.post("feedback", json={"beacon": row["id"], "verdict": "true"}).status_code == 201
    assert over_south.delete(f"beacons/{row['id']}").status_code == 204
    with closing(OperatorStore(tmp_path / "north" / FILE_NAME)) as store:
        assert [one.word for one in store.feedback()] == ["true"]
        assert len(store.acknowledged()) == 1


def test_pages_act_on_another_machines_pairs(over_south: Running, south: Running) -> None:
    csrf = log_in(over_south)
    row, other = over_south.get("beacons?sensor=south").json()["rows"][:2]
    assert "It is C2" in over_south.client.get(f"/beacons/{row['id']}").text
    for action, more in (
        ("acknowledge", {}),
        ("snooze", {"hours": "4"}),
        ("feedback", {"verdict": "true"}),
        ("allow", {"scope": "subnet", "why": "ours"}),
    ):
        posted = over_south.client.post(f"/beacons/{row['id']}/{action}", data={"csrf_token": csrf} | more)
        assert posted.status_code == 303, posted.text
    store = south.surface.store
    assert [one.word for one in store.feedback()] == ["true"]
    assert len(store.entries("snoozes")) == len(store.entries("allow")) == len(store.acknowledged()) == 1
    incident = other["incident"]
    posted = over_south.client.post(f"/incidents/{incident}/acknowledge", data={"csrf_token": csrf})
    assert posted.status_code == 303, posted.text
    refused = over_south.client.post(f"/beacons/{row['id']}/dance", data={"csrf_token": csrf})
    assert refused.status_code == 404


def test_a_token_that_may_read_only_is_told(south: Running, tmp_path: Path) -> None:
    source = f"south={south.client.base_url}"
    with with_token(tmp_path / "fleet", source, tokens={"south": token_of(south, "reads")}) as made:
        row = made.get("beacons").json()["rows"][0]
        answer = made.post("feedback", json={"beacon": row["id"], "verdict": "true"})
        assert answer.status_code == 409
        assert "south: refuses (403): the token of reader may read only; nothing was said" in answer.json()["detail"]
        assert made.delete(f"beacons/{row['id']}").status_code == 409
    assert south.surface.store.feedback() == []


def test_a_refusal_is_passed_on(over_south: Running) -> None:
    row = over_south.get("beacons?sensor=south").json()["rows"][0]
    answer = over_south.post("snooze", json={"beacon": row["id"], "until": "yesterday"})
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("south: refuses (422): ")
    assert over_south.post("feedback", json={"beacon": "south~nothing", "verdict": "true"}).status_code == 404


def test_nothing_is_half_said_to_a_machine_that_is_down(tmp_path: Path) -> None:
    (tmp_path / "south").mkdir()
    history(tmp_path / "south", 4)
    with console(tmp_path / "south") as south:
        port, token = south.client.base_url.port, token_of(south)
        stack = with_token(tmp_path / "fleet", f"south=http://127.0.0.1:{port}", tokens={"south": token})
        made = stack.__enter__()
        row = made.get("beacons").json()["rows"][0]
    try:
        answer = made.post("feedback", json={"beacon": row["id"], "verdict": "true"})
        assert answer.status_code == 503
        assert "refused" in answer.json()["detail"]
        assert made.surface.store.feedback() == []
    finally:
        stack.__exit__(None, None, None)
    with closing(OperatorStore(tmp_path / "south" / FILE_NAME)) as store:
        assert store.feedback() == []


def test_what_may_have_been_taken_is_said_so(over_south: Running) -> None:
    """The machine dies while it is told: nobody can know."""
    fleet = over_south.surface.fleet
    assert fleet is not None
    row = over_south.get("beacons?sensor=south").json()["rows"][0]
    model = fleet.sensors["south"].model
    with socket.create_server(("127.0.0.1", 0)) as dying:
        model._host = f"127.0.0.1:{dying.getsockname()[1]}"  # type: ignore[union-attr]
        threading.Thread(target=lambda: dying.accept()[0].close(), daemon=True).start()
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(type(model), "beacon", lambda *_: None)
            patched.setattr(over_south.surface.model(), "pair", lambda _: _row(row))
            answer = over_south.post("feedback", json={"beacon": row["id"], "verdict": "true"})
    assert answer.status_code == 504
    assert "whether it was taken is not known" in answer.json()["detail"]


@pytest.mark.parametrize("body", [b"", b"[", b'{"id": "x"}', b'{"id": -1e400}', b"[" * 100_000])
def test_an_answer_that_says_nothing_is_no_number(body: bytes, over_south: Running) -> None:
    fleet = over_south.surface.fleet
    assert fleet is not None
    model = fleet.sensors["south"].model
    with answering(body, 201) as url:
        model._host = url.removeprefix("http://")  # type: ignore[union-attr]
        told = model.tell("POST", "feedback", {"beacon": "x"})  # type: ignore[union-attr]
    assert not isinstance(told, dict) or not isinstance(told.get("id"), int)


def test_events_of_all_sensors_are_one_stream(tmp_path: Path) -> None:
    files = {name: history_with(tmp_path / name, [alerting(number)]) for number, name in enumerate(("north", "south"))}
    with console(tmp_path, **over(tmp_path, *(f"{name}={file}" for name, file in files.items()))) as made:
        fleet = made.surface.fleet
        assert fleet is not None
        with made.client.stream("GET", "/api/v1/events") as answer:
            lines = answer.iter_lines()
            assert next(lines).startswith("retry: ")
            history_with(tmp_path / "north", [alerting(7)])
            fleet.look()
            first = _event(lines)
            history_with(tmp_path / "south", [alerting(8)])
            fleet.look()
            second = _event(lines)
        assert [one["sensor"] for _, one in (first, second)] == ["north", "south"]
        assert first[1]["id"].startswith("north~")
        assert first[0] == "north=2,south=1"
        with made.client.stream("GET", "/api/v1/events", headers={"Last-Event-ID": first[0]}) as answer:
            assert _event(answer.iter_lines()) == second
        for wrong in ("7", "north", "north=x", "north=1;south=2", "=1", "n=" + "9" * 30):
            assert made.get("events", headers={"Last-Event-ID": wrong}).status_code == 400
        with made.client.stream("GET", "/api/v1/events", headers={"Last-Event-ID": "gone=5,north=1"}) as answer:
            assert _event(answer.iter_lines())[1]["sensor"] == "north"


def _event(lines: Iterator[str]) -> tuple[str, dict[str, Any]]:
    """The id and data of the next event."""
    found: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if not line and "data" in found:
            return found["id"], json.loads(found["data"])
        if name in ("id", "data"):
            found[name] = value
    raise AssertionError("the stream has ended")


def _row(told: dict[str, Any]) -> Any:
    """A pair's row of which only its name is asked for."""

    class Row:
        id = told["id"]

    return Row()
