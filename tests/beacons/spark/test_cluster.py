"""`score --engine spark` on a standalone cluster: the verdicts of one machine, whatever dies meanwhile."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from zeek_beacons_lab.bench.conn_log import make_log

from ..cli.commands import run
from .cluster import Cluster, Executor, ended
from .same import FEW, alerts, assert_same, on_one_machine, on_spark

pytestmark = pytest.mark.filterwarnings("ignore")  # of Spark's own sockets

Same = tuple[Path, list[dict[str, Any]], dict[str, str]]


def test_a_master_and_two_workers_give_the_same_verdicts(cluster: Cluster, same: Same, tmp_path: Path) -> None:
    """The executors' Python does not have the package: it is shipped to them."""
    absent = subprocess.run(
        [cluster.python, "-c", "import zeek_beacons.spark"], capture_output=True, text=True, check=False
    )
    assert "No module named 'zeek_beacons" in absent.stderr
    code, _, err = ended(cluster.score(same[0] / "conn.log", "--names", same[0] / "ssl.log", *FEW, "-o", tmp_path))
    assert code == 0, err
    assert_same(on_spark(tmp_path), on_one_machine(same[0] / "report"))
    assert alerts(tmp_path) == alerts(same[0] / "report")
    finished = [log for log in cluster.logs() if "Finished task" in log]
    assert len(finished) == 2, "both workers had work"


def python_died(cluster: Cluster) -> bool:
    return any("Python worker exited unexpectedly" in log for log in cluster.logs())


@pytest.mark.parametrize("victim", ["executor", "python"])
def test_what_is_killed_in_mid_job_changes_nothing(cluster: Cluster, same: Same, tmp_path: Path, victim: str) -> None:
    """An executor takes with it what it had shuffled; a Python process of one fails its task alone."""
    killed: list[Executor] = []

    def kill() -> None:
        if killed and (victim == "executor" or python_died(cluster)):
            return
        for executor in cluster.executors():
            if executor.running and len(executor.stages) >= 3:
                for pid in [executor.pid] if victim == "executor" else executor.pythons():
                    os.kill(pid, signal.SIGKILL)
                killed.append(executor)
                return

    code, _, err = ended(
        cluster.score(same[0] / "conn.log", "--names", same[0] / "ssl.log", *FEW, "-o", tmp_path), kill
    )
    assert code == 0, err
    assert killed
    if victim == "executor":
        assert f"Lost executor {killed[0].number}" in err
        assert len(cluster.logs()) == 3, "another one took its place"
    else:
        assert python_died(cluster)
    assert_same(on_spark(tmp_path), on_one_machine(same[0] / "report"))
    assert alerts(tmp_path) == alerts(same[0] / "report")


def test_a_resolver_with_40_percent_of_all_rows_fails_no_task(cluster: Cluster, tmp_path: Path) -> None:
    """No Python process grows with it, and the verdicts are those of one machine."""
    make_log(tmp_path / "conn.log", 150_000, 1000, resolver=0.4)
    run("score", tmp_path / "conn.log", *FEW, "-o", tmp_path / "one")
    most = 0.0

    def look() -> None:
        nonlocal most
        for executor in cluster.executors():
            most = max([most, *map(resident, executor.pythons())])

    code, _, err = ended(cluster.score(tmp_path / "conn.log", *FEW, "-o", tmp_path / "spark"), look)
    assert code == 0, err
    assert not [log for log in cluster.logs() if "Exception in task" in log]
    assert 0 < most < 500
    assert_same(on_spark(tmp_path / "spark"), on_one_machine(tmp_path / "one"))


def resident(pid: int) -> float:
    """MB of memory that a process has had at most; 0 where it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return max((int(line.split()[1]) / 1e3 for line in lines if line.startswith("VmHWM")), default=0.0)
