"""What came of the partitions of topics, and which connections of it may be judged; without a broker.

Connections wait until all partitions have come as far as they, by the broker's time of their messages, and a while
longer: what tells more about them may be in another partition, or come later.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from zeek_beacons.live.follow.messages import MessageRow, log_of_topic, row_of
from zeek_beacons.live.follow.sources import LogSlice
from zeek_beacons.readers.files import Held

SILENT = 30.0  # seconds without a message after which no other partition waits for this one
MOST_WAITING = 256 << 20  # bytes of connections that wait, beyond which the oldest wait no longer
AHEAD = 20_000  # connections of a partition that wait for others before it is read no further
MOST_SLICE = 16 << 20  # bytes of a slice
MOST_TOLD = 10  # bad messages that the log tells of

log = logging.getLogger(__name__)


class WaitingRow(NamedTuple):
    """A connection that waits. `time`: the broker's, seconds."""

    offset: int
    time: float
    row: MessageRow


@dataclass(slots=True, eq=False)
class Partition:
    """One partition. `next`: the offset that is expected; `known`: below, all was judged in an earlier run."""

    topic: str
    number: int
    next: int
    known: int
    end: int  # as far as it goes, at the last look
    heard: float  # when something last came of it, by a clock that only goes on
    newest: float = 0.0  # by the broker's time, seconds
    at_end: bool = False
    paused: bool = False
    began: bool = False
    waiting: deque[WaitingRow] = field(default_factory=deque)

    @property
    def progress(self) -> int:
        """Below, all was given."""
        return self.waiting[0].offset if self.waiting else self.next


@dataclass(slots=True)
class TopicCounts:
    """What happened to messages, since the start."""

    messages: int = 0
    bytes: int = 0
    bad: int = 0  # that hold no row
    other: int = 0  # rows of logs that do not count
    missed: int = 0  # that the broker had given up before they were read
    cut: int = 0  # topics that began anew
    hurried: int = 0  # connections that did not wait, because there were too many
    rebalances: int = 0
    disconnects: int = 0
    example: str = ""  # the first bad message
    problem: str = ""  # what keeps us from the brokers now


class GivenRow(NamedTuple):
    """A row to be given on, and where it was."""

    partition: Partition
    offset: int
    row: MessageRow


class Partitions:
    """Takes messages, gives slices. `wait`: seconds that connections wait for what tells more about them."""

    def __init__(self, wait: float) -> None:
        self.counts = TopicCounts()
        self.held: dict[tuple[str, int], Partition] = {}
        self._wait = wait
        self._beside: list[GivenRow] = []
        self._bytes = 0
        self._told: dict[str, str] = {}

    @property
    def has_beside(self) -> bool:
        """Whether rows of logs beside conn.log are to be given."""
        return bool(self._beside)

    def add(self, one: Partition) -> None:
        """A partition is ours from now on."""
        self.held[one.topic, one.number] = one
        self._told[one.topic] = log_of_topic(one.topic)

    def remove(self, topic: str, number: int) -> None:
        """A partition is another's: what waits of it is left to whoever has it."""
        gone = self.held.pop((topic, number), None)
        if gone is not None:
            self._bytes -= sum(len(waiting.row.line) for waiting in gone.waiting)
            self._beside = [came for came in self._beside if came.partition is not gone]

    def take(self, one: Partition, offset: int, value: bytes | None, stamp: float, wall: float, now: float) -> None:
        """A message came. `stamp`: the broker's time, 0 where there is none; `wall`, `now`: ours, as `Partition`'s."""
        counts = self.counts
        if offset < one.next:  # the topic was made anew
            counts.cut += 1
            one.known = 0
        elif offset > one.next and one.began:
            counts.missed += offset - one.next
        one.began, one.at_end, one.heard = True, False, now
        one.next, one.end = offset + 1, max(one.end, offset + 1)
        one.newest = max(one.newest, min(stamp, wall)) if stamp > 0 else wall
        counts.messages += 1
        counts.bytes += len(value or b"")
        row = row_of(value, self._told[one.topic])
        if row.problem:
            self._count_bad(f"{row.problem}: {one.topic}[{one.number}] offset {offset}")
        elif not row.log:
            counts.other += 1
        elif row.log == "conn":
            one.waiting.append(WaitingRow(offset, one.newest, row))
            self._bytes += len(row.line)
        else:
            self._beside.append(GivenRow(one, offset, row))

    def ended(self, one: Partition, now: float) -> None:
        """A partition holds no more."""
        one.at_end, one.end, one.heard = True, max(one.end, one.next), now

    def ahead(self, wall: float, now: float) -> Iterator[tuple[Partition, bool]]:
        """Partitions of which it changed whether they are so far ahead that others must come up first."""
        frontier = self._frontier(wall, now)
        for one in self.held.values():
            is_ahead = len(one.waiting) > AHEAD and one.newest > frontier + self._wait
            if is_ahead != one.paused:
                one.paused = is_ahead
                yield one, is_ahead

    def beside(self) -> Iterator[LogSlice]:
        """Rows of the logs beside conn.log, certificates last."""
        came, self._beside = self._beside, []
        came.sort(key=lambda one: one.row.log == "x509")
        return _slices(came)

    def connections(
        self, wall: float, now: float, at_once: bool = False, only_known: bool = False
    ) -> Iterator[LogSlice]:
        """Connections that need not wait longer, `at_once`: that wait. `only_known`: judged by an earlier run."""
        return _slices(self._released(self._frontier(wall, now) - self._wait, at_once, only_known))

    def _released(self, due: float, at_once: bool, only_known: bool) -> Iterator[GivenRow]:
        for one in self.held.values():
            while one.waiting and (not only_known or one.waiting[0].offset < one.known):
                first = one.waiting[0]
                if not at_once and first.time > due:
                    if self._bytes <= MOST_WAITING:
                        break
                    self.counts.hurried += 1
                one.waiting.popleft()
                self._bytes -= len(first.row.line)
                yield GivenRow(one, first.offset, first.row)

    def _frontier(self, wall: float, now: float) -> float:
        """Up to when all partitions have been read, by the broker's time."""
        reached = (wall if one.at_end or one.heard < now - SILENT else one.newest for one in self.held.values())
        return min(reached, default=wall)

    def _count_bad(self, told: str) -> None:
        self.counts.bad += 1
        self.counts.example = self.counts.example or told
        if self.counts.bad <= MOST_TOLD:
            log.warning("message_bad", extra={"fields": {"problem": told}})


def _slices(rows: Iterator[GivenRow] | list[GivenRow]) -> Iterator[LogSlice]:
    """Rows as slices of their logs, each named by its partition and the offset of its first row."""
    held: dict[tuple[str, Partition], tuple[int, list[bytes]]] = {}
    size = 0
    for one, offset, row in rows:
        held.setdefault((row.log, one), (offset, []))[1].append(row.line)
        size += len(row.line)
        if size >= MOST_SLICE:
            yield from _joined(held)
            held, size = {}, 0
    yield from _joined(held)


def _joined(held: Mapping[tuple[str, Partition], tuple[int, list[bytes]]]) -> Iterator[LogSlice]:
    for (name, one), (offset, lines) in held.items():
        yield LogSlice(name, Held(f"{one.topic}[{one.number}]@{offset}", b"".join(lines)))
