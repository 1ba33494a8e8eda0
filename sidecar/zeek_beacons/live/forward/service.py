"""Follows logs and sends them on: what is new goes to the buffer on disk, and from there to the receiver.

Where the buffer is full nothing more is read: logs wait where they are, as messages of a topic do.
"""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from zeek_beacons.config import Config
from zeek_beacons.errors import OutputError
from zeek_beacons.live import state as states
from zeek_beacons.live.follow.sources import FollowedSource, LogSlice
from zeek_beacons.live.forward.batches import LogBatch, batches, checked
from zeek_beacons.live.forward.buffer import BufferedBatch, ForwardBuffer
from zeek_beacons.live.forward.receiver import BatchReceiver, ReceiverAnswer
from zeek_beacons.live.hang_up import on_hang_up
from zeek_beacons.live.kept_state import KeptState
from zeek_beacons.live.protocol.session import Role, Session
from zeek_beacons.live.settings import SidecarConfig
from zeek_beacons.live.status import State

if TYPE_CHECKING:
    from zeek_beacons.live.metrics_server import MetricsServer

FIRST_WAIT = 1.0  # seconds until a receiver that does not answer is asked again; twice as long each time
LONGEST_WAIT = 60.0
DISK_WAIT = 5.0  # seconds until a disk that is full is tried again

log = logging.getLogger(__name__)


@dataclass(slots=True)
class ForwardCounts:
    """What was sent on, since the start."""

    rows: int = 0  # that entered the buffer
    sent: int = 0  # rows that the receiver has
    batches: int = 0  # that it has
    duplicates: int = 0  # of these, that it had before
    bad: int = 0  # rows that are none, and were not sent
    example: str = ""  # the first of these
    refused: int = 0  # batches that the receiver would not take as they are, and were given up
    refused_rows: int = 0
    retries: int = 0
    asked_to_wait: int = 0
    full: int = 0  # times that nothing more was read, because the buffer was full
    disk_errors: int = 0
    problem: str = ""  # what keeps batches from being sent now


