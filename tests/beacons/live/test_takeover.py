"""Who serves a shard: one at a time, the next one as soon as that one is gone, however it went."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from zeek_beacons.errors import ConfigError
from zeek_beacons.live import state as states
from zeek_beacons.live.settings import SidecarConfig
from zeek_beacons.live.takeover import LOCK_NAME, ShardLock, serving_one

# Takes a lock, says so, and holds it until it is killed.
HOLDER = """
import sys, time
from pathlib import Path
from zeek_beacons.live.takeover import ShardLock
assert ShardLock(Path(sys.argv[1])).take()
print("taken", flush=True)
time.sleep(600)
"""


@contextmanager
def held_elsewhere(lock: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process has it."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(lock)], stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "taken\n"
            yield holder
        finally:
            holder.kill()


def own(folder: Path, shard: str, **given: Any) -> SidecarConfig:
    files = {"history": str(folder / "history.db"), "state": str(folder / "status.json")}
    return SidecarConfig(shard=shard, **(files | given))


def test_each_shard_has_a_folder_of_its_own(tmp_path: Path) -> None:
    with serving_one(own(tmp_path, "2/4", operator=str(tmp_path / "said.sqlite"))) as found:
        assert found is not None
        mine, before = found
    assert before is None
    assert mine.history_file == tmp_path / "shard-2of4" / "history.db"
    assert mine.state_file == tmp_path / "shard-2of4" / "status.json"
    assert mine.operator_file == tmp_path / "shard-2of4" / "said.sqlite"
    beside = own(tmp_path, "2/4", metrics="127.0.0.1:9479", events="unix:/run/zb/events.sock")
    assert (beside.metrics_address, beside.events_source) == ("127.0.0.1:9480", "unix:/run/zb/shard-2of4/events.sock")
    whole = own(tmp_path, "1/1", metrics="127.0.0.1:9479", events="events.json")
    assert whole.history_file == tmp_path / "history.db"
    assert (whole.metrics_address, whole.events_source) == ("127.0.0.1:9479", "events.json")


def test_without_a_shard_nothing_is_locked(tmp_path: Path) -> None:
    with serving_one(own(tmp_path, "")) as found:
        assert found == (own(tmp_path, ""), None)
        assert list(tmp_path.iterdir()) == []


def test_any_takes_what_nobody_serves(tmp_path: Path) -> None:
    locks = [tmp_path / f"shard-{n}of3" / LOCK_NAME for n in (1, 3)]
    with held_elsewhere(locks[0]), held_elsewhere(locks[1]), serving_one(own(tmp_path, "any/3")) as found:
        assert found is not None
        assert found[0].shard == "2/3"


def test_it_waits_until_the_one_that_serves_is_killed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    folder = tmp_path / "shard-1of2"
    with held_elsewhere(folder / LOCK_NAME) as holder, held_elsewhere(tmp_path / "shard-2of2" / LOCK_NAME):
        state = {"written": time.time() - 3, "pid": holder.pid, "role": "serving", "nodes": {}, "name": "host:7"}
        states.write(state, folder / "status.json")
        once_waiting(caplog, holder.kill)
        with serving_one(own(tmp_path, "any/2")) as found:
            assert found is not None
            mine, before = found
            assert mine.shard == "1/2"
            assert before is not None
            assert before.name == "host:7"
            assert before.silent_seconds >= 3
    said = [record.message for record in caplog.records]
    assert said == ["standing_by", "shard_taken"]


def test_one_that_ended_in_order_left_nothing_to_take_over(tmp_path: Path) -> None:
    state = {"written": time.time(), "pid": 1, "role": "away", "nodes": {}, "name": "host:7", "ended": True}
    (tmp_path / "shard-1of2").mkdir()
    states.write(state, tmp_path / "shard-1of2" / "status.json")
    with serving_one(own(tmp_path, "1/2")) as found:
        assert found is not None
        assert found[1] is None


def test_the_wait_ends_when_that_is_asked_for(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    before = signal.getsignal(signal.SIGTERM)
    with held_elsewhere(tmp_path / "shard-1of2" / LOCK_NAME):
        once_waiting(caplog, lambda: os.kill(os.getpid(), signal.SIGTERM))
        with serving_one(own(tmp_path, "1/2")) as found:
            assert found is None
    assert signal.getsignal(signal.SIGTERM) is before


def test_the_lock_is_free_again_afterwards(tmp_path: Path) -> None:
    with serving_one(own(tmp_path, "1/2")):
        lock = ShardLock(tmp_path / "shard-1of2" / LOCK_NAME)
        assert not lock.take()
    assert lock.take()
    lock.release()


def test_it_is_locked_by_the_state_where_there_is_no_history(tmp_path: Path) -> None:
    with serving_one(own(tmp_path, "1/2", history="none")):
        assert (tmp_path / "shard-1of2" / LOCK_NAME).exists()
    with serving_one(own(tmp_path, "1/2", history="none", state="none")) as found:
        assert found is not None
    with (
        pytest.raises(ConfigError, match="needs a history or a state"),
        serving_one(own(tmp_path, "any/2", history="none", state="none")),
    ):
        pass


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "shard-1of2").write_text("")
    with (
        pytest.raises(ConfigError, match=r"shard\.lock: cannot be the lock of a shard"),
        serving_one(own(tmp_path, "1/2")),
    ):
        pass


@pytest.mark.parametrize("shard", ["2", "3/2", "some/2"])
def test_a_shard_that_cannot_be_is_refused(shard: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected"):
        own(tmp_path, shard)


def test_the_files_of_any_shard_are_those_of_none(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="name one, such as 1/2"):
        _ = own(tmp_path, "any/2", alerts_per_host_day=0.1).history_file


def once_waiting(caplog: pytest.LogCaptureFixture, act: Any) -> None:
    """Does something as soon as the wait has begun."""

    def wait_and_act() -> None:
        while not any(record.message == "standing_by" for record in caplog.records):
            time.sleep(0.01)
        act()

    threading.Thread(target=wait_and_act, daemon=True).start()
