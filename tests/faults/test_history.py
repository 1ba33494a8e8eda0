"""A history file that is slow, full or broken; and more candidates than anybody can score at once."""

from __future__ import annotations

import shutil
import sqlite3

import pytest

from .lab import Lab
from .test_processes import fed_some


def test_history_that_hangs(lab: Lab) -> None:
    """Another process holds the file's lock for a while, as a stalled disk would."""
    lab.start_zeek()
    lab.start_sidecar()
    fed_some(lab, 5)
    lab.until(lab.history.exists, "the history is there")
    lock = sqlite3.connect(lab.history, isolation_level=None, timeout=60)
    lock.execute("BEGIN EXCLUSIVE")
    lab.until(lambda: lab.zeeks[-1].tells()[0], "all is fed")
    lock.execute("ROLLBACK")
    lock.close()
    lab.settle()
    lab.check_notices()


def test_disk_that_is_full(lab: Lab) -> None:
    """Files may not grow beyond some kilobytes, as on a full disk."""
    assert shutil.which("prlimit")
    lab.start_zeek()
    lab.start_sidecar(wrapper=("prlimit", "--fsize=100000"))
    lab.settle()
    lab.check_notices()
    history = lab.status()["history"]
    assert history["errors"] or not history["working"], history


def test_history_that_is_broken(lab: Lab) -> None:
    lab.history.write_bytes(b"SQLite format 3\x00" + b"garbage" * 1000)
    lab.start_zeek()
    lab.start_sidecar()
    lab.settle()
    lab.check_notices()
    assert list(lab.folder.glob("history.db*broken*")) or list(lab.folder.glob("history.db.*")), "set aside"
    assert any("history" in line["event"] for line in lab.said())


@pytest.mark.parametrize("candidates", [5_000, pytest.param(50_000, marks=pytest.mark.heavy)])
def test_flood(lab: Lab, candidates: int) -> None:
    """Candidates as fast as Zeek can make them."""
    zeek = lab.start_zeek(pairs=candidates, conns=7, pause=0.01)  # beyond exact_pairs the first one counts nowhere
    lab.start_sidecar()
    lab.settle()
    assert zeek.tells()[3] >= candidates
    assert zeek.tells()[2] == 0
