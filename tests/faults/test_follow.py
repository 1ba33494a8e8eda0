"""Logs that are followed while files, disks and processes fail: the verdicts of `score`, and each alert once."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from zeek_beacons.live.history.store import History, Limits

from .follower import HALF, HOUR, LOGS, MORTAL, T0, FollowLab, data, scored, written
from .lab import PATIENCE


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return scored(tmp_path_factory.mktemp("scored"))


@pytest.fixture
def followed(tmp_path: Path, expected: Path, round_number: int) -> Iterator[FollowLab]:
    with FollowLab(tmp_path, expected) as made:
        yield made


def test_killed_again_and_again(followed: FollowLab, round_number: int) -> None:
    """At any moment: while it reads, judges, stores or tells."""
    rng = random.Random(round_number)
    for part in range(1, 4):
        process = followed.start()
        followed.grow(T0 + part * 0.6 * HOUR, more=rng.randrange(80))
        followed.until(followed.status, "it runs")
        time.sleep(rng.random())
        process.kill()
        process.wait()
    followed.grow()
    followed.finish()
    followed.check()


def test_stopped_and_continued(followed: FollowLab) -> None:
    """It stands still while logs grow, are packed and taken away, and catches up."""
    followed.grow(HALF)
    process = followed.start()
    followed.judged()
    process.send_signal(signal.SIGSTOP)
    rotate(followed)
    process.send_signal(signal.SIGCONT)
    followed.read_all()
    followed.stop()
    followed.finish()
    followed.check()


def rotate(followed: FollowLab) -> None:
    """The logs are packed under other names, and new ones hold the rest."""
    for name in LOGS:
        log = followed.logs / f"{name}.log"
        (followed.logs / f"{name}.old.log.gz").write_bytes(gzip.compress(log.read_bytes()))
        log.unlink()
        log.write_bytes(data(name, written(LOGS, name, since=HALF)).replace(b"00-00-00", b"01-00-00", 1))


def test_copied_and_cut_in_the_middle_of_a_line(followed: FollowLab) -> None:
    """What is torn apart is counted, and no other row is lost."""
    followed.grow(HALF, more=40)
    followed.start()
    followed.judged()
    rest = {}
    for name in LOGS:
        log = followed.logs / f"{name}.log"
        whole_log, head = data(name, written(LOGS, name)), log.read_bytes()
        assert whole_log.startswith(head)
        rest[name] = whole_log[len(head) :]
        shutil.copy(log, followed.logs / f"{name}.old.log")
        os.truncate(log, 0)
        with log.open("ab") as file:
            file.write(rest[name])
    followed.until(lambda: followed.status()["followed"]["rows"]["bad"] >= 1, "the torn row is counted")
    followed.read_all(but=2)
    followed.until(followed.alerts, "what alerts is told")
    followed.stop()
    followed.check_alerts()


def test_packed_file_that_is_cut_short_at_first(followed: FollowLab) -> None:
    """It is written while it is looked at: what is there counts, and the rest once it comes."""
    followed.logs.mkdir()
    for name in LOGS:
        packed = gzip.compress(data(name, written(LOGS, name)))
        (followed.logs / f"{name}.old.log.gz").write_bytes(packed[: len(packed) // 2])
    followed.start()
    followed.until(followed.status, "it runs")
    time.sleep(0.5)
    for name in LOGS:
        (followed.logs / f"{name}.old.log.gz").write_bytes(gzip.compress(data(name, written(LOGS, name))))
    followed.read_all()
    followed.stop()
    followed.finish()
    followed.check(late=True)


def test_right_to_read_taken_away_and_given_back(followed: FollowLab) -> None:
    followed.grow(HALF)
    followed.start(wrapper=MORTAL if os.geteuid() == 0 else ())
    followed.judged()
    for name in LOGS:  # new files, such as none is held open of
        old = followed.logs / f"{name}.log"
        old.rename(followed.logs / f"{name}.old.log")
        old.write_bytes(data(name, written(LOGS, name, since=HALF)).replace(b"00-00-00", b"01-00-00", 1))
        old.chmod(0)
    followed.until(lambda: "ermission" in followed.status()["followed"]["problem"], "it says what it may not read")
    for name in LOGS:
        (followed.logs / f"{name}.log").chmod(0o644)
    followed.read_all()
    followed.stop()
    followed.finish()
    followed.check()


def test_log_that_becomes_a_folder(followed: FollowLab) -> None:
    followed.grow(HALF)
    followed.start()
    followed.judged()
    followed.conn.rename(followed.logs / "conn.old.log")
    followed.conn.mkdir()
    time.sleep(0.5)
    followed.conn.rmdir()
    rest = data("conn", written(LOGS, "conn", since=HALF)).replace(b"00-00-00", b"01-00-00", 1)
    followed.conn.write_bytes(rest)
    for name in LOGS.keys() - {"conn"}:
        with (followed.logs / f"{name}.log").open("ab") as file:
            file.write(data(name, written(LOGS, name))[file.tell() :])
    followed.read_all()
    followed.stop()
    followed.finish()
    followed.check()


def test_line_of_a_hundred_megabytes(followed: FollowLab) -> None:
    """The file that holds it is given up, and said; memory stays bounded, and the next file is read."""
    followed.grow(HALF)
    followed.start()
    followed.judged()
    before = followed.status()["memory_peak"]
    rotate(followed)
    followed.read_all()
    with (followed.logs / "conn.bad.log").open("wb") as file:
        file.write(data("conn", written(LOGS, "conn")[:1]).replace(b"00-00-00", b"09-00-00", 1))
        for _ in range(100):
            file.write(b"x" * 1_000_000)
    followed.until(lambda: followed.status()["followed"]["unreadable"], "it is given up")
    assert "a line of more than" in followed.status()["followed"]["problem"]
    (followed.logs / "conn.bad.log").unlink()
    state = followed.stop()
    assert state["memory_peak"] - before < 400e6
    followed.finish()
    followed.check()


def test_zeros_in_the_middle(followed: FollowLab) -> None:
    """What a power cut leaves of a file: the line with the zeros is counted as bad, and no other is lost."""
    followed.logs.mkdir()
    for name in LOGS:
        lines = data(name, written(LOGS, name)).splitlines(keepends=True)
        middle = len(lines) // 2
        zeros = [b"\0" * 4096] if name == "conn" else []
        (followed.logs / f"{name}.log").write_bytes(b"".join([*lines[:middle], *zeros, *lines[middle:]]))
    state = followed.finish()
    assert state["followed"]["rows"]["bad"] == 1
    followed.check(lost=1)


def test_clock_that_is_set_back(followed: FollowLab) -> None:
    """Zeek's clock: the second half of the rows was written before the first. The verdicts are those of the times."""
    followed.grow(HALF)
    halves = {name: data(name, written(LOGS, name, since=HALF)) for name in LOGS}
    for name in LOGS:
        (followed.logs / f"{name}.log").write_bytes(halves[name])
    followed.start()
    followed.judged()
    for name in LOGS:
        rows = data(name, written(LOGS, name, until=HALF)).split(b"#types")[1].split(b"\n", 1)[1]
        with (followed.logs / f"{name}.log").open("ab") as file:
            file.write(rows)
    followed.read_all()
    assert followed.stop()["followed"]["rows"]["clock_steps"] >= 1
    followed.finish()
    followed.check_alerts()


