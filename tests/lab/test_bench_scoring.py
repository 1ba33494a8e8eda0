"""The benchmark of the scoring thread: what it feeds is read, and what it counts adds up."""

from __future__ import annotations

from zeek_beacons_lab.bench.live import MOST, OBSERVATIONS
from zeek_beacons_lab.bench.scoring import bench, decoded, made, measure


def test_candidates_are_those_of_the_live_feed() -> None:
    found = decoded([made(number, 1.0) for number in range(100)])
    assert sorted({one.observations for one in found}) == [OBSERVATIONS, MOST]
    assert len({one.key for one in found}) == 100


def test_as_many_alert_as_are_asked_for() -> None:
    """What shall not alert does not, of all its kinds, or the figure would speak of another mix."""
    assert measure(8, 16, 1.0).alerts == 1.0
    assert measure(20, 200, 0.0).alerts == 0.0
    assert measure(20, 100, 0.1).alerts == 0.1


def test_a_line_for_each_batch_size() -> None:
    lines = list(bench((2, 4), 4, 1.0))
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["2", "4"]