class Forwarder:
    """One run. `once`: what is there is sent, and that is all."""

    def __init__(
        self,
        sources: Sequence[FollowedSource],
        buffer: ForwardBuffer,
        receiver: BatchReceiver,
        session: Session,
        own: SidecarConfig,
        config: Config,
        interval: float = 10.0,
        once: bool = False,
        metrics: MetricsServer | None = None,
    ) -> None:
        self._sources, self._buffer, self._receiver, self._session = sources, buffer, receiver, session
        self._own, self._config, self._interval, self._once = own, config, interval, once
        self.counts = ForwardCounts()
        self._stopping = threading.Event()
        self._pending: list[LogBatch] = []
        self._saved: dict[str, int] = {}
        self._ask_at, self._wait = 0.0, FIRST_WAIT
        self._started, self._metrics = time.time(), metrics
        self._kept = KeptState(self.state, self._own.state_file)

    def stop(self) -> None:
        """Asks for an orderly end: what is in the buffer stays there."""
        self._stopping.set()
        for source in self._sources:
            source.stop()

    def serve(self) -> None:
        """Runs to the end; SIGTERM and SIGINT ask for it. Raises OutputError where `once` could not send everything."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self.stop())
        hung_up = on_hang_up(self.stop)
        signal.signal(signal.SIGHUP, lambda *_: hung_up())
        self.run()

    def run(self) -> None:
        """Follows until `stop`, or with `once` to the end of what is there."""
        if self._metrics is not None:
            self._metrics.start(lambda: self._kept.last)  # of another thread, which must not look at what changes here
        try:
            while not self._stopping.is_set():
                self.step()
                if any(source.has_more for source in self._sources):
                    continue
                if self._once:
                    self._finish()
                    break
                self._stopping.wait(self._interval)
        finally:
            self._close()

    def step(self) -> None:
        """Takes what is new, and sends what can be sent."""
        for source in self._sources:
            source.look()
        for source in self._sources:
            for part in source.beside():
                if not self._take(source, part):
                    return
        for source in self._sources:
            for part in source.connections():
                if not self._take(source, part):
                    return
            self._save(source)
        self.send()
        self._kept.keep()

    def send(self) -> None:
        """Sends batches until there are none, or the receiver is to be left alone for a while."""
        while not self._stopping.is_set() and time.monotonic() >= self._ask_at:
            first = self._buffer.first()
            if first is None:
                return
            self._sent(first, self._receiver.send(self._buffer.stream, first))
            self._kept.keep()

    def _take(self, source: FollowedSource, part: LogSlice) -> bool:
        """Takes a slice, and makes room for more. Returns whether to go on."""
        (block,) = part.rows.blocks()
        found, too_long = batches(part.log, block.data)
        self._count_bad(too_long, f"{part.rows.path}: a row that is too long")
        for one in found:
            good, bad = checked(one, self._config)
            self._count_bad(
                one.count - good.count, f"{part.rows.path}: row {bad[0].row}: {bad[0].problem}" if bad else ""
            )
            if good.rows:
                self._pending.append(good)
        if dict(source.progress()).items() - self._saved.items():
            self._save(source)
        self._make_room()
        return not self._stopping.is_set()

    def _save(self, source: FollowedSource) -> None:
        """Puts what was taken on disk, with how far that is; waits where the disk is full."""
        progress = dict(source.progress())
        if not self._pending and not progress.items() - self._saved.items():
            return
        while True:
            try:
                self._buffer.add(self._pending, progress)
                break
            except sqlite3.Error as error:
                self.counts.disk_errors += 1
                self._note(f"buffer: {error}")
            self.send()
            self._kept.keep()
            if self._stopping.wait(DISK_WAIT):
                return
        self.counts.rows += sum(one.count for one in self._pending)
        self._pending.clear()
        self._saved |= progress
        source.kept()

    def _make_room(self) -> None:
        """Reads no more until the buffer is not full."""
        if not self._buffer.is_full:
            return
        self.counts.full += 1
        log.warning("buffer_full", extra={"fields": {"bytes": self._buffer.bytes}})
        while self._buffer.is_full and not self._stopping.is_set():
            self.send()
            self._kept.keep()
            if self._buffer.is_full:
                self._stopping.wait(min(1.0, max(0.0, self._ask_at - time.monotonic())))

    def _sent(self, one: BufferedBatch, answer: ReceiverAnswer) -> None:
        """What became of a batch."""
        counts = self.counts
        if answer.have is not None:
            counts.batches += 1
            counts.sent += one.batch.count
            counts.duplicates += answer.duplicate
            counts.problem, self._wait = "", FIRST_WAIT
            self._buffer.sent(one.seq)
        elif answer.rows and (good := one.batch.without(set(answer.rows))).count < one.batch.count:
            self._count_bad(one.batch.count - good.count, answer.problem)
            self._buffer.replace(one.seq, good)
        elif answer.refused:
            counts.refused += 1
            counts.refused_rows += one.batch.count
            self._note(answer.problem)
            self._buffer.sent(one.seq)
        else:
            self._note(answer.problem)
            counts.retries += 1
            counts.asked_to_wait += answer.wait is not None
            self._ask_at = time.monotonic() + (self._wait if answer.wait is None else answer.wait)
            self._wait = min(2 * self._wait, LONGEST_WAIT)

    def _finish(self) -> None:
        """Sends the rest, in the time that an end may take. Raises OutputError."""
        until = time.monotonic() + self._own.drain
        while self._buffer.batches and time.monotonic() < until and not self._stopping.is_set():
            self.send()
            self._stopping.wait(min(0.2, max(0.0, self._ask_at - time.monotonic())))
        if self._buffer.batches:
            waiting = f"{self._buffer.batches} batches wait to be sent"
            raise OutputError(f"{waiting}: {self.counts.problem}" if self.counts.problem else waiting)

    def _count_bad(self, rows: int, told: str) -> None:
        if rows:
            self.counts.bad += rows
            self.counts.example = self.counts.example or told

    def _note(self, problem: str) -> None:
        if problem != self.counts.problem:
            log.warning("forward", extra={"fields": {"problem": problem}})
        self.counts.problem = problem

    def _close(self) -> None:
        for source in self._sources:
            source.close()
        self._receiver.close()
        if self._metrics is not None:
            self._metrics.close()
        self._kept.keep(ended=True)
        self._buffer.close()

    def state(self) -> State:
        """What `zeek-beacons status` shows."""
        return states.state_of(
            self._session,
            None,
            time.monotonic(),
            role=Role.SERVING.name.lower(),
            address=self._receiver.url,
            problem="",
            written=time.time(),
            started=self._started,
            pid=os.getpid(),
            memory_peak=states.memory_peak(),
            faults=0,
            unreadable=0,
            followed={"sources": {source.name: source.state() for source in self._sources}},
            forwarded=self._forwarded(),
        )

    def _forwarded(self) -> Mapping[str, Any]:
        waiting = {"waiting": self._buffer.batches, "waiting_bytes": self._buffer.bytes}
        return asdict(self.counts) | waiting