def test_history_on_a_full_disk(followed: FollowLab) -> None:
    """Alerts are told all the same. What could not be kept is judged again once there is room, and not told again."""
    assert shutil.which("prlimit")
    followed.grow(HALF)
    process = followed.start(wrapper=("prlimit", "--fsize=60000"))
    followed.until(lambda: followed.status().get("history", {}).get("errors"), "the history fails")
    followed.grow()
    followed.read_all()
    process.terminate()
    assert process.wait(PATIENCE) == 0
    followed.finish()
    followed.check()


def test_history_that_another_process_holds(followed: FollowLab) -> None:
    followed.grow(HALF)
    followed.start()
    followed.judged()
    lock = sqlite3.connect(followed.history, isolation_level=None, timeout=PATIENCE)
    lock.execute("BEGIN IMMEDIATE")
    followed.grow()
    followed.read_all()
    lock.execute("ROLLBACK")
    lock.close()
    followed.stop()
    followed.finish()
    followed.check()


def remove(path: Path) -> None:
    path.unlink()


def replace(path: Path) -> None:
    """By an older copy of itself, as from a backup."""
    History.open(path.with_name("other.db"), Limits()).close()
    path.with_name("other.db").replace(path)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def corrupt(path: Path) -> None:
    """All pages but the first, in the same file and in its log."""
    for file in (path, path.with_name(f"{path.name}-wal")):
        with file.open("r+b") as content:
            size = content.seek(0, os.SEEK_END)
            content.seek(4096)
            content.write(b"\xa5" * max(0, size - 4096))


