"""A sidecar follows operators' words, and whatever happens to their file stops it never."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from zeek_beacons.operator_file.follow import LOOK, MOST_CONNECTIONS, OperatorFollower
from zeek_beacons.operator_file.store import OperatorStore
from zeek_beacons.operator_file.words import Words

from .test_telemetry import connection

KEY = ("10.0.0.5", "203.0.113.9", 443, "tcp", "conn")


class Site:
    """A file, one who follows it, and a clock that moves by hand."""

    def __init__(self, folder: Path) -> None:
        self.path, self.now = folder / "operator.sqlite", 100.0
        self.follower = OperatorFollower(self.path, clock=lambda: self.now)

    def until(self, holds: Callable[[Words], bool]) -> Words:
        """What is known once that holds."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            self.now += LOOK
            words = self.follower.words()
            if holds(words):
                return words
            time.sleep(0.005)
        raise AssertionError(f"never: {self.follower.health}")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_no_file_says_nothing_and_is_no_error(site: Site) -> None:
    for _ in range(5):
        site.now += LOOK
        assert site.follower.words() == Words()
        time.sleep(0.01)
    assert (site.follower.health.errors, site.follower.health.found) == (0, False)
    assert not site.path.exists()


def test_what_is_said_is_followed_and_so_is_its_end(site: Site) -> None:
    store = OperatorStore(site.path)
    number = store.snooze(KEY, "ana", "", time.time() + 1000)
    assert KEY in site.until(lambda words: bool(words.said)).said.snoozed
    store.undo("snoozes", number, "ana")
    site.until(lambda words: not words.said)
    store.allow("name a.example", "ana", "", None)
    site.until(lambda words: len(words.allowed) == 1)


@pytest.mark.parametrize("how", ["vanishes", "broken", "replaced"])
def test_a_file_that_goes_bad_leaves_what_it_said_last_in_force(site: Site, how: str) -> None:
    store = OperatorStore(site.path)
    store.give_feedback(KEY, KEY[1], "false", "ana", "", "m", 0.9)
    site.until(lambda words: bool(words.said))
    store.close()
    site.path.unlink()
    if how == "broken":
        site.path.write_bytes(b"\x00" * 8192)
    elif how == "replaced":
        with sqlite3.connect(site.path) as db:
            db.execute("CREATE TABLE things (x)")
    site.until(lambda _: not site.follower.health.working)
    assert KEY in site.follower.words().said.false
    assert site.follower.health.errors
    assert site.follower.health.last_error
    site.path.unlink(missing_ok=True)
    OperatorStore(site.path).snooze(KEY, "bo", "", time.time() + 1000)
    words = site.until(lambda words: bool(words.said.snoozed))
    assert not words.said.false
    assert site.follower.health.working


def test_a_locked_file_is_waited_for_by_nobody(site: Site) -> None:
    OperatorStore(site.path).give_feedback(KEY, KEY[1], "true", "ana", "", "m", 0.9)
    with sqlite3.connect(site.path, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        site.until(lambda _: site.follower.health.errors > 0)
        assert "locked" in site.follower.health.last_error
        other.execute("ROLLBACK")
    assert KEY in site.until(lambda words: bool(words.said)).said.true


def test_who_follows_writes_nothing(site: Site) -> None:
    OperatorStore(site.path).close()
    before = site.path.read_bytes()
    site.until(lambda words: words.store != "")
    assert site.path.read_bytes() == before
    assert [file.name for file in site.path.parent.iterdir()] == [site.path.name]


def test_telemetry_is_handed_out_once_it_is_taken_the_next_follows(site: Site) -> None:
    store = OperatorStore(site.path)
    store.add_telemetry("edr", [connection(1.0)] * MOST_CONNECTIONS)
    store.add_telemetry("edr", [connection(2.0)])
    store.add_telemetry("proxy", [connection(3.0)])
    site.until(lambda _: site.follower.fed() is not None)
    first = site.follower.fed()
    assert first is not None
    assert (first.upto, list(first.by_collector)) == (1, ["edr"])
    assert site.follower.fed() is first
    site.follower.took(first)
    site.until(lambda _: site.follower.fed() is not None)
    second = site.follower.fed()
    assert second is not None
    assert (second.upto, {name: len(same) for name, same in second.by_collector.items()}) == (3, {"edr": 1, "proxy": 1})
    site.follower.took(second)
    assert site.follower.taken() == {store.identity(): 3}
    later = OperatorFollower(site.path, site.follower.taken(), clock=lambda: site.now)
    for _ in range(20):
        site.now += LOOK
        later.words()
        time.sleep(0.01)
    assert later.fed() is None
