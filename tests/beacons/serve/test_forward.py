"""The receiving end of `follow --forward`: bounded, authorised, and it names the row that is none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard

from tests.beacons.readers.logs import CONN, conn, tsv

from .made import Running, console

GOOD = tsv([conn(1.0), conn(2.0)], CONN, "conn", close=False)
PLACE = "/api/v1/forward/north/abc/1?log=conn"


@pytest.fixture
def taking(tmp_path: Path) -> Iterator[Running]:
    with console(tmp_path, inbox=str(tmp_path / "inbox")) as made:
        yield made


def put(running: Running, data: bytes, place: str = PLACE, **headers: str) -> tuple[int, dict[str, object]]:
    answer = running.client.put(place, content=data, headers=running.writes | headers)
    return answer.status_code, answer.json()


def test_a_batch_is_taken_once_and_told_of(taking: Running, tmp_path: Path) -> None:
    packed = zstandard.compress(GOOD)
    assert put(taking, packed, **{"content-encoding": "zstd"}) == (200, {"have": 1, "duplicate": False})
    assert put(taking, GOOD) == (200, {"have": 1, "duplicate": True})
    (row,) = taking.get("forward").json()["rows"]
    assert (row["source"], row["owner"], row["rows"], row["duplicates"]) == ("north", "writer", 2, 1)
    (file,) = (tmp_path / "inbox" / "north").iterdir()
    assert file.read_bytes() == GOOD


def test_who_may_not_is_told_so(taking: Running) -> None:
    assert taking.client.put(PLACE, content=GOOD).status_code == 401
    assert taking.client.put(PLACE, content=GOOD, headers=taking.reads).status_code == 403


@pytest.mark.parametrize(
    ("data", "place", "status", "told"),
    [
        (tsv([conn(1.0), conn(2.0, id__resp_h="no")], CONN, "conn", close=False), PLACE, 422, "row 2: responder is no"),
        (b"", PLACE, 400, "no rows"),
        (GOOD[:-1], PLACE, 400, "its last line has no end"),
        (b"1\t2\n", PLACE, 422, "conn: "),
        (b"{\n", PLACE.replace("conn", "ssl"), 422, "row 1: not a valid JSON object"),
        (GOOD, PLACE.replace("conn", "files"), 422, "none that is followed"),
        (GOOD, PLACE.replace("north", "..%2f"), 404, ""),
        (GOOD, PLACE.replace("north", ".hidden"), 422, "are called by"),
        (GOOD, PLACE.replace("/1?", "/0?"), 422, "seq"),
    ],
)
def test_a_bad_body_is_refused(taking: Running, data: bytes, place: str, status: int, told: str) -> None:
    code, answer = put(taking, data, place)
    assert (code, told in str(answer["detail"])) == (status, True), answer
    assert not list(taking.surface.inbox.folder.glob("*/*"))  # type: ignore[union-attr]


def test_bodies_are_bounded(taking: Running) -> None:
    bomb = zstandard.compress(b"\n" * 50_000_000)
    assert put(taking, bomb, **{"content-encoding": "zstd"})[0] == 413
    assert put(taking, b"x" * 5_000_000)[0] == 413
    assert put(taking, b"no zstd", **{"content-encoding": "zstd"})[0] == 400
    assert put(taking, GOOD, **{"content-encoding": "br"})[0] == 415


def test_a_full_inbox_asks_to_come_later(taking: Running) -> None:
    inbox = taking.surface.inbox
    assert inbox is not None
    inbox._most = 10
    answer = taking.client.put(PLACE, content=GOOD, headers=taking.writes)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")


def test_a_console_without_an_inbox_takes_none(running: Running) -> None:
    assert put(running, GOOD)[0] == 404
    assert running.get("forward").status_code == 404