@pytest.mark.parametrize("fault", [remove, replace, truncate, corrupt])
def test_history_in_use_that_somebody_would(fault: Callable[[Path], None], followed: FollowLab) -> None:
    """It is counted and said, another one is begun, and in the end all is in it; nothing is told twice."""
    followed.grow(HALF)
    followed.start()
    followed.judged()
    followed.until(lambda: followed.status().get("history", {}).get("working"), "the history works")
    fault(followed.history)
    followed.grow()
    followed.read_all()
    followed.until(lambda: followed.status()["history"]["errors"], "it is said")
    followed.stop()
    followed.finish()
    followed.check()


def test_history_of_a_later_version(followed: FollowLab) -> None:
    """It is refused, and left as it was."""
    History.open(followed.history, Limits()).close()
    db = sqlite3.connect(followed.history)
    db.execute("PRAGMA user_version = 9999")
    db.close()
    before = followed.history.read_bytes()
    followed.grow()
    process = followed.start()
    assert process.wait(PATIENCE) == 2
    assert "9999" in followed.words()
    assert followed.history.read_bytes() == before
    assert not followed.alerts()


def test_two_followers_of_one_history(followed: FollowLab) -> None:
    """The second is refused, says why, and touches nothing; a killed one leaves nothing that would keep another out."""
    followed.grow(HALF)
    first = followed.start()
    followed.judged()
    assert followed.start().wait(PATIENCE) == 2
    assert f"process {first.pid} writes this history" in followed.words()
    first.kill()
    first.wait()
    followed.grow()
    followed.start()
    followed.read_all()
    followed.stop()
    followed.finish()
    followed.check()


def test_allow_list_that_becomes_garbage(followed: FollowLab) -> None:
    """The last good one stays in force, and it is said."""
    allow = followed.folder / "allow.list"
    allow.write_text("subnet 203.0.113.0/32\n")
    followed.grow(HALF)
    followed.start("--allow", str(allow))
    followed.judged()
    allow.write_bytes(b"\xff\xfe\0 no such entry / at all\n")
    followed.until(lambda: followed.status()["allow_problem"], "it is said")
    followed.grow()
    followed.read_all()
    followed.until(lambda: {one["orig_h"] for one in followed.alerts()} >= {"10.0.0.11"}, "what is not allowed is told")
    followed.stop()
    assert "10.0.0.10" not in {one["orig_h"] for one in followed.alerts() if one["resp"] == "203.0.113.0"}


def test_hangup_in_the_middle(followed: FollowLab) -> None:
    """SIGHUP, which others take as a wish to read their settings again, ends nothing."""
    followed.grow(HALF)
    process = followed.start()
    followed.judged()
    for part in range(5):
        followed.grow(HALF + part * 600)
        process.send_signal(signal.SIGHUP)
        time.sleep(0.1)
    followed.grow()
    followed.read_all()
    followed.stop()
    followed.finish()
    followed.check()


def test_model_that_is_damaged(followed: FollowLab) -> None:
    """A model file that was replaced by something else is refused before anything is touched."""
    model = followed.folder / "model"
    shutil.copytree(Path(__file__).parents[2] / "models", model)
    followed.grow()
    followed.finish()
    before = followed.history.read_bytes()
    onnx = model / "beacon_forest.onnx"
    content = bytearray(onnx.read_bytes())
    content[len(content) // 2] ^= 0xFF
    onnx.write_bytes(content)
    process = followed.start("--once", "--model", str(model))
    assert process.wait(PATIENCE) == 2
    assert "beacon_forest.onnx" in followed.words()
    assert followed.history.read_bytes() == before
    manifest = model / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()))[:-40])
    process = followed.start("--once", "--model", str(model))
    assert process.wait(PATIENCE) == 2
    assert "manifest.json" in followed.words()
