"""The sidecar's side of docs/wire.md as a state machine without I/O: messages and the time go in, messages come out.

`now` is a monotonic clock in seconds. The owner calls `connected`, `receive`, `tick` (about twice a second), hands
`take`n candidates to a scorer and the verdicts to `answer`, and sends what `outgoing` gives.
"""

from __future__ import annotations

import enum
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from zeek_beacons.live.protocol.candidate_queue import CandidateQueue, QueueBounds
from zeek_beacons.live.protocol.delays import DelayHistogram
from zeek_beacons.live.protocol.messages import (
    OLDEST,
    VERSION,
    BadMessage,
    Candidate,
    Incoming,
    NodeHeartbeat,
    Noticed,
    Outgoing,
    Resync,
    SidecarHeartbeat,
    SidecarHello,
    Verdict,
    ZeekHello,
)
from zeek_beacons.live.protocol.pending_alerts import PendingAlerts
from zeek_beacons.live.protocol.sequence import NodeProgress, Seen
from zeek_beacons.store.long_connection import LongConnection

HELLO_INTERVAL = 2.0  # seconds between hellos that nobody answers
HEARTBEAT_INTERVAL = 5.0
PAUSED = 10.0  # seconds without a tick after which Zeek may have given this sidecar up
QUIET = 15.0  # seconds in which nothing moves although a node waits for verdicts
ASK_AGAIN = 60.0  # seconds between requests for the same unanswered candidates
MOST_NODES = 1_000
LAGS = 10_000  # newest ones kept
MOST_LONG = 10_000  # pairs connected for long that wait for the history; what is left out comes again


class Role(enum.Enum):
    """What this sidecar is to Zeek."""

    AWAY = "not connected"
    GREETING = "waiting for Zeek's answer"
    STANDBY = "refused, standing by"
    SERVING = "serving"


@dataclass(slots=True)
class SessionCounts:
    """What happened since the start, in messages."""

    received: int = 0
    scored: int = 0
    sent: int = 0
    alerts: int = 0
    labels: Counter[str] = field(default_factory=Counter)  # of the verdicts
    severities: Counter[str] = field(default_factory=Counter)  # of the alerts
    confirmed: int = 0
    notices: int = 0  # that the confirmations tell of: one for each incident and level
    repeated: int = 0
    superseded: int = 0  # left out of a full queue where a newer candidate of the pair stands for them
    dropped: int = 0  # left out of a full queue, and asked for again
    failed: int = 0  # taken and not scored, a fault of ours; asked for again
    gaps: int = 0  # numbers that never came
    late: int = 0
    duplicates: int = 0
    ignored: int = 0  # candidates for another sidecar
    long: int = 0  # told of pairs that are connected for long
    resyncs: int = 0
    connections: int = 0
    refusals: int = 0
    bad: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Note:
    """An event for the log."""

    event: str
    problem: bool = False
    fields: Mapping[str, Any] = field(default_factory=dict)


