"""Injected beacons keep to what was asked for, and leave the capture as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from zeek_beacons.pairs import Pairs
from zeek_beacons_lab.captures.labelled import Capture
from zeek_beacons_lab.studies.injection import (
    FAMILIES,
    FULL_DAY,
    LENGTHS,
    can_host,
    hosts,
    inject,
    with_pair,
)
from zeek_beacons_lab.studies.stress import first

HOUR = 3600.0


@pytest.fixture
def day(pair: Callable[..., dict[str, Any]]) -> Capture:
    """A day of one clean and one infected host."""
    steps = np.arange(0, 86_400.0, 900)
    clean = pair(n=len(steps), start=1_767_225_600 + steps, rhythm=False, orig_h="10.0.0.7", site_hosts=5.0)
    infected = clean | {"orig_h": "10.0.0.8", "resp": "198.51.100.1"}
    label, family = (np.array(texts, dtype=object) for texts in (["benign", "c2"], ["", "day"]))
    return Capture("day", "lab", Pairs.build([clean, infected]), label, family, 86_400.0, 2)


def test_only_clean_hosts_of_long_captures_are_used(day: Capture) -> None:
    assert hosts(day).tolist() == ["10.0.0.7"]
    assert can_host(day)
    assert not can_host(replace(day, seconds=6 * HOUR))
    assert not can_host(replace(day, label=np.array(["", "c2"], dtype=object)))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_beacon_is_as_long_as_asked_and_stays_in_the_capture(day: Capture, family: str) -> None:
    for length in LENGTHS:
        for seed in range(5):
            made = inject(day, family, length, (seed,))
            (n,) = made.pair.conns
            assert made.pair.start.min() >= day.pairs.start.min()
            assert made.pair.start.max() <= day.pairs.start.min() + day.seconds + 300
            assert n >= 5 if length == FULL_DAY else n >= length
            # Nothing but retries and sessions adds connections.
            habits = FAMILIES[family]
            if length != FULL_DAY and not habits.sessions and not habits.failed[1]:
                assert n == length
            assert 10 <= made.sleep <= 4 * HOUR


def test_the_same_seed_draws_the_same(day: Capture) -> None:
    one, two = (inject(day, "all of it", FULL_DAY, (3, 1)) for _ in range(2))
    np.testing.assert_array_equal(one.pair.start, two.pair.start)
    assert inject(day, "all of it", FULL_DAY, (3, 2)).sleep != one.sleep


def test_laws_shorten_lengthen_or_do_both(day: Capture) -> None:
    bounds = {"jitter shortens": (0.0, 1.01), "jitter lengthens": (0.99, 2.0), "fixed sleep": (0.9, 1.1)}
    for family, (low, high) in bounds.items():
        for seed in range(5):
            made = inject(day, family, 50, (seed,))
            gaps = np.diff(made.pair.start) / made.sleep
            assert gaps.min() >= low - 0.15
            assert gaps.max() <= high + 0.15


def test_office_hours_and_pauses(day: Capture) -> None:
    office = inject(day, "8 of 24 hours", FULL_DAY, (1,))
    assert np.ptp(office.pair.start) <= 8 * HOUR
    assert np.diff(inject(day, "pauses of hours", FULL_DAY, (1,)).pair.start).max() > HOUR / 2


def test_the_capture_gets_one_pair_more(day: Capture) -> None:
    made = inject(day, "fixed sleep", 25, (1,))
    more = with_pair(day, made.pair)
    assert len(more.pairs) == len(day.pairs) + 1
    assert more.label[-1] == "c2"
    np.testing.assert_array_equal(more.pairs.take(np.array([2])).start, made.pair.start)
    np.testing.assert_array_equal(more.pairs.take(np.array([0, 1])).start, day.pairs.start)


def test_the_first_connections_of_each_pair(day: Capture) -> None:
    short = first(day.pairs, 20)
    assert short.counts.tolist() == short.conns.tolist() == [20, 20]
    np.testing.assert_array_equal(short.start[20:], day.pairs.take(np.array([1])).start[:20])
    assert first(day.pairs, 1000).counts.tolist() == day.pairs.counts.tolist()
