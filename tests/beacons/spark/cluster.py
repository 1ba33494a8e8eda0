"""A standalone Spark cluster on loopback: a master and two workers, each a process of this machine."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

LOOPBACK = "127.0.0.1"
EXECUTOR = "CoarseGrainedExecutorBackend"
# Takes this package out of the path of an executor's Python, so that it has what was shipped and nothing else.
HIDES = """
import os, sys
sys.path[:] = [path for path in sys.path if not os.path.exists(os.path.join(path, "zeek_beacons", "__init__.py"))]
"""


class Daemon:
    """One of Spark's own programs, and what it says."""

    def __init__(self, program: str, arguments: Sequence[str], folder: Path) -> None:
        import pyspark

        home = Path(pyspark.__file__).parent
        given = {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": LOOPBACK, "SPARK_DAEMON_MEMORY": "256m"}
        given |= {"SPARK_LOCAL_DIRS": str(folder / "local")}
        environment = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")} | given
        self._process = subprocess.Popen(
            [home / "bin" / "spark-class", f"org.apache.spark.deploy.{program}", "--host", LOOPBACK, *arguments],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
            start_new_session=True,
        )
        self.pid = self._process.pid
        self._lines: queue.Queue[str | None] = queue.Queue()
        assert self._process.stderr is not None
        self._reader = threading.Thread(target=self._read, args=(self._process.stderr,))
        self._reader.start()

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first line from now on that holds it."""
        said: list[str] = []
        while (line := self._lines.get(timeout=120)) is not None:
            said.append(line)
            if found := re.search(pattern, line):
                return found
        raise AssertionError("ended without a word of it: " + "".join(said[-20:]))

    def stop(self) -> None:
        """Ends it and its children."""
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.pid, signal.SIGKILL)
        self._reader.join()
        self._process.wait()
        if self._process.stderr is not None:
            self._process.stderr.close()

    def _read(self, stream: IO[str]) -> None:
        for line in stream:
            self._lines.put(line)
        self._lines.put(None)


@dataclass(frozen=True, slots=True)
class Executor:
    """One executor of a worker: its number, its process, and what it wrote."""

    number: int
    pid: int
    said: str

    @property
    def running(self) -> set[str]:
        """Its tasks that have begun and not ended."""
        ended = re.findall(r"(?:Finished task|Exception in task|killed) .*\(TID (\d+)\)", self.said)
        return set(re.findall(r"Running task .*\(TID (\d+)\)", self.said)) - set(ended)

    @property
    def stages(self) -> set[str]:
        """Stages of which it has finished a task."""
        return set(re.findall(r"Finished task .* in stage ([\d.]+)", self.said))

    def pythons(self) -> list[int]:
        """The Python processes that work for it, but for the one that forks them."""
        daemons = _children(self.pid)
        return [pid for daemon in daemons for pid in _children(daemon)]


@dataclass(slots=True)
class Cluster:
    """A running cluster, and the Python of its executors."""

    folder: Path
    python: Path
    master: str = ""
    workers: list[Daemon] = field(default_factory=list)

    @classmethod
    @contextmanager
    def started(cls, folder: Path, python: str) -> Iterator[Cluster]:
        """A cluster in which both workers are known to the master; stopped at the end."""
        (folder / "hides").mkdir()
        (folder / "hides" / "sitecustomize.py").write_text(HIDES)
        wrapper = folder / "python"
        wrapper.write_text(f'#!/bin/sh\nPYTHONPATH="{folder}/hides:$PYTHONPATH" exec "{python}" "$@"\n')
        wrapper.chmod(0o755)
        cluster = cls(folder, wrapper)
        daemons = [Daemon("master.Master", ["--port", "0", "--webui-port", "0"], folder)]
        try:
            cluster.master = daemons[0].wait_for(r"Starting Spark master at (spark://\S+)")[1]
            for number in range(2):
                own = ["--port", "0", "--webui-port", "0", "--cores", "1", "--memory", "1g"]
                work = ["--work-dir", str(folder / f"worker-{number}"), cluster.master]
                daemons.append(Daemon("worker.Worker", own + work, folder))
                cluster.workers.append(daemons[-1])
                daemons[0].wait_for("Registering worker")
            yield cluster
        finally:
            for daemon in reversed(daemons):
                daemon.stop()

    def score(self, *arguments: object, settings: Sequence[str] = ()) -> subprocess.Popen[str]:
        """`score` on this cluster, begun."""
        own = ["spark.driver.host=127.0.0.1", "spark.driver.bindAddress=127.0.0.1", "spark.driver.memory=512m"]
        own += ["spark.executor.memory=600m", "spark.sql.shuffle.partitions=3"]
        conf = [part for setting in (*own, *settings) for part in ("--spark-conf", setting)]
        command = [sys.executable, "-m", "zeek_beacons", "score", "--engine", "spark", "--master", self.master, *conf]
        return subprocess.Popen(
            [*command, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYSPARK_PYTHON": str(self.python), "SPARK_LOCAL_IP": LOOPBACK, "OMP_NUM_THREADS": "1"},
        )

    def executors(self) -> list[Executor]:
        """Those that run."""
        pids = {pid: _command(pid) for worker in self.workers for pid in _children(worker.pid)}
        found = []
        for pid, command in pids.items():
            if any(EXECUTOR in part for part in command):
                app, number = (command[command.index(name) + 1] for name in ("--app-id", "--executor-id"))
                logs = sorted(self.folder.glob(f"worker-*/{app}/{number}/stderr"))
                found.append(Executor(int(number), pid, logs[0].read_text() if logs else ""))
        return found

    def logs(self) -> list[str]:
        """What executors of the newest application wrote, those that ended too."""
        apps = sorted({path.name for path in self.folder.glob("worker-*/app-*")})
        return [path.read_text() for path in sorted(self.folder.glob(f"worker-*/{apps[-1]}/*/stderr"))]


def ended(process: subprocess.Popen[str], while_it_runs: Callable[[], object] = lambda: None) -> tuple[int, str, str]:
    """Its exit code and what it said; something is looked at, again and again, while it runs."""
    while True:
        try:
            out, err = process.communicate(timeout=0.1)
        except subprocess.TimeoutExpired:
            while_it_runs()
        else:
            return process.returncode, out, err


def _children(pid: int) -> list[int]:
    try:
        tasks = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []  # it has ended


def _command(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except OSError:
        return []
