"""Alerts on their way to Zeek: repeated until they are noticed, and counted as notices once."""

from __future__ import annotations

from tests.beacons.live.made import candidate, hello, verdict
from zeek_beacons.live.protocol.messages import Noticed, Verdict
from zeek_beacons.live.protocol.pending_alerts import REPEAT_AFTER

from .test_session import score, sent, serving


def test_an_alert_is_repeated_until_its_level_is_noticed() -> None:
    session = serving()
    session.receive(candidate(1, n=8), 0)
    score(session, 0, level=2)
    key = candidate(1, n=8).key
    assert [one.level for one in sent(session, Verdict)] == [2]
    session.tick(REPEAT_AFTER)
    assert [one.level for one in sent(session, Verdict)] == [2]
    session.receive(Noticed("zeek", "b1", key, 1), 6)
    session.tick(3 * REPEAT_AFTER)
    assert [one.level for one in sent(session, Verdict)] == [2]
    session.receive(Noticed("zeek", "b1", key, 2), 16)
    session.tick(100)
    assert not sent(session, Verdict)
    assert [one.level for one in session.confirmations] == [1, 2]
    assert (session.counts.alerts, session.counts.repeated, len(session.pending_alerts)) == (1, 2, 0)


def test_a_known_alert_is_sent_again_but_not_repeated_unless_it_escalates() -> None:
    session = serving()
    for seq, level in ((1, 2), (2, 1), (3, 2), (4, 3)):
        session.receive(candidate(seq, n=8), seq)
        score(session, seq, level)
        assert [one.level for one in sent(session, Verdict)] == [level]
        if seq == 1:
            session.receive(Noticed("zeek", "b1", candidate(1, n=8).key, 2), 1)
        assert len(session.pending_alerts) == (seq == 4)
    assert session.counts.alerts == 2


def test_alerts_go_out_again_on_a_new_connection() -> None:
    session = serving()
    session.receive(candidate(1, n=8), 0)
    session.disconnected(1)
    score(session, 1, level=4)
    assert session.outgoing() == []
    session.connected(50)
    session.tick(50)
    session.receive(hello(), 50)
    session.tick(51)
    assert [one.level for one in sent(session, Verdict)] == [4]


def test_notices_are_counted_by_incident_and_level() -> None:
    session = serving()

    def alert(seq: int, level: int, incident: str, joined: tuple[str, ...] = ()) -> None:
        one = candidate(seq, n=8, orig_h=f"10.0.0.{seq}")
        session.receive(one, 0)
        session.take(1)
        session.answer([verdict(one, level, incident=incident, joined=joined)], 0)
        session.receive(Noticed("zeek", "b1", one.key, max(level, 2), incident), 0)

    for seq, level, incident in ((1, 2, "a"), (2, 1, "a"), (3, 3, "a"), (4, 2, "b"), (5, 4, "b")):
        alert(seq, level, incident)
    assert session.counts.notices == 4
    alert(6, 4, "a", joined=("b",))
    assert session.counts.notices == 4, "that of b counts for a"
    assert session.counts.confirmed == 6


def test_a_repeated_alert_bears_the_name_of_the_incident_that_took_its_own_in() -> None:
    session = serving()
    for seq, incident, joined in ((1, "b", ()), (2, "a", ("b",))):
        one = candidate(seq, n=8, orig_h=f"10.0.0.{seq}")
        session.receive(one, 0)
        session.take(1)
        session.answer([verdict(one, 2, incident=incident, joined=joined)], 0)
    session.outgoing()
    session.tick(REPEAT_AFTER)
    assert [one.incident for one in sent(session, Verdict)] == ["a", "a"]
