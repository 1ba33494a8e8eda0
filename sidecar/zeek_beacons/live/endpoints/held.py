"""Events that are held until a candidate may need them, and what they say of its pair.

Of a pair the newest event speaks, as where events are read as a file. A pair by name has those that tell that name, and
what only Zeek could tell the name or the channel of is found by its newest connection, port by port.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

from zeek_beacons.keys import CONN, HTTP, POLL
from zeek_beacons.pairs import MICROSECONDS, PROCESS
from zeek_beacons.readers.event_lines import ProcessEvent
from zeek_beacons.readers.processes import unpacked

AHEAD = 3600.0  # seconds that an endpoint's clock may be ahead of ours
SKEW = 300.0  # seconds that an event may lie before the connection that it tells of, by their clocks

Ends: TypeAlias = tuple[str, str, int, str]  # originator, responder, its port, protocol


class _Process:
    """A process as events tell it, once for all that do."""

    __slots__ = ("events", "number", "text")

    def __init__(self, text: str, number: int) -> None:
        self.text, self.number, self.events = text, number, 0


class _Event(NamedTuple):
    """Sorted by age; of one moment the process that was told of first is the oldest, as where files are read."""

    start_us: int
    rank: int
    arrival: int
    ends: Ends
    orig_p: int
    name: str
    process: _Process


class HeldEvents:
    """At most `most` events, none older than `seconds`. Filled by one thread, asked by another."""

    def __init__(self, most: int, seconds: float, wall: Callable[[], float] = time.time) -> None:
        self.untimely = 0  # events too old to be needed, or of the future
        self.forgotten = 0  # events that others had no room beside
        self.joined = 0  # candidates of which an event told the process
        self._most, self._seconds, self._wall = most, seconds, wall
        self._lock = threading.Lock()
        self._events: list[_Event] = []  # a heap, the oldest first
        self._arrivals = self._ranks = 0
        self._processes: dict[str, _Process] = {}
        self._by_pair: dict[Ends, _Event] = {}  # the newest event of each
        self._by_name: dict[Ends, _Event] = {}
        self._by_connection: dict[tuple[Ends, int], _Event] = {}

    def __len__(self) -> int:
        return len(self._events)

    def add(self, events: Iterable[ProcessEvent]) -> int:
        """Holds these events, and forgets what is too old or too much. Returns how many are of the time that counts."""
        timely = 0
        now = self._wall()
        oldest, newest = round((now - self._seconds) * MICROSECONDS), round((now + AHEAD) * MICROSECONDS)
        with self._lock:
            for event in events:
                if oldest <= event.start_us <= newest:
                    self._hold(event)
                    timely += 1
                else:
                    self.untimely += 1
                if len(self._events) > self._most:
                    self._forget()
                    self.forgotten += 1
            while self._events and self._events[0].start_us < oldest:
                self._forget()
        return timely

    def of(self, row: Mapping[str, Any], orig_p: int) -> dict[str, Any] | None:
        """The columns `pairs.PROCESS` of a candidate; None: not known. `orig_p`: the port of its newest connection."""
        ends: Ends = (row["orig_h"], row["resp"], row["resp_p"], row["proto"])
        connection = ((row["orig_h"], row["addr"], row["resp_p"], row["proto"]), orig_p)
        with self._lock:
            if row["resp"] == row["addr"] and row["channel"] in (CONN, HTTP, POLL):
                found = [self._by_pair.get(ends)]
            else:
                one = self._by_connection.get(connection) if orig_p >= 0 else None
                earliest = (row["start"].max() - SKEW) * MICROSECONDS
                found = [one if one is not None and one.start_us >= earliest else None]
                if row["channel"] == CONN:
                    found.append(self._by_name.get(ends))
            known = [event for event in found if event is not None]
            if not known:
                return None
            self.joined += 1
            return dict(zip(PROCESS, unpacked(max(known).process.text), strict=True))

    def _hold(self, event: ProcessEvent) -> None:
        process = self._processes.get(event.process)
        if process is None:
            process = self._processes[event.process] = _Process(event.process, self._ranks)
            self._ranks += 1
        process.events += 1
        ends: Ends = (event.orig_h, event.addr, event.resp_p, event.proto)
        if (same := self._by_pair.get(ends)) is not None:
            ends = same.ends  # held once
        held = _Event(event.start_us, process.number, self._arrivals, ends, event.orig_p, event.name, process)
        self._arrivals += 1
        heapq.heappush(self._events, held)
        for index, key in self._places(held):
            if key not in index or index[key] < held:
                index[key] = held

    def _forget(self) -> None:
        """Lets the oldest event go."""
        gone = heapq.heappop(self._events)
        for index, key in self._places(gone):
            if index.get(key) is gone:
                del index[key]
        gone.process.events -= 1
        if not gone.process.events:
            del self._processes[gone.process.text]

    def _places(self, event: _Event) -> list[tuple[dict[Any, _Event], Any]]:
        """The indexes that an event is in, with its key there."""
        places: list[tuple[dict[Any, _Event], Any]] = [(self._by_pair, event.ends)]
        if event.orig_p >= 0:
            places.append((self._by_connection, (event.ends, event.orig_p)))
        if event.name:
            orig_h, _, resp_p, proto = event.ends
            places.append((self._by_name, (orig_h, event.name, resp_p, proto)))
        return places
