"""Uploads and samples that are scored: one at a time, each by a process of its own, within limits.

A job's folder in the spool has `input/` while it is needed, `result/`, and `log.txt`. What a job is stands in
operator.sqlite. The newest results are kept, for a while.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import re
import secrets
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zeek_beacons.errors import BeaconsError
from zeek_beacons.operator_file.store import OperatorStore
from zeek_beacons.serve.child import Spec
from zeek_beacons.serve.processes import GRACE, end, environment, head, without
from zeek_beacons.serve.settings import ServeConfig

POLL = 0.2  # seconds between looks at a running process
LOG_SHOWN = 4000  # bytes of a log's end
WAITING, RUNNING, DONE, FAILED, STOPPED = "waiting", "running", "done", "failed", "stopped"
ENDED = (DONE, FAILED, STOPPED)
_CAPTURE = (
    *(b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d"),  # pcap
    b"\x0a\x0d\x0d\x0a",  # pcapng
)
_PACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")

log = logging.getLogger(__name__)
Job = dict[str, Any]


class BusyError(BeaconsError):
    """As many jobs wait as may."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A job to be: who asks, for what, by which profile ("": the default)."""

    who: str
    kind: str  # upload, sample
    name: str
    profile: str = ""


class Jobs:
    """All jobs of a server. `nets`: networks that count as local, where they are not the usual ones."""

    def __init__(
        self,
        store: OperatorStore,
        settings: ServeConfig,
        nets: Sequence[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._settings, self._nets, self._clock = store, settings, nets, clock
        self._root = settings.spool_folder.absolute()
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}  # by id, the oldest first
        self._process: tuple[str, subprocess.Popen[bytes]] | None = None
        self._thread: threading.Thread | None = None
        self._reserved = 0

    def start(self) -> None:
        """Takes up what an earlier run has left, and begins to work."""
        for job in reversed(self._store.jobs()):
            if job["state"] not in ENDED:
                job |= {"state": FAILED, "problem": "the console was ended meanwhile", "ended": self._clock()}
                self._store.put_job(job)
            self._jobs[job["id"]] = job
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        for folder in self._root.iterdir():
            if folder.is_dir() and folder.name not in self._jobs:
                shutil.rmtree(folder, ignore_errors=True)
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends what runs."""
        self._queue.put(None)
        with self._lock:
            running = self._process
        if running is not None:
            end(running[1])
        if self._thread is not None:
            self._thread.join(GRACE)

    def all(self) -> list[Job]:
        """All jobs, the newest first."""
        with self._lock:
            return [self._told(job) for job in reversed(self._jobs.values())]

    def get(self, name: str) -> Job | None:
        """One job."""
        with self._lock:
            job = self._jobs.get(name)
            return None if job is None else self._told(job)

    def folder(self, name: str) -> Path:
        """Where a job's files lie."""
        return self._root / name

    def reserve(self) -> Path:
        """A folder for the files of a job to be. Raises BusyError. Ends by `submit` or `cancel`."""
        with self._lock:
            waiting = sum(job["state"] in (WAITING, RUNNING) for job in self._jobs.values())
            if waiting + self._reserved >= self._settings.waiting_jobs:
                raise BusyError(f"{waiting} jobs wait or run, as many as may; try again later")
            self._reserved += 1
        folder = self._root / secrets.token_hex(8)
        (folder / "input").mkdir(parents=True, mode=0o700)
        return folder

    def cancel(self, folder: Path) -> None:
        """It comes to nothing."""
        with self._lock:
            self._reserved -= 1
        shutil.rmtree(folder, ignore_errors=True)

    def submit(self, folder: Path, asked: Asked) -> Job:
        """Has the files in a folder scored."""
        files = sorted((folder / "input").iterdir())
        size = sum(file.stat().st_size for file in files)
        job: Job = {
            "id": folder.name,
            "who": asked.who,
            "at": self._clock(),
            "kind": asked.kind,
            "state": WAITING,
            "name": asked.name,
            "profile": asked.profile,
            "bytes": size,
            "started": None,
            "ended": None,
            "problem": "",
            "command": "",
        }
        with self._lock:
            self._reserved -= 1
            self._jobs[job["id"]] = job
        self._store.put_job(job)
        self._queue.put(job["id"])
        return self._told(job)

    def remove(self, name: str) -> bool:
        """Ends a job that waits or runs, and forgets it with its files. Returns whether there was one."""
        with self._lock:
            job = self._jobs.pop(name, None)
            running = self._process
        if job is None:
            return False
        if running is not None and running[0] == name:
            end(running[1])
        self._store.remove_job(name)
        shutil.rmtree(self.folder(name), ignore_errors=True)
        return True

    def _told(self, job: Job) -> Job:
        """The job with how far it is: the share of its input that was read, where that is known."""
        done = {WAITING: 0.0, DONE: 1.0}.get(job["state"])
        if job["state"] == RUNNING and job["bytes"]:
            with contextlib.suppress(OSError, ValueError):
                read = int((self.folder(job["id"]) / "progress").read_text(encoding="ascii"))
                done = round(min(1.0, read / job["bytes"]), 3)
        return job | {"progress": done}

    def _work(self) -> None:
        while True:
            try:
                name = self._queue.get(timeout=60.0)
            except queue.Empty:
                self._forget_old()
                continue
            if name is None:
                return
            with self._lock:
                job = self._jobs.get(name)
            if job is None:
                continue
            try:
                self._run(job)
            except Exception:
                log.exception("job_failed", extra={"fields": {"job": name}})
                self._set(job, state=FAILED, problem="a fault of zeek-beacons; its log has more", ended=self._clock())
            self._forget_old()

    def _run(self, job: Job) -> None:
        folder = self.folder(job["id"])
        files = sorted((folder / "input").iterdir())
        spec = self._spec(job, folder, files)
        (folder / "spec.json").write_text(spec.text(), encoding="utf-8")
        told = [
            without(folder, word).replace(str(self._store.path.absolute()), self._store.path.name)
            for word in spec.command
        ]
        self._set(job, state=RUNNING, started=self._clock(), command=" ".join(["zeek-beacons", *told]))
        with (folder / "log.txt").open("wb") as out:
            process = subprocess.Popen(  # noqa: S603
                [sys.executable, "-P", "-m", "zeek_beacons.serve.child", str(folder / "spec.json")],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                cwd=folder,
                env=environment(folder),
            )
            with self._lock:
                self._process = (job["id"], process)
            late = self._wait(process)
        with self._lock:
            self._process = None
            gone = job["id"] not in self._jobs
        if gone:
            shutil.rmtree(folder, ignore_errors=True)
            return
        problem = self._problem(process.returncode, late, folder)
        self._set(job, state=FAILED if problem else DONE, problem=problem, ended=self._clock())
        shutil.rmtree(folder / "input", ignore_errors=True)

    def _spec(self, job: Job, folder: Path, files: Sequence[Path]) -> Spec:
        captures = [file for file in files if head(file).startswith(_CAPTURE)]
        options = [*(["--profile", job["profile"]] if job["profile"] else [])]
        for net in self._nets:
            options += ["--local-net", net]
        result = str(folder / "result")
        if captures:
            command = ["pcap", *map(str, captures), "--timeout", str(int(self._settings.job_seconds)), "-o", result]
        else:
            inputs = [str(files[0])] if len(files) == 1 else [str(folder / "input")]
            command = ["score", *inputs, "--operator", str(self._store.path.absolute()), "-o", result]
        return Spec(
            command=(*command, *options),
            packed=tuple(str(file) for file in files if head(file).startswith(_PACKED)),
            unpacked_megabytes=self._settings.unpacked_megabytes,
            memory_megabytes=self._settings.job_megabytes,
            seconds=self._settings.job_seconds,
            progress=str(folder / "progress"),
        )

    def _wait(self, process: subprocess.Popen[bytes]) -> bool:
        """Waits for the end. Returns whether it took too long, and was ended."""
        deadline = time.monotonic() + self._settings.job_seconds
        while True:
            try:
                process.wait(POLL)
            except subprocess.TimeoutExpired:
                if time.monotonic() >= deadline:
                    end(process)
                    return True
            else:
                return False

    def _problem(self, code: int, late: bool, folder: Path) -> str:
        """Why there is no result; "" where there is one."""
        if late or code == -signal.SIGXCPU:
            return f"it took more than {self._settings.job_seconds:g} s"
        if code == 0:
            return ""
        said = (folder / "log.txt").read_bytes()[-LOG_SHOWN:].decode("utf-8", "replace")
        if code < 0 or "MemoryError" in said or "bad_alloc" in said:
            return f"it needs more than {self._settings.job_megabytes} MB of memory, or broke the reader"
        errors = re.findall(r"^error: (.*)$", said, re.MULTILINE)
        return without(folder, errors[-1]) if errors else "it could not be scored; its log has more"

    def _set(self, job: Job, **facts: Any) -> None:
        with self._lock:
            job |= facts
            is_known = job["id"] in self._jobs
        if is_known:
            try:
                self._store.put_job(job)
            except BeaconsError as error:
                log.error("job_not_noted", extra={"fields": {"job": job["id"], "problem": str(error)}})

    def _forget_old(self) -> None:
        oldest = self._clock() - self._settings.job_days * 86_400
        with self._lock:
            ended = [job for job in self._jobs.values() if job["state"] in ENDED]
        beyond = len(ended) - self._settings.kept_jobs
        for place, job in enumerate(ended):
            if place < beyond or job["at"] < oldest:
                try:
                    self.remove(job["id"])
                except BeaconsError as error:
                    log.error("job_not_removed", extra={"fields": {"job": job["id"], "problem": str(error)}})