class Session:
    """One sidecar's side of the conversation, over all its connections."""

    def __init__(self, me: SidecarHello, bounds: QueueBounds | None = None) -> None:
        self.me = me
        self.role = Role.AWAY
        self.version = VERSION  # of the contract, spoken on this connection
        self.zeek: ZeekHello | None = None  # who accepted, or refused, this sidecar last
        self.counts = SessionCounts()
        self.queue = CandidateQueue(bounds or QueueBounds())
        self.pending_alerts = PendingAlerts()
        self.nodes: OrderedDict[tuple[str, str], NodeProgress] = OrderedDict()  # by node and boot, the silent first
        self.heard: dict[str, tuple[float, NodeHeartbeat]] = {}  # the last heartbeat of each node
        self.lags: deque[float] = deque(maxlen=LAGS)  # seconds from a candidate to its verdict
        self.delays = DelayHistogram()  # the same, of all since the start
        self.confirmations: list[Noticed] = []  # for the history; its owner empties it
        self.long: deque[LongConnection] = deque(maxlen=MOST_LONG)  # the same
        self._came: deque[float] = deque()  # when each candidate came that was taken and is not answered
        self._out: deque[Outgoing] = deque()
        self._notes: list[Note] = []
        self._dropped_from: dict[tuple[str, str], int] = {}
        self._unanswered = False  # a hello
        self._hello_due = self._heartbeat_due = self._ticked = 0.0

    def resume(self, progress: Mapping[tuple[str, str], int]) -> None:
        """What an earlier run had seen of each node and boot: what comes again of it is a duplicate."""
        for place, seq in list(progress.items())[-MOST_NODES:]:
            self.nodes[place] = NodeProgress(highest=seq)

    def connected(self, now: float) -> None:
        """A connection stands and the subscription is taken."""
        self.counts.connections += 1
        self.role = Role.GREETING
        self.version = VERSION
        self._ticked = now
        self._greet(now)

    def disconnected(self, now: float) -> None:
        """The connection is gone. Verdicts not yet sent are forgotten: Zeek is asked for their candidates again."""
        self._ticked = now
        self.role = Role.AWAY
        self._unanswered = False
        self._out.clear()
        self.heard.clear()

    def receive(self, message: Incoming, now: float) -> None:
        """A message came."""
        _HANDLERS[type(message)](self, message, now)

    def tick(self, now: float) -> None:
        """Whatever is due by now."""
        paused, self._ticked = now - self._ticked, now
        if self.role is Role.AWAY:
            return
        if self.role is Role.SERVING and paused > PAUSED:
            self._note("paused", problem=True, seconds=round(paused, 1))
            self._greet(now)
        if (self._unanswered or self.role is Role.STANDBY) and now >= self._hello_due:
            self._greet(now)
        if self.role is Role.SERVING:
            self._serve(now)

    def _serve(self, now: float) -> None:
        if now >= self._heartbeat_due:
            self._heartbeat_due = now + HEARTBEAT_INTERVAL
            counts = self.counts
            self._out.append(
                SidecarHeartbeat(self.me.sidecar, len(self.queue), counts.scored, counts.dropped, self.me.shard)
            )
        for (node, boot), progress in self.nodes.items():
            first = progress.overdue(now)
            if first is not None:
                self._note("gap", problem=True, node=node, boot=boot, first=first)
                self._ask(node, boot, first)
        self._ask_for_dropped()
        repeats = self.pending_alerts.due(now)
        self.counts.repeated += len(repeats)
        self._out.extend(repeats)

    def take(self, most: int) -> list[Candidate]:
        """The next candidates to score."""
        taken = self.queue.take(most)
        self._came.extend(came for _, came in taken)
        return [candidate for candidate, _ in taken]

    def answer(self, verdicts: Sequence[Verdict], now: float) -> None:
        """The verdicts for the candidates that were taken first, in their order."""
        lags = [now - self._came.popleft() for _ in verdicts]
        self.lags.extend(lags)
        self.delays.add(lags)
        self.counts.scored += len(verdicts)
        self.counts.labels.update(verdict.label for verdict in verdicts)
        for verdict in verdicts:
            if verdict.level and self.pending_alerts.add(verdict, now):
                self.counts.alerts += 1
                self.counts.severities[verdict.severity] += 1
            if self.role is Role.SERVING:
                self._out.append(verdict)
                self.counts.sent += 1
            progress = self.nodes.get((verdict.node, verdict.boot))
            if progress is not None:
                progress.active = now

    def give_up(self, candidates: Sequence[Candidate]) -> None:
        """Candidates that were taken and get no verdict: their nodes will be asked for them again."""
        for candidate in candidates:
            self._came.popleft()
            self._lose(candidate)
        self.counts.failed += len(candidates)

    @property
    def scoring(self) -> int:
        """Candidates taken and not answered."""
        return len(self._came)

    def outgoing(self, most: int | None = None) -> list[Outgoing]:
        """What is to be sent, in order; each message once."""
        count = len(self._out) if most is None else min(most, len(self._out))
        return [self._out.popleft() for _ in range(count)]

    @property
    def backlog(self) -> int:
        """Messages that wait to be sent."""
        return len(self._out)

    def notes(self) -> list[Note]:
        """What is worth telling, each once."""
        told, self._notes = self._notes, []
        return told

    def gaps(self) -> int:
        """Candidates that never came, over all nodes."""
        return self.counts.gaps + sum(progress.gaps for progress in self.nodes.values())

    def _greet(self, now: float) -> None:
        standby = self.role is Role.STANDBY
        self._hello_due = now + (HEARTBEAT_INTERVAL if standby else HELLO_INTERVAL)
        self._unanswered = not standby
        self._out.append(self.me)

    def _on_hello(self, hello: ZeekHello, now: float) -> None:
        if hello.sidecar != self.me.sidecar or self.role is Role.AWAY:
            return
        self._unanswered = False
        self.zeek = hello
        if not hello.accepted and OLDEST <= hello.v < self.version:
            self.version = hello.v
            self._note("older_zeek", version=hello.v, package=hello.package)
            self._greet(now)
            return
        if not hello.accepted:
            if self.role is not Role.STANDBY:
                self.counts.refusals += 1
                self._note("refused", problem=True, reason=hello.reason, node=hello.node)
            self.role = Role.STANDBY
            self._hello_due = now + HEARTBEAT_INTERVAL
            return
        self.role = Role.SERVING
        self._note("accepted", sensor=hello.sensor, node=hello.node, boot=hello.boot, zeek=hello.zeek)
        self._heartbeat_due = now
        for progress in self.nodes.values():
            progress.restart()
        self._dropped_from.clear()
        self._ask("", "", 0)
        self.pending_alerts.repeat_soon(now)

    def _on_heartbeat(self, beat: NodeHeartbeat, now: float) -> None:
        self.heard[beat.node] = (now, beat)
        if len(self.heard) > MOST_NODES:
            del self.heard[next(iter(self.heard))]
        if self.role is not Role.SERVING:
            return
        progress = self._progress(beat.node, beat.boot, now)
        progress.expect(beat.seq, now)
        busy = len(self.queue) or self.scoring or self._out
        if beat.outstanding and not busy and now - progress.active > QUIET and now - progress.asked > ASK_AGAIN:
            progress.asked = now
            self._note("unanswered", problem=True, node=beat.node, outstanding=beat.outstanding)
            self._ask(beat.node, beat.boot, 0)

    def _on_noticed(self, noticed: Noticed, now: float) -> None:
        self.counts.notices += self.pending_alerts.is_new_notice(noticed)
        if self.pending_alerts.confirm(noticed.key, noticed.level):
            self.counts.confirmed += 1
            self.confirmations.append(noticed)

    def _on_candidate(self, candidate: Candidate, now: float) -> None:
        if self.role is not Role.SERVING:
            self.counts.ignored += 1
            return
        self.counts.received += 1
        seen = self._progress(candidate.node, candidate.boot, now).see(candidate.seq, now)
        if seen is Seen.DUPLICATE:
            self.counts.duplicates += 1
            return
        self.counts.late += seen is Seen.LATE
        superseded, dropped = self.queue.add(candidate, now)
        self.counts.superseded += len(superseded)
        self.counts.dropped += len(dropped)
        if dropped and not self._dropped_from:
            self._note("overflow", problem=True, queue=len(self.queue))
        for lost in dropped:
            self._lose(lost)

    def _on_long(self, told: LongConnection, now: float) -> None:
        if self.role is Role.SERVING:
            self.counts.long += 1
            self.long.append(told)

    def _lose(self, candidate: Candidate) -> None:
        place = (candidate.node, candidate.boot)
        self._dropped_from[place] = min(candidate.seq, self._dropped_from.get(place, candidate.seq))

    def _on_bad(self, bad: BadMessage, now: float) -> None:
        self.counts.bad[bad.reason] += 1
        self._note("bad_message", problem=True, reason=bad.reason)

    def _ask_for_dropped(self) -> None:
        if self._dropped_from and self.queue.half_empty:
            for (node, boot), first in self._dropped_from.items():
                self._ask(node, boot, first)
            self._dropped_from.clear()

    def _ask(self, node: str, boot: str, first: int) -> None:
        self.counts.resyncs += 1
        self._out.append(Resync(self.me.sidecar, node, boot, first, shard=self.me.shard))

    def _progress(self, node: str, boot: str, now: float) -> NodeProgress:
        place = (node, boot)
        if place not in self.nodes:
            self.nodes[place] = NodeProgress(active=now)
            if len(self.nodes) > MOST_NODES:
                self.counts.gaps += self.nodes.popitem(last=False)[1].gaps
        self.nodes.move_to_end(place)
        return self.nodes[place]

    def _note(self, event: str, problem: bool = False, **fields: object) -> None:
        self._notes.append(Note(event, problem, fields))


_HANDLERS: Mapping[type, Callable[[Session, Any, float], None]] = {
    ZeekHello: Session._on_hello,
    NodeHeartbeat: Session._on_heartbeat,
    Noticed: Session._on_noticed,
    Candidate: Session._on_candidate,
    LongConnection: Session._on_long,
    BadMessage: Session._on_bad,
}
