"""The protocol as a state machine: no socket, no clock."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.beacons.live.made import ME, candidate, event, hello, long, verdict
from zeek_beacons.live.protocol import wire
from zeek_beacons.live.protocol.candidate_queue import QueueBounds
from zeek_beacons.live.protocol.messages import (
    BadMessage,
    NodeHeartbeat,
    Resync,
    SidecarHeartbeat,
    SidecarHello,
    Verdict,
)
from zeek_beacons.live.protocol.sequence import GRACE
from zeek_beacons.live.protocol.session import ASK_AGAIN, PAUSED, QUIET, Role, Session


def serving(**bounds: int) -> Session:
    """A session that Zeek accepted at time 0, with nothing left to send."""
    session = Session(ME, QueueBounds(**bounds) if bounds else None)
    session.connected(0)
    session.receive(hello(), 0)
    session.tick(0)
    session.outgoing()
    return session


def sent(session: Session, kind: type) -> list[Any]:
    return [message for message in session.outgoing() if isinstance(message, kind)]


def seqs(session: Session) -> list[int]:
    return [one.seq for one in session.take(10_000)]


def score(session: Session, now: float, level: int = 0) -> None:
    session.answer([verdict(one, level) for one in session.take(10_000)], now)


def test_hello_until_answered_then_everything_unanswered_is_asked_for() -> None:
    session = Session(ME)
    session.tick(0)
    assert session.outgoing() == []
    session.connected(0)
    assert session.outgoing() == [ME]
    for now in (0.5, 1.0, 1.5):
        session.tick(now)
    assert session.outgoing() == []
    session.tick(2.0)
    assert session.outgoing() == [ME]
    session.receive(hello(), 2.1)
    assert session.role is Role.SERVING
    session.tick(2.5)
    assert session.outgoing() == [Resync(ME.sidecar), SidecarHeartbeat(ME.sidecar, 0, 0, 0)]
    session.tick(4.5)
    assert session.outgoing() == []
    session.tick(7.5)
    assert sent(session, SidecarHeartbeat)


def test_an_answer_to_another_sidecar_is_none() -> None:
    session = Session(ME)
    session.connected(0)
    session.receive(hello(sidecar="other"), 1)
    session.receive(hello(False, sidecar="other"), 1)
    assert session.role is Role.GREETING


def test_a_refused_sidecar_stands_by_says_so_once_and_takes_over() -> None:
    session = Session(ME)
    session.connected(0)
    session.outgoing()
    for now in range(0, 60, 5):
        session.receive(hello(False, reason="another serves"), now)
        session.receive(candidate(now + 1, n=8), now)
        session.tick(now + 4.9)
        assert session.outgoing() == []
        session.tick(now + 5)
        assert session.outgoing() == [ME]
    assert [note.event for note in session.notes()] == ["refused"]
    assert (session.counts.refusals, session.counts.ignored) == (1, 12)
    session.receive(hello(), 60)
    assert session.role is Role.SERVING
    assert sent(session, Resync) == [Resync(ME.sidecar)]


def test_a_candidate_is_answered_once() -> None:
    session = serving()
    session.receive(candidate(1, n=8), 1)
    session.receive(candidate(1, n=8), 1)
    score(session, 2)
    session.receive(candidate(1, n=8), 3)
    assert seqs(session) == []
    assert [one.seq for one in sent(session, Verdict)] == [1]
    assert (session.counts.duplicates, list(session.lags)) == (2, [1])


def test_a_gap_is_asked_for_after_a_grace() -> None:
    session = serving()
    for seq in (1, 2, 5):
        session.receive(candidate(seq, n=8), 1)
    session.tick(1 + GRACE - 0.1)
    assert not sent(session, Resync)
    session.tick(1 + GRACE)
    assert sent(session, Resync) == [Resync(ME.sidecar, "zeek", "b1", 3)]
    session.tick(60)
    assert not sent(session, Resync)
    assert session.gaps() == 2


def test_what_comes_late_is_no_gap() -> None:
    session = serving()
    for seq in (1, 4, 3, 2):
        session.receive(candidate(seq, n=8), 1)
    session.tick(20)
    assert not sent(session, Resync)
    assert (seqs(session), session.gaps(), session.counts.late) == ([1, 4, 3, 2], 0, 2)


def test_a_heartbeat_tells_of_a_lost_end() -> None:
    session = serving()
    session.receive(candidate(1, n=8), 1)
    session.receive(NodeHeartbeat("zeek", "b1", 3, 2, 0), 5)
    session.tick(5 + GRACE)
    assert sent(session, Resync) == [Resync(ME.sidecar, "zeek", "b1", 2)]


def test_the_first_number_seen_is_no_gap_and_a_heartbeat_may_overtake() -> None:
    session = serving()
    session.receive(NodeHeartbeat("zeek", "b1", 52, 3, 0), 1)
    for seq in (50, 51, 52):
        session.receive(candidate(seq, n=8), 1)
    session.tick(20)
    assert not sent(session, Resync)
    assert (seqs(session), session.gaps()) == ([50, 51, 52], 0)


def test_nodes_and_boots_count_apart() -> None:
    session = serving()
    for node, boot, seq in (("a", "1", 7), ("b", "1", 1), ("a", "2", 1), ("a", "1", 8), ("b", "1", 2)):
        session.receive(candidate(seq, n=8, node=node, boot=boot), 1)
    session.tick(20)
    assert not sent(session, Resync)
    assert session.counts.duplicates == 0


def test_an_enormous_gap_costs_no_memory() -> None:
    session = serving()
    for seq in (1, 2**62, 2**62 + 2):
        session.receive(candidate(seq, n=8), 1)
    session.tick(1 + GRACE)
    assert sent(session, Resync) == [Resync(ME.sidecar, "zeek", "b1", 2)]
    assert session.gaps() == 2**62 - 1


def test_a_new_connection_asks_for_everything_and_a_jump_is_no_gap() -> None:
    session = serving()
    session.receive(candidate(1, n=8), 1)
    session.disconnected(2)
    assert session.role is Role.AWAY
    session.tick(3)
    assert session.outgoing() == []
    session.connected(4)
    session.receive(hello(), 4)
    assert sent(session, Resync) == [Resync(ME.sidecar)]
    session.receive(candidate(9, n=8), 5)
    session.tick(30)
    assert not sent(session, Resync)
    assert seqs(session) == [1, 9]


def test_an_earlier_run_is_resumed() -> None:
    session = Session(ME)
    session.resume({("zeek", "b1"): 5})
    session.connected(0)
    session.receive(hello(), 0)
    for seq in (5, 9):
        session.receive(candidate(seq, n=8), 1)
    assert (seqs(session), session.counts.duplicates, session.gaps()) == ([9], 1, 0)


def test_boots_that_are_gone_make_room_and_those_that_are_heard_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zeek_beacons.live.protocol.session.MOST_NODES", 3)
    session = serving()
    for step in range(1, 6):
        session.receive(candidate(step, n=8, node="steady"), step)
        session.receive(candidate(1, n=8, node="restarts", boot=f"b{step}"), step)
    assert list(session.nodes) == [("restarts", "b4"), ("steady", "b1"), ("restarts", "b5")]
    session.receive(candidate(5, n=8, node="steady"), 9)
    assert session.counts.duplicates == 1


def test_a_full_queue_drops_what_a_newer_candidate_replaces() -> None:
    session = serving(candidates=3)
    for seq, host in enumerate(("10.0.0.1", "10.0.0.2", "10.0.0.1", "10.0.0.3"), 1):
        session.receive(candidate(seq, n=8, orig_h=host), 1)
    session.tick(2)
    assert not sent(session, Resync)
    assert (seqs(session), session.counts.superseded, session.counts.dropped) == ([2, 3, 4], 1, 0)


def test_what_a_full_queue_drops_is_asked_for_once_there_is_room() -> None:
    session = serving(candidates=4)
    for seq in range(1, 9):
        session.receive(candidate(seq, n=8, orig_h=f"10.0.0.{seq}"), 1)
    session.tick(2)
    assert not sent(session, Resync)
    assert [one.seq for one in session.take(2)] == [5, 6]
    session.tick(3)
    assert sent(session, Resync) == [Resync(ME.sidecar, "zeek", "b1", 1)]
    session.tick(4)
    assert not sent(session, Resync)
    assert session.counts.dropped == 4
    assert [note.event for note in session.notes()] == ["accepted", "overflow"]


def test_a_queue_is_bounded_by_observations_too() -> None:
    session = serving(candidates=100, observations=100)
    for seq in range(1, 5):
        session.receive(candidate(seq, n=40, orig_h=f"10.0.0.{seq}"), 1)
    assert seqs(session) == [3, 4]
    session.receive(candidate(5, n=500), 1)
    assert seqs(session) == [5]


def test_candidates_that_failed_are_asked_for_again() -> None:
    session = serving()
    session.receive(candidate(1, n=8), 0)
    session.give_up(session.take(10))
    session.tick(1)
    assert sent(session, Resync) == [Resync(ME.sidecar, "zeek", "b1", 1)]
    assert (session.scoring, session.counts.failed) == (0, 1)


def test_a_sidecar_that_was_stopped_greets_again_and_keeps_serving() -> None:
    session = serving()
    session.tick(PAUSED + 5)
    assert [type(one) for one in session.outgoing()] == [SidecarHello, SidecarHeartbeat]
    session.receive(candidate(1, n=8), 16)
    assert seqs(session) == [1]
    session.receive(hello(False, reason="another serves"), 16)
    assert session.role is Role.STANDBY


def test_a_node_that_waits_in_vain_is_asked_again_and_not_too_often() -> None:
    session = serving()
    session.receive(candidate(1, n=8), 1)
    score(session, 1)
    session.outgoing()
    times = []
    for now in range(5, 200, 5):
        session.receive(NodeHeartbeat("zeek", "b1", 1, 3, 0), now)
        session.tick(now)
        times += [now] * len(sent(session, Resync))
    assert times[0] >= 1 + QUIET
    assert len(times) == pytest.approx(200 / ASK_AGAIN, abs=1)


def test_bad_messages_are_counted_by_reason() -> None:
    session = serving()
    for reason in ("a", "b", "a"):
        session.receive(BadMessage(reason), 1)
    assert session.counts.bad == {"a": 2, "b": 1}


NUMBERS = st.lists(st.integers(1, 30), max_size=60)


@given(NUMBERS, st.integers(1, 10))
def test_whatever_the_order_every_candidate_is_scored_or_asked_for(order: list[int], room: int) -> None:
    """Each number that came is scored once, or a resync from it or below was asked for; nothing waits for ever."""
    session = serving(candidates=room)
    scored: list[int] = []
    asked: list[int] = []
    for now, seq in enumerate(order):
        session.receive(candidate(seq, n=8, orig_h=f"10.0.0.{seq}"), now / 10)
        if seq % 3 == 0:
            batch = session.take(2)
            scored += [one.seq for one in batch]
            session.answer([verdict(one) for one in batch], now / 10)
        session.tick(now / 10)
        asked += [one.from_seq for one in sent(session, Resync)]
    batch = session.take(1000)
    scored += [one.seq for one in batch]
    session.answer([verdict(one) for one in batch], 100)
    session.tick(104)
    asked += [one.from_seq for one in sent(session, Resync)]
    assert len(scored) == len(set(scored))
    first = order[0] if order else 0
    for seq in {*order, *range(first, max(order, default=-1) + 1)} - set(scored):
        assert seq < first or any(one <= seq for one in asked)


def test_an_older_zeek_is_spoken_to_in_its_own_version() -> None:
    session = Session(ME)
    session.connected(0)
    assert (session.version, session.outgoing()) == (4, [ME])
    session.receive(hello(accepted=False, reason="version 4 of the contract, this Zeek speaks 1", v=1), 1)
    assert (session.version, session.role, session.outgoing()) == (1, Role.GREETING, [ME])
    session.receive(hello(v=1), 2)
    session.tick(2)
    assert session.role is Role.SERVING
    session.disconnected(3)
    session.connected(4)
    assert session.version == 4, "it may be another one now"


def test_a_refusal_in_our_version_is_one() -> None:
    session = Session(ME)
    session.connected(0)
    session.receive(hello(accepted=False, reason="another sidecar serves", v=1), 1)
    session.receive(hello(accepted=False, reason="another sidecar serves", v=1), 2)
    assert (session.role, session.counts.refusals) == (Role.STANDBY, 1)


def test_long_connections_wait_for_the_history_and_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zeek_beacons.live.protocol.session.MOST_LONG", 2)
    told = [wire.decode(event("long", long(orig_h=f"10.0.0.{number}"))) for number in range(4)]
    session = Session(ME)
    session.receive(told[0], 0)  # nobody serves yet
    assert not session.long
    session.connected(0)
    session.receive(hello(), 0)
    for one in told[1:]:
        session.receive(one, 1)
    assert list(session.long) == told[2:]
    assert session.counts.long == 3
