"""Pairs are judged by the steps of Zeek's tracker."""

from __future__ import annotations

import numpy as np

from zeek_beacons.keys import Key
from zeek_beacons.live.follow.due import INTERVAL, Due, candidates
from zeek_beacons.pairs import Pairs

from ...readers.logs import T0


def pairs(*conns: int, since: float = 0.0) -> Pairs:
    """Pairs with so many connections, one a second."""
    return Pairs.build(
        {"orig_h": f"10.0.0.{at}", "resp": "203.0.113.9", "resp_p": 443, "start": T0 + since + np.arange(float(n))}
        for at, n in enumerate(conns)
    )


def due(steps: Due, some: Pairs) -> list[Key]:
    rows = steps.of(some)
    steps.judged(some, rows)
    return some.keys(rows)


def test_steps() -> None:
    steps = Due(5)
    assert due(steps, pairs(4)) == []
    assert len(due(steps, pairs(5))) == 1
    assert due(steps, pairs(9)) == []
    assert len(due(steps, pairs(10))) == 1
    assert due(steps, pairs(19)) == []
    assert len(due(steps, pairs(11, since=INTERVAL))) == 1  # not twice as many, and an hour later
    assert due(steps, pairs(11, since=INTERVAL)) == []


def test_a_pair_that_falls_silent_between_two_steps_is_judged_once_more() -> None:
    steps = Due(5)
    assert len(due(steps, pairs(5))) == 1
    later = {"orig_h": "10.0.9.9", "resp": "203.0.113.9", "resp_p": 443, "start": [T0 + 2 * INTERVAL]}
    silent = {"orig_h": "10.0.0.0", "resp": "203.0.113.9", "resp_p": 443, "start": T0 + np.arange(7.0)}
    assert [key[0] for key in due(steps, Pairs.build([silent, later]))] == ["10.0.0.0"]
    assert due(steps, Pairs.build([silent, later])) == []


def test_every_pair_with_connections_enough_in_the_end() -> None:
    steps, some = Due(5), pairs(3, 5, 9)
    due(steps, some)
    assert len(steps.of(some, every=True)) == 2


def test_what_is_gone_is_forgotten() -> None:
    steps = Due(5)
    due(steps, pairs(*[5] * 20))
    steps.forget(pairs(5))
    assert len(due(steps, pairs(*[5] * 20))) == 19


def test_candidates_carry_all_that_is_known() -> None:
    some = pairs(5, 7)
    first, second = candidates(some, np.array([0, 1]), ["C1", ""], "sensor", 3)
    assert (first.observations, second.observations) == (5, 7)
    again = Pairs.build([first.row, second.row])
    assert again.keys() == some.keys()
    np.testing.assert_array_equal(again.start, some.start)
    assert type(first.row["conns"]) is int
