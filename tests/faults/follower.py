"""A real `zeek-beacons follow` on a small site's logs that grow below one folder, and what may go wrong with them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import numpy as np

from tests.beacons.cli.commands import run
from tests.beacons.live.follow.made import HOUR, data, grown, site, whole, written
from tests.beacons.live.follow.test_follow import verdicts
from tests.beacons.readers.logs import T0

from .lab import PATIENCE

LOGS = site(hours=2.0, beacons=2, pairs=8)
HALF = T0 + HOUR
LEAST_CONNECTIONS = 5  # below which a pair is not judged
# As root, rights of files hold only for who may not pass over them.
MORTAL = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all")


def scored(folder: Path) -> Path:
    """What `score` finds in the whole logs: a result to compare with."""
    logs = whole(folder / "whole", LOGS)
    assert run("score", logs, "-o", folder / "report").returncode == 0
    return folder / "report" / "result.sqlite"


class FollowLab:
    """Starts and ends followers of `logs`, with a history and a file of alerts."""

    def __init__(self, folder: Path, expected: Path) -> None:
        self.folder, self.expected = folder, expected
        self.logs, self.history, self.state = folder / "logs", folder / "history.db", folder / "status.json"
        self.conn = self.logs / "conn.log"
        self.running: list[subprocess.Popen[bytes]] = []
        self._began = 0.0  # when the newest was started

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self.running:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()

    def grow(self, until: float = np.inf, more: int = 0) -> None:
        """Brings the logs to a time, with so many bytes of the next line, by appending."""
        if not self.conn.exists():
            grown(self.logs, LOGS, until, more)
            return
        target = self.folder / "target"
        grown(target, LOGS, until, more)
        for name in LOGS:
            there, wanted = self.logs / f"{name}.log", (target / f"{name}.log").read_bytes()
            with there.open("ab") as file:
                file.write(wanted[there.stat().st_size :])
        shutil.rmtree(target)

    def start(self, *arguments: str, wrapper: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        """A follower that looks often."""
        command = [*wrapper, sys.executable, "-m", "zeek_beacons", "follow", str(self.logs), "--interval", "0.1"]
        command += ["--history", str(self.history), "--state", str(self.state)]
        command += ["--alert", f"file:{self.folder / 'alerts.json'}", *arguments]
        self._began = time.time()
        with (self.folder / f"follow-{len(self.running)}.log").open("wb") as log:
            environment = os.environ | {"STATE_DIRECTORY": str(self.folder)}
            process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        self.running.append(process)
        return process

    def status(self) -> dict[str, Any]:
        """What `zeek-beacons status` reads of the one that runs; empty before it wrote it."""
        state: dict[str, Any] = json.loads(self.state.read_text()) if self.state.exists() else {}
        return state if state and state["started"] >= self._began - 1.0 else {}

    def words(self) -> str:
        """All that followers said."""
        return "\n".join(path.read_text() for path in sorted(self.folder.glob("follow-*.log")))

    def read_all(self, but: int = 0) -> None:
        """Waits until every connection is read, but for so many."""
        wanted = len(LOGS["conn"]) - but
        self.until(lambda: self.status() and self.status()["followed"]["rows"]["rows"] >= wanted, "all is read")

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Waits until something holds; fails the test where it never does."""
        end = time.monotonic() + PATIENCE
        while not condition():
            assert self.running[-1].poll() is None, f"ended: {what}\n{self.words()[-2000:]}"
            assert time.monotonic() < end, f"never happened: {what}\n{self.status()}\n{self.words()[-2000:]}"
            time.sleep(0.05)

    def judged(self, pairs: int = 1) -> None:
        """Waits until so many pairs are in the history."""

        def some() -> bool:
            with contextlib.suppress(sqlite3.Error):
                return len(verdicts(self.history)) >= pairs
            return False

        self.until(some, "pairs are judged")

    def stop(self) -> dict[str, Any]:
        """Ends the one that runs, in order. Returns its last state."""
        self.running[-1].terminate()
        assert self.running[-1].wait(PATIENCE) == 0, self.words()[-2000:]
        return self.status()

    def finish(self) -> dict[str, Any]:
        """Has what is there judged to its end by a new run. Returns its last state."""
        process = self.start("--once")
        assert process.wait(PATIENCE) == 0, self.words()[-2000:]
        return self.status()

    def alerts(self) -> list[dict[str, Any]]:
        """What was told."""
        file = self.folder / "alerts.json"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []

    def check(self, lost: int = 0, late: bool = False) -> None:
        """The verdicts are those of `score`; every incident that alerts was told, and nothing twice.

        `lost`: rows that could not be read, which pairs may lack. `late`: rows came after their connection, whose names
        are not joined then: pairs by address are compared, by their labels.
        """
        found, expected = verdicts(self.history), verdicts(self.expected)
        if lost:
            missing = [one[-1] - found[key][-1] if key in found else one[-1] for key, one in expected.items()]
            assert 0 <= sum(missing) <= LEAST_CONNECTIONS * lost
        elif late:
            assert {key: one[1] for key, one in expected.items() if key in found} == {
                key: one[1] for key, one in found.items() if key in expected
            }
            assert {key for key in expected if key[1][0].isdigit()} <= found.keys()
        else:
            assert {key: one[1:] for key, one in found.items()} == {key: one[1:] for key, one in expected.items()}
        self.check_alerts()

    def check_alerts(self) -> None:
        """Every incident that alerts was told, and nothing twice."""
        told = self.alerts()
        assert told
        assert len({(one["incident"], one["severity"]) for one in told}) == len(told)
        with contextlib.closing(sqlite3.connect(self.history)) as db:
            alerting = {one for (one,) in db.execute("SELECT incident FROM verdicts WHERE level > 0")}
        assert alerting
        assert alerting <= {one["incident"] for one in told}


__all__ = ["HALF", "HOUR", "LOGS", "MORTAL", "T0", "FollowLab", "data", "scored", "written"]
