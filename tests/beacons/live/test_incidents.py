"""Incidents that grow while a sidecar runs: who joins, who is noticed, and what a restart remembers."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.beacons.live.histories import RULES, guarded, judge
from tests.beacons.live.made import candidate
from tests.beacons.test_incidents import MANY, THOROUGH, joined, member
from zeek_beacons.config import Config
from zeek_beacons.incidents import Member, identity, together
from zeek_beacons.keys import Key
from zeek_beacons.live import incidents
from zeek_beacons.live.history.guard import HistoryGuard
from zeek_beacons.live.history.store import Limits
from zeek_beacons.live.incidents import LiveIncidents, Place
from zeek_beacons.live.worker import Worker

NAME, TWIN = member("c2.example"), member("45.0.0.9", named=60, name="c2.example", sleep=500.0)
OTHER = member("45.0.0.77", orig_h="10.0.0.7", sleep=300.0)


def live(most: int = 1000) -> LiveIncidents:
    return LiveIncidents(most)


def place(found: LiveIncidents, *alerts: Member, now: float = 0.0) -> list[Place]:
    places = found.place(alerts, now)
    return [places[alert.key] for alert in alerts]


def partition(found: LiveIncidents, members: Sequence[Member]) -> set[frozenset[Key]]:
    groups: dict[str | None, set[Key]] = {}
    for one in members:
        groups.setdefault(found.of(one.key), set()).add(one.key)
    return set(map(frozenset, groups.values()))


def test_a_later_member_takes_the_name_of_the_first_that_alerted() -> None:
    found = live()
    (first,) = place(found, TWIN)
    (later,) = place(found, NAME)
    assert first.incident == later.incident == identity(TWIN.key)
    assert (first.others, later.others, later.total) == ((), (TWIN,), 1)
    assert place(found, OTHER)[0].incident == identity(OTHER.key)
    assert len(found) == 2


def test_the_older_name_stays_when_two_are_one() -> None:
    found = live()
    (one,) = place(found, member("45.0.0.10", sleep=60.0), now=1.0)
    (other,) = place(found, member("45.0.0.11", sleep=78.0), now=2.0)
    assert one.incident != other.incident
    (between,) = place(found, member("45.0.0.12", sleep=68.0), now=3.0)
    assert (between.incident, between.joined, between.news) == (one.incident, (other.incident,), (other.incident,))
    assert found.of(member("45.0.0.11").key) == one.incident
    (again,) = place(found, member("45.0.0.11", sleep=78.0), now=4.0)
    assert (again.incident, again.joined, again.news) == (one.incident, (other.incident,), ())
    assert len(found) == 1


@THOROUGH
@given(MANY, st.lists(st.integers(1, 4)))
def test_in_batches_of_any_size_they_are_as_in_one(members: list[Member], sizes: list[int]) -> None:
    found, rest = live(), members
    for size in [*sizes, len(members)]:
        found.place(rest[:size], 0.0)
        rest = rest[size:]
    assert partition(found, members) == joined(*members)


@given(MANY, st.integers(1, 5))
def test_memory_is_bounded(members: list[Member], most: int) -> None:
    found = live(most)
    for one in members:
        found.place([one], 0.0)
    assert len(found._members) <= most
    assert sum(len(incident.members) for incident in found._incidents.values()) == len(found._members)
    assert {key for bucket in found._buckets.values() for key in bucket} == set(found._members)


def test_a_crowd_is_compared_with_a_few(monkeypatch: Any) -> None:
    found, compared = live(100_000), []

    def counting(members: Sequence[Member]) -> list[int]:
        compared.append(len(members))
        return together(members)

    monkeypatch.setattr(incidents, "together", counting)
    for n in range(2_000):
        found.place([member(f"45.0.{n // 256}.{n % 256}", failed=1.0)], 0.0)
    assert len(found) == 1
    assert max(compared) <= 1 + 6 * incidents.COMPARED


def alert(seq: int, **given: Any) -> Any:
    """A candidate of a pair that is seen again with the same connections."""
    return replace(candidate(1, **given), seq=seq)


BY_NAME = {"resp": "c2.example", "server_name": "c2.example", "named": 64}
BY_ADDRESS = {"server_name": "c2.example", "named": 40}


def test_a_verdict_says_where_it_belongs() -> None:
    worker = Worker("me", RULES, Config(), None)
    (first,) = judge(worker, [alert(1, **BY_NAME)])
    assert (first.level > 0, len(first.incident), first.kind, first.joined) == (True, 10, "beacon", ())
    assert "further" not in first.summary
    (second,) = judge(worker, [alert(2, **BY_ADDRESS)])
    assert second.incident == first.incident
    assert second.summary.endswith("; 1 further pair: also by name c2.example")
    (other,) = judge(worker, [alert(3, orig_h="10.0.0.77", resp="45.0.0.77", resp_h="45.0.0.77")])
    assert other.incident not in ("", first.incident)
    (quiet,) = judge(worker, [alert(4, orig_h="10.0.0.78", sleep=600.0, jitter=1.0, n=6)])
    assert (quiet.level, quiet.incident) == (0, "")
    ends = {"orig_h": "45.140.140.75", "resp": "10.0.0.2", "resp_h": "10.0.0.2", "resp_p": 22}
    (outside,) = judge(worker, [alert(5, **ends, local_orig=False, local_resp=True)])
    assert (outside.kind, outside.level, outside.incident, outside.suppressed) == ("inbound", 0, "", "inbound")
    assert outside.summary.endswith("; comes from outside, looks like a brute force")


def test_a_restart_remembers(path: Path) -> None:
    def restarted() -> Worker:
        worker = Worker("me", RULES, Config(), guarded(path))
        assert worker.history is not None
        known = worker.history.incidents(100)
        worker.incidents.resume(known.members, known.incidents, 0.0)
        return worker

    def end(worker: Worker) -> None:
        assert worker.history is not None
        worker.history.close()

    worker = restarted()
    (first,) = judge(worker, [alert(1, **BY_NAME)])
    (other,) = judge(worker, [alert(2, orig_h="10.0.0.6", resp="45.0.0.9", resp_h="45.0.0.9")])
    end(worker)
    worker = restarted()
    (again, twin) = judge(worker, [alert(3, **BY_NAME), alert(4, **BY_ADDRESS)])
    assert again.incident == twin.incident == first.incident
    # The same address, on another port and in the end by two hosts: the two become one, under the name of the first.
    (merging,) = judge(
        worker,
        [
            alert(5, resp="45.0.0.9", resp_h="45.0.0.9"),
        ],
    )
    assert merging.incident == other.incident
    (joint,) = judge(worker, [alert(6, orig_h="10.0.0.6", **BY_NAME)])
    assert (joint.incident, joint.joined) == (first.incident, ())
    end(worker)
    worker = restarted()
    assert worker.incidents.of(alert(5, resp="45.0.0.9").key) == other.incident
    assert len(worker.incidents) == 2
    end(worker)


def test_a_merge_is_in_the_history_and_in_the_message(path: Path) -> None:
    worker = Worker("me", RULES, Config(), guarded(path))
    steps = ((1, "45.0.0.10", 60.0), (2, "45.0.0.11", 78.0))
    one, other = (
        judge(worker, [alert(seq, resp=ip, resp_h=ip, sleep=sleep, jitter=0.0)])[0] for seq, ip, sleep in steps
    )
    assert one.incident != other.incident
    (between,) = judge(worker, [alert(3, resp="45.0.0.12", resp_h="45.0.0.12", sleep=68.5, jitter=0.0)])
    assert (between.incident, between.joined) == (one.incident, (other.incident,))
    assert f"; incident {other.incident} turns out to be this one" in between.summary
    assert worker.history is not None
    worker.history.close()
    kept = HistoryGuard(path, Limits())
    kept.start()
    known = kept.incidents(100)
    assert {stored.incident for stored in known.members} == {one.incident}
    assert {name: taken for name, (_, taken) in known.incidents.items()} == {one.incident: (other.incident,)}


def test_a_member_that_cannot_be_read_is_left_out(path: Path) -> None:
    kept = guarded(path)
    judge(
        Worker("me", RULES, Config(), kept), [alert(1), alert(2, orig_h="10.0.0.9", resp="45.0.0.2", resp_h="45.0.0.2")]
    )
    kept.close()
    for bad in ("{", "[1]", '["a", 1]'):
        with sqlite3.connect(path) as db:
            db.execute("UPDATE alerts SET member = ? WHERE orig_h = '10.0.0.9'", (bad,))
        db.close()
        again = HistoryGuard(path, Limits())
        again.start()
        assert [stored.member.orig_h for stored in again.incidents(9).members] == ["10.0.0.5"]
        again.close()
