"""Whatever befalls the history file or its disk, the sidecar goes on."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.beacons.live.histories import NOW, RULES, Clock, guarded, judge
from tests.beacons.live.made import candidate
from zeek_beacons.config import Config
from zeek_beacons.live.history.guard import RETRY, HistoryGuard
from zeek_beacons.live.history.store import Changes, History, Limits
from zeek_beacons.live.worker import Worker


def test_a_corrupt_file_is_set_aside(path: Path) -> None:
    path.write_bytes(b"this is no database at all" * 100)
    kept = guarded(path)
    worker = Worker("me", RULES, Config(), kept)
    for seq in (1, 2):
        assert len(judge(worker, [candidate(seq)])) == 1
    assert kept.health.working
    assert kept.health.set_aside == 1
    assert [file.name for file in path.parent.glob("*corrupt*")] == ["history.db.corrupt-2000000000"]
    assert len(worker._stored([candidate(3)])) == 1


def test_a_file_that_breaks_while_in_use_is_set_aside(path: Path) -> None:
    worker = Worker("me", RULES, Config(), guarded(path))
    for seq in range(1, 40):
        judge(worker, [candidate(seq, orig_h=f"10.0.0.{seq}", n=400, jitter=0.9)])
    assert worker.history is not None
    worker.history.close()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * len(data[4096:])
    path.write_bytes(data)
    worker = Worker("me", RULES, Config(), guarded(path))
    for seq in range(1, 5):
        assert len(judge(worker, [candidate(seq, orig_h=f"10.0.0.{seq}")])) == 1
    assert worker.history is not None
    assert (worker.history.health.set_aside, worker.history.health.working) == (1, True)


def test_a_full_disk_is_survived_and_recovered_from(path: Path) -> None:
    clock = Clock()
    kept = guarded(path, clock)
    worker = Worker("me", RULES, Config(), kept)
    assert kept._history is not None
    kept._history._db.execute("PRAGMA max_page_count = 12")
    many = [candidate(seq, orig_h=f"10.0.{seq}.1", n=400, jitter=0.9) for seq in range(1, 20)]
    assert len(judge(worker, many)) == 19
    assert (kept.health.working, kept.health.last_error) == (False, "database or disk is full")
    assert len(judge(worker, many)) == 19
    assert kept.health.skipped == 1
    clock.now += RETRY
    judge(worker, many)
    assert kept.health.working
    assert len(worker._stored(many)) == 19


def test_a_folder_that_cannot_be_written_is_survived(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    kept = guarded(tmp_path / "file" / "history.db")
    assert len(judge(Worker("me", RULES, Config(), kept), [candidate(1)])) == 1
    assert kept.health.errors >= 1


def test_a_disk_that_hangs_is_not_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = guarded(path)
    kept._patience = 0.05
    worker = Worker("me", RULES, Config(), kept)
    release, load = threading.Event(), History.load

    def hang(self: History, keys: Any) -> Any:
        release.wait(60)
        return load(self, keys)

    monkeypatch.setattr(History, "load", hang)
    for seq in (1, 2, 3):
        assert len(judge(worker, [candidate(seq)])) == 1
    assert (kept.health.errors, kept.health.skipped, kept.health.working) == (1, 3, False)
    monkeypatch.setattr(History, "load", load)
    assert kept._stuck is not None
    release.set()
    kept._stuck.result(10)
    kept._patience = 10
    judge(worker, [candidate(4)])
    assert kept.health.working


def test_a_slow_disk_is_used_a_tenth_of_the_time(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    kept = guarded(path, clock)
    worker = Worker("me", RULES, Config(), kept)
    load = History.load

    def slow(self: History, keys: Any) -> Any:
        clock.now += 1.0
        return load(self, keys)

    monkeypatch.setattr(History, "load", slow)
    for seq in range(1, 12):
        judge(worker, [candidate(seq)])
        clock.now += 1.0
    assert kept.health.errors == 2
    assert kept.health.skipped == 9


def test_only_progress_that_moved_is_written_and_that_of_boots_that_are_gone_expires(path: Path) -> None:
    days = [0.0]
    kept = HistoryGuard(path, Limits(days=30), wall=lambda: NOW + days[0] * 86_400)
    kept.start()
    gone, here = ("zeek", "b1"), ("zeek", "b2")
    assert kept.store(Changes(progress={gone: 7}))
    for day in (10.0, 20.0, 29.0):
        days[0] = day
        assert kept.store(Changes(progress={gone: 7, here: int(day)}))
    kept.close()
    days[0] = 29.5
    kept = HistoryGuard(path, Limits(days=30), wall=lambda: NOW + days[0] * 86_400)
    assert kept.start()[1] == {gone: 7, here: 29}  # as a restart takes them up
    assert kept.store(Changes(progress={gone: 7, here: 29}))
    days[0] = 31.0
    kept.maintain()
    kept.close()
    assert HistoryGuard(path, Limits()).start()[1] == {here: 29}


def test_progress_that_could_not_be_written_is_written_later(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    kept = guarded(path, clock)
    store = History.store
    monkeypatch.setattr(History, "store", lambda *_: (_ for _ in ()).throw(sqlite3.OperationalError("disk is full")))
    assert not kept.store(Changes(progress={("zeek", "b1"): 7}))
    monkeypatch.setattr(History, "store", store)
    clock.now += RETRY
    assert kept.store(Changes(progress={("zeek", "b1"): 7}))
    kept.close()
    assert HistoryGuard(path, Limits()).start()[1] == {("zeek", "b1"): 7}
