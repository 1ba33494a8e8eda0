"""Follows logs from start to end: looks for what is new, judges the pairs that it makes due, and notes how far it got.

How far each source was read is stored with the last verdicts that rest on it. After a restart what was read before
fills the tracker again, and is not judged again; what came later is.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from zeek_beacons.live import state as states
from zeek_beacons.live.allow_list_file import AllowListFile
from zeek_beacons.live.follow.due import Due, candidates
from zeek_beacons.live.follow.sources import FollowedSource
from zeek_beacons.live.follow.tracker import Tracker
from zeek_beacons.live.hang_up import on_hang_up
from zeek_beacons.live.kept_state import KeptState
from zeek_beacons.live.operators import Feed, Operators
from zeek_beacons.live.protocol.messages import Verdict
from zeek_beacons.live.protocol.session import Role, Session
from zeek_beacons.live.settings import SidecarConfig
from zeek_beacons.live.status import State
from zeek_beacons.live.worker import FOLLOWED, Worker
from zeek_beacons.pairs import Pairs

if TYPE_CHECKING:
    from zeek_beacons.live.metrics_server import MetricsServer

MOST_ROWS = 2_000_000  # of connections that are read before pairs are judged
SHARE = 10  # pairs are looked at again after so many times the seconds that this took

log = logging.getLogger(__name__)


class Follower:
    """One run. `once`: what is there is read to its end, all of it judged, and that is all."""

    def __init__(
        self,
        sources: Sequence[FollowedSource],
        tracker: Tracker,
        worker: Worker,
        session: Session,
        allow_list: AllowListFile,
        own: SidecarConfig,
        operators: Operators | None = None,
        interval: float = 10.0,
        once: bool = False,
        metrics: MetricsServer | None = None,
    ) -> None:
        self._sources, self._tracker, self._worker, self._session = sources, tracker, worker, session
        self._allow_list, self._own, self._operators = allow_list, own, operators
        self._interval, self._once = interval, once
        self._due = Due(worker.config.min_connections)
        self._stopping = threading.Event()
        self._started, self._judge_at = time.time(), 0.0
        self._judged_rows, self._pairs, self._metrics = 0, 0, metrics
        self._kept = KeptState(self.state, self._own.state_file)

    def stop(self) -> None:
        """Asks for an orderly end."""
        self._stopping.set()
        for source in self._sources:
            source.stop()

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
        if self._metrics is not None:
            self._metrics.start(lambda: self._kept.last)  # of another thread, which must not look at what changes here
        try:
            self.fill()
            while not self._stopping.is_set():
                self.step()
                if self._has_more():
                    continue
                if self._once:
                    break
                self._stopping.wait(self._interval)
        finally:
            self.close()

    def step(self) -> None:
        """Takes what is new, and judges what is due by it."""
        for source in self._sources:
            source.look()
        self._read()
        if self._stopping.is_set():
            return
        if self._once and not self._has_more():
            self._judge(ends=True)
        elif not self._once and self._is_news() and time.monotonic() >= self._judge_at:
            self._judge()
        else:
            self._work([], {})
        self._kept.keep()

    def fill(self) -> None:
        """Takes what an earlier run has judged."""
        for source in self._sources:
            for log, rows in source.old():
                self._tracker.take(log, rows)
                self._kept.keep()
                if self._stopping.is_set():
                    return
        if self._tracker.counts().rows:
            pairs = self._tracker.pairs()
            self._due.judged(pairs, np.flatnonzero(pairs.conns >= self._worker.config.min_connections))
        self._judged_rows = self._tracker.counts().rows

    def _read(self) -> None:
        """Takes what is new, connections behind what tells more about them."""
        for source in self._sources:
            for log, rows in source.beside():
                self._tracker.take(log, rows)
                self._kept.keep()
                if self._stopping.is_set():
                    return
        for source in self._sources:
            for log, rows in source.connections():
                self._tracker.take(log, rows)
                if self._stopping.is_set():
                    return
                if self._tracker.counts().rows - self._judged_rows > MOST_ROWS and not self._once:
                    self._judge()
                self._kept.keep()

    def _has_more(self) -> bool:
        return any(source.has_more for source in self._sources)

    def _is_news(self) -> bool:
        return self._tracker.counts().rows > self._judged_rows

    def _judge(self, ends: bool = False) -> None:
        """Judges the pairs that are due; with what they led to, how far the files were read is stored."""
        began = time.monotonic()
        self._judged_rows = self._tracker.counts().rows
        progress = {(FOLLOWED, one): read for source in self._sources for one, read in source.progress().items()}
        pairs = self._tracker.pairs(ends)
        self._pairs = len(pairs)
        rows = self._due.of(pairs, every=ends)
        if not self._judge_rows(pairs, rows, progress):
            return
        if self._worker.history is None or self._worker.history.health.working:
            self._due.judged(pairs, rows)
            for source in self._sources:
                source.kept()
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
            self._kept.keep()
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
        for source in self._sources:
            source.close()
        worker = self._worker
        if worker.history is not None:
            worker.history.close()
        if worker.alerts is not None:
            if self._once:
                worker.alerts.channels.flush(self._own.drain)
            worker.alerts.channels.close()
        if self._metrics is not None:
            self._metrics.close()
        self._kept.keep(ended=True)
        counts, rows = self._session.counts, self._tracker.counts()
        fields = {"connections": rows.rows, "bad": rows.bad, "pairs": self._pairs, "alerts": counts.alerts}
        log.info("ended", extra={"fields": fields})

    def state(self) -> State:
        """What `zeek-beacons status` shows."""
        worker = self._worker
        return states.state_of(
            self._session,
            None if worker.history is None else worker.history.health,
            time.monotonic(),
            role=Role.SERVING.name.lower(),
            address=", ".join(source.name for source in self._sources),
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
            followed=self._followed(),
        )

    def _followed(self) -> dict[str, Any]:
        """What was followed: each source under what it is known by."""
        return {
            "sources": {source.name: source.state() for source in self._sources},
            "tracked": self._pairs,
            "unjudged": self._tracker.counts().rows - self._judged_rows,
            "rows": asdict(self._tracker.counts()),
        }
