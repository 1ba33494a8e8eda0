"""Follows logs from start to end: looks for what is new, judges the pairs that it makes due, and notes how far it got.

How far each file was read is stored with the last verdicts that rest on it. After a restart what was read before fills
the tracker again, and is not judged again; what came later is.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from dataclasses import asdict
from typing import Any

import numpy as np

from zeek_beacons.live import state as states
from zeek_beacons.live.allow_list_file import AllowListFile
from zeek_beacons.live.follow.due import Due, candidates
from zeek_beacons.live.follow.log_files import QUIET, STREAM, LogFile, LogFiles
from zeek_beacons.live.follow.tracker import Tracker
from zeek_beacons.live.hang_up import on_hang_up
from zeek_beacons.live.operators import Feed, Operators
from zeek_beacons.live.protocol.messages import Verdict
from zeek_beacons.live.protocol.session import HEARTBEAT_INTERVAL, Role, Session
from zeek_beacons.live.settings import SidecarConfig
from zeek_beacons.live.status import State
from zeek_beacons.live.worker import FOLLOWED, Worker
from zeek_beacons.pairs import Pairs

MOST_ROWS = 2_000_000  # of connections that are read before pairs are judged
SHARE = 10  # pairs are looked at again after so many times the seconds that this took

log = logging.getLogger(__name__)


class Follower:
    """One run. `once`: what is there is read to its end, all of it judged, and that is all."""

    def __init__(
        self,
        files: LogFiles,
        tracker: Tracker,
        worker: Worker,
        session: Session,
        allow_list: AllowListFile,
        own: SidecarConfig,
        operators: Operators | None = None,
        interval: float = 10.0,
        once: bool = False,
    ) -> None:
        self._files, self._tracker, self._worker, self._session = files, tracker, worker, session
        self._allow_list, self._own, self._operators = allow_list, own, operators
        self._interval, self._once = interval, once
        self._due = Due(worker.config.min_connections)
        self._stopping = threading.Event()
        self._started, self._written, self._judge_at = time.time(), 0.0, 0.0
        self._rows, self._judged_rows = 0, 0
        self._pairs = 0

    def stop(self) -> None:
        """Asks for an orderly end."""
        self._stopping.set()

    def serve(self) -> None:
        """Runs to the end; SIGTERM and SIGINT ask for it."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())
        hung_up = on_hang_up(self.stop)
        signal.signal(signal.SIGHUP, lambda *_: hung_up())
        self.run()

    def run(self) -> None:
        """Follows until `stop`, or with `once` to the end of what is there."""
        worker = self._worker
        if worker.alerts is not None:
            worker.alerts.channels.start()
        try:
            self.fill()
            while not self._stopping.is_set():
                self.step()
                if self._once:
                    break
                self._stopping.wait(self._interval)
        finally:
            self.close()

    def step(self) -> None:
        """Takes what is new, and judges what is due by it."""
        self._files.look()
        self._read()
        if self._stopping.is_set():
            return
        if self._once:
            self._judge(ends=True)
        elif self._is_news() and time.monotonic() >= self._judge_at:
            self._judge()
        else:
            self._work([], {})
        self._write_state()

    def fill(self) -> None:
        """Takes what an earlier run has judged."""
        self._files.look()
        known = [one for one in self._files.of("conn", STREAM) if one.known > one.read]
        if not known:
            return
        self._take_beside()
        for one in known:
            self._take(one, upto=one.known)
        if not self._stopping.is_set() and self._tracker.counts().rows:
            pairs = self._tracker.pairs()
            self._due.judged(pairs, np.flatnonzero(pairs.conns >= self._worker.config.min_connections))
        self._judged_rows = self._tracker.counts().rows

    def _read(self) -> None:
        """Takes what is new: of conn.log what was there a look before, so that the logs beside it have come as far."""
        self._take_beside()
        for one in self._files.of("conn", STREAM):
            self._take(one, upto=None if self._once or one.packed or self._is_quiet(one) else one.before)

    def _take_beside(self) -> None:
        kinds = self._files.kinds() - {"conn", STREAM}
        for kind in sorted(kinds, key=lambda kind: kind == "x509"):
            for one in self._files.of(kind):
                self._take(one)

    def _take(self, one: LogFile, upto: int | None = None) -> None:
        for chunk in self._files.chunks(one, upto, rest=self._once or self._is_quiet(one)):
            self._tracker.take(one.kind, chunk)
            if self._stopping.is_set():
                return
            if self._tracker.counts().rows - self._judged_rows > MOST_ROWS and upto is None and not self._once:
                self._judge()
            self._write_state()

    def _is_quiet(self, one: LogFile) -> bool:
        return one.changed < time.time() - QUIET

    def _is_news(self) -> bool:
        return self._tracker.counts().rows > self._judged_rows

    def _judge(self, ends: bool = False) -> None:
        """Judges the pairs that are due; with what they led to, how far the files were read is stored."""
        began = time.monotonic()
        self._judged_rows = self._tracker.counts().rows
        progress = {(FOLLOWED, identity): read for identity, read in self._files.progress().items()}
        pairs = self._tracker.pairs(ends)
        self._pairs = len(pairs)
        rows = self._due.of(pairs, every=ends)
        if not self._judge_rows(pairs, rows, progress):
            return
        if self._worker.history is None or self._worker.history.health.working:
            self._due.judged(pairs, rows)
        self._due.forget(pairs)
        self._judge_at = time.monotonic() + SHARE * (time.monotonic() - began)

    def _judge_rows(self, pairs: Pairs, rows: Any, progress: dict[tuple[str, str], int]) -> bool:
        """Judges these pairs, in batches. Returns whether it got to the end."""
        size = self._own.batch
        for begin in range(0, len(rows), size):
            if self._stopping.is_set():
                return False
            some = rows[begin : begin + size]
            uids = self._tracker.uids.newest(pairs, some)
            batch = candidates(pairs, some, uids, self._own_name, self._judged_rows)
            self._work(batch, progress if begin + size >= len(rows) else {})
            self._write_state()
        if not len(rows):
            self._work([], progress)
        return True

    @property
    def _own_name(self) -> str:
        return os.uname().nodename

    def _work(self, batch: list[Any], progress: dict[tuple[str, str], int]) -> None:
        """Judges a batch, with what operators fed in, and stores what it led to."""
        allow = self._allow_list.current(time.monotonic())
        feed = Feed()
        if self._operators is not None:
            allow = self._operators.apply(allow)
            feed = self._operators.feed()
            progress = progress | self._operators.progress(feed)
        whole = [*batch, *feed.candidates]
        counts = self._session.counts
        counts.received += len(batch)
        try:
            verdicts = self._worker.work(whole, allow, (), progress, serving=not self._once)
        except Exception:
            log.exception("batch_failed", extra={"fields": {"candidates": len(whole)}})
            counts.failed += len(batch)
            return
        if self._operators is not None:
            self._operators.took(feed)
        self._count(verdicts)

    def _count(self, verdicts: list[Verdict]) -> None:
        counts = self._session.counts
        counts.scored += len(verdicts)
        for verdict in verdicts:
            counts.labels[verdict.label] += 1
            if verdict.level:
                counts.alerts += 1
                counts.severities[verdict.severity] += 1

    def close(self) -> None:
        """Ends the use of all files."""
        self._files.close()
        worker = self._worker
        if worker.history is not None:
            worker.history.close()
        if worker.alerts is not None:
            if self._once:
                worker.alerts.channels.flush(self._own.drain)
            worker.alerts.channels.close()
        self._write_state(ended=True)
        counts, rows = self._session.counts, self._tracker.counts()
        fields = {"connections": rows.rows, "bad": rows.bad, "pairs": self._pairs, "alerts": counts.alerts}
        log.info("ended", extra={"fields": fields})

    def _write_state(self, ended: bool = False) -> None:
        path, now = self._own.state_file, time.monotonic()
        if path is None or (not ended and now - self._written < HEARTBEAT_INTERVAL):
            return
        self._written = now
        try:
            states.write(self.state() | {"ended": ended}, path)
        except Exception as error:
            log.error("state_failed", extra={"fields": {"path": str(path), "problem": str(error)}})

    def state(self) -> State:
        """What `zeek-beacons status` shows."""
        worker = self._worker
        return states.state_of(
            self._session,
            None if worker.history is None else worker.history.health,
            time.monotonic(),
            role=Role.SERVING.name.lower(),
            address=", ".join(map(str, self._files.roots)),
            problem="",
            written=time.time(),
            started=self._started,
            pid=os.getpid(),
            memory_peak=states.memory_peak(),
            faults=worker.faults,
            unreadable=worker.unreadable,
            alerting=asdict(worker.in_force),
            allow_problem=self._allow_list.problem,
            operator=None if self._operators is None else self._operators.state(),
            events=None,
            sinks=None if worker.alerts is None else worker.alerts.channels.state(),
            followed=asdict(self._files.counts) | {"tracked": self._pairs} | {"rows": asdict(self._tracker.counts())},
        )
