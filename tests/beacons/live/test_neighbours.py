"""A candidate comes alone: its group shows with what the history holds of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.beacons.live.histories import guarded, judge
from tests.beacons.live.made import T0, candidate
from zeek_beacons.config import Config
from zeek_beacons.groups import MOST
from zeek_beacons.live.neighbours import Neighbours
from zeek_beacons.live.protocol.messages import Candidate
from zeek_beacons.live.worker import Worker
from zeek_beacons.scoring import Scoring

SERVERS = 5


def walk(n: int = 60, **given: Any) -> list[Candidate]:
    """A candidate for each server of a process that takes one of them at random."""
    start = T0 + np.cumsum(60 * np.random.default_rng(1).uniform(0.9, 1, n))
    server = np.random.default_rng(2).integers(0, SERVERS, n)
    return [at(start[server == number], number, **given) for number in range(SERVERS)]


def at(start: Any, number: int, **given: Any) -> Candidate:
    n, resp = len(start), f"45.{10 + number}.3.4"
    sizes = {"durations": [0.2] * n, "orig_bytes": [300] * n, "resp_bytes": [900] * n, "states": ["SF"] * n}
    times = {"starts": np.round(start, 6).tolist(), "first_ts": float(start[0]), "last_ts": float(start[-1])}
    return candidate(number + 1, n=n, resp=resp, resp_h=resp, **(sizes | times | given))


def rows(n: int) -> list[dict[str, Any]]:
    return [dict(one.row) | {"resp": f"45.0.0.{number}"} for number in range(n) for one in walk()[:1]]


def key(row: dict[str, Any]) -> tuple[str, str, int, str, str]:
    return row["orig_h"], row["resp"], row["resp_p"], row["proto"], "conn"


def test_servers_in_turn_alert_as_one_incident(path: Path) -> None:
    worker = Worker("me", Scoring.load(), Config(), guarded(path))
    verdicts = [verdict for one in walk() for verdict in judge(worker, [one])]
    assert [verdict.key[1] for verdict in verdicts] == [one.key[1] for one in walk()]
    assert "one of 5 servers in turn, every 60 s" in verdicts[-1].summary
    again = [verdict for one in walk() for verdict in judge(worker, [one])]
    assert all(verdict.level for verdict in again)
    assert len({verdict.incident for verdict in again}) == 1
    assert {round(verdict.sleep) for verdict in again} == {60}


def test_all_at_once_are_judged_as_one_after_the_other(path: Path) -> None:
    together = judge(Worker("me", Scoring.load(), Config(), None), walk())
    apart = Worker("me", Scoring.load(), Config(), guarded(path))
    verdicts = [verdict for one in walk() for verdict in judge(apart, [one])]
    assert verdicts[-1].score == together[-1].score


def test_candidates_of_one_pair_are_no_group() -> None:
    one = walk()[0]
    verdicts = judge(Worker("me", Scoring.load(), Config(), None), [one] * 6)
    assert all("in turn" not in verdict.summary for verdict in verdicts)


def test_as_many_are_found_as_a_group_holds() -> None:
    made, known = rows(200), Neighbours()
    for row in made:
        known.note(key(row), row)
    assert len(known.of(key(made[0]))) == MOST


@pytest.mark.parametrize(
    "other",
    [
        {"orig_h": "10.0.0.6"},
        {"service": "http"},
        {"resp_p": 8443, "addr": "45.0.0.9"},
        {"orig_bytes": np.full(9, 3000.0)},
        {"resp_bytes": np.full(9, np.nan)},
        {"start": T0 + 3600.0 * np.arange(9)},
        {"start": T0 + 60.0 * np.arange(4)},
    ],
    ids=["host", "service", "port and server", "sent", "received", "pace", "few"],
)
def test_pairs_that_are_not_alike_are_left_alone(other: dict[str, Any]) -> None:
    one, two = rows(2)
    known = Neighbours()
    known.note(key(one), one)
    known.note(key(two), two)
    assert known.of(key(one)) == [key(two)]
    changed = two | other
    known.note(key(two), changed) if key(changed) == key(two) else known.note(key(changed), changed)
    assert key(changed) not in known.of(key(one))


def test_those_that_came_least_lately_are_forgotten() -> None:
    made, known = rows(12), Neighbours(most=10)
    for row in made:
        known.note(key(row), row)
    assert known.of(key(made[0])) == []
    assert set(known.of(key(made[11]))) == {key(row) for row in made[3:11]}


@pytest.mark.parametrize(("batch", "most"), [(1, 4), (10, 16), (60, 16), (140, 32)])
def test_a_batch_brings_no_more_of_the_history_along_than_is_worth_it(path: Path, batch: int, most: int) -> None:
    """Twenty hosts with four pairs each that look alike; some of the hosts come with new ones."""
    start, worker = walk()[0].row["start"], Worker("me", Scoring.rules_only(), Config(), guarded(path))
    made = [at(start, number, orig_h=f"10.0.1.{number % 20}") for number in range(80 + batch)]
    judge(worker, made[:80])
    rows = [dict(one.row) for one in made[80:]]
    assert len(worker.near([key(row) for row in rows], rows)) == most
