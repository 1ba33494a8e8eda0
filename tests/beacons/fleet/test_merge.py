"""What is one thing where several sensors tell of it."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeek_beacons.fleet import merge
from zeek_beacons.readmodel import IncidentRow, Page, PairRow
from zeek_beacons.readmodel.filters import SORTS
from zeek_beacons.store.keys import packed

from .made import NOW

SENSORS = ("east", "north", "south")


def pair(number: int, incident: str = "", **given: object) -> PairRow:
    """A pair that alerts, seen from `first_seen` to `last_seen`."""
    made = PairRow(
        id=f"{number:016x}",
        orig_h=f"10.0.0.{number}",
        resp="203.0.113.1",
        resp_p=443,
        proto="tcp",
        channel="conn",
        addr="203.0.113.1",
        service="",
        name="",
        kind="beacon",
        label="beacon",
        severity="high",
        level=3,
        score=0.9,
        probability=0.9,
        threshold=0.75,
        near_miss=False,
        suppressed="",
        allowed_by="",
        sleep=60.0,
        jitter=0.1,
        incident=incident,
        first_seen=NOW - 100,
        last_seen=NOW,
        since=NOW,
        judged=NOW,
        connections=50,
        evidence=50,
        needed=8,
        stopped=False,
        model="m",
        sensor="",
        spark=(),
        spark_begin=None,
    )
    return replace(made, **given)  # type: ignore[arg-type]


def incident(id: str, head: PairRow, members: int = 1, **given: object) -> IncidentRow:  # noqa: A002
    made = IncidentRow(
        id=id,
        kind="beacon",
        severity="high",
        level=head.level,
        score=head.score,
        head=head,
        members=members,
        hosts=members,
        servers=1,
        connections=50,
        began=NOW,
        first_seen=head.first_seen,
        last_seen=head.last_seen,
        stopped=False,
        joined=(),
        summary="",
    )
    return replace(made, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("north", "south", "one"),
    [
        (pair(1, "a"), pair(1, "a"), True),  # the same name
        (pair(1, "a"), pair(2, "a", first_seen=0.0, last_seen=1.0), True),  # the same name, whenever that was
        (pair(1, "a"), pair(1, "b"), True),  # the same pair, at the same time
        (pair(1, "a"), pair(1, "b", first_seen=NOW, last_seen=NOW + 9), True),  # ends touch
        (pair(1, "a"), pair(1, "b", first_seen=NOW + 1, last_seen=NOW + 9), False),  # later
        (pair(1, "a"), pair(1, "b", first_seen=None), False),  # nobody knows when
        (pair(1, "a"), pair(2, "b"), False),  # another pair
        (pair(1, ""), pair(1, ""), False),  # in no incident
    ],
)
def test_when_incidents_of_two_sensors_are_one(north: PairRow, south: PairRow, one: bool) -> None:
    found = merge.incidents({"north": [north], "south": [south]})
    assert (len(found) == 2 and len(set(found.values())) == 1) is one
    if one:
        assert next(iter(found.values())).sensors == ("north", "south")


def test_incidents_hang_together_over_a_third_sensor() -> None:
    found = merge.incidents(
        {"north": [pair(1, "a", since=5.0)], "south": [pair(1, "b", since=3.0), pair(2, "b")], "east": [pair(2, "c")]}
    )
    (whole,) = set(found.values())
    assert whole.sensors == SENSORS
    assert whole.id == "b"  # whose member alerted first


rows = st.builds(
    lambda number, name, first, long, since: pair(number, name, first_seen=first, last_seen=first + long, since=since),
    st.integers(1, 6),
    st.sampled_from(["", "a", "b", "c", "d"]),
    st.floats(0, 100),
    st.floats(0, 30),
    st.none() | st.floats(0, 100),
)
fleets = st.dictionaries(st.sampled_from(SENSORS), st.lists(rows, max_size=6, unique_by=lambda row: row.id))


@settings(max_examples=40)
@given(fleets, st.randoms(use_true_random=False))
def test_every_part_is_in_one_incident_whatever_the_order(
    told: dict[str, list[PairRow]], chance: random.Random
) -> None:
    found = merge.incidents(told)
    assert set(found) == {(sensor, row.incident) for sensor, those in told.items() for row in those if row.incident}
    for part, whole in found.items():
        assert part in whole.parts
        assert whole.id in {name for _, name in whole.parts}
        assert all(found[other] == whole for other in whole.parts)
    mixed = [(sensor, chance.sample(those, len(those))) for sensor, those in told.items()]
    chance.shuffle(mixed)
    assert merge.incidents(dict(mixed)) == found


@settings(max_examples=40)
@given(fleets)
def test_the_rule_holds_between_any_two(told: dict[str, list[PairRow]]) -> None:
    found = merge.incidents(told)
    seen = [(sensor, row) for sensor, those in told.items() for row in those if row.incident]
    for sensor, row in seen:
        for other, another in seen:
            same_name = row.incident == another.incident
            same_pair = sensor != other and row.id == another.id and merge.overlap(row, another)
            if same_name or same_pair:
                assert found[sensor, row.incident] == found[other, another.incident]


def test_a_merged_row_counts_once_what_both_see() -> None:
    shared, own = pair(1, "a"), pair(2, "b", score=0.95)
    told = {"north": [shared], "south": [replace(shared, incident="b"), own]}
    whole = set(merge.incidents(told).values()).pop()
    rows = {
        ("north", "a"): incident("a", shared, members=3, began=7.0, last_seen=NOW - 5, stopped=True),
        ("south", "b"): incident("b", own, members=2, began=9.0, joined=("z",)),
    }
    alerting = {("north", "a"): told["north"], ("south", "b"): told["south"]}
    made = merge.merged(whole, rows, alerting)
    assert (made.members, made.hosts, made.servers, made.connections) == (4, 4, 1, 100)
    assert (made.began, made.last_seen, made.stopped) == (7.0, NOW, False)
    assert (made.head.id, made.head.sensor) == (f"south~{own.id}", "south")
    assert made.sensors == ("north", "south")
    assert set(made.joined) == {"a", "b", "z"} - {made.id}


orders = st.builds(Page, sort=st.sampled_from(["", *SORTS]), descending=st.booleans())
lists = st.lists(st.lists(st.tuples(st.integers(1, 9), st.none() | st.floats(0, 1)), max_size=8), max_size=3)


@given(lists, orders)
def test_lists_in_order_stay_in_order(given_lists: list[list[tuple[int, float | None]]], page: Page) -> None:
    """Merged parts of sensors' lists are the beginning of their merged lists: no row is lost between two pages."""

    def rank(row: PairRow) -> tuple[object, ...]:
        if not page.sort:
            return (-row.level, row.score is None, -(row.score or 0.0))
        value = packed(row.orig_h) if page.sort == "orig_h" else getattr(row, page.sort)
        return (value is None,) if value is None else (False, value)

    made = []
    for sensor, numbers in enumerate(given_lists):
        told = [
            pair(number, score=value, sleep=value, since=value, last_seen=value, resp=f"{sensor}{number}")
            for number, value in numbers
        ]
        known = sorted((row for row in told if not rank(row)[0] or not page.sort), key=rank)
        if page.sort and page.descending:
            known = known[::-1]
        made.append(known + [row for row in told if page.sort and rank(row)[0]])
    whole = list(merge.in_order(made, page))
    assert sorted(map(id, whole)) == sorted(id(row) for those in made for row in those)
    for wanted in range(len(whole) + 1):
        assert list(merge.in_order([those[:wanted] for those in made], page))[:wanted] == whole[:wanted]
    if page.sort:
        values = [rank(row) for row in whole]
        known_values = [value[1] for value in values if not value[0]]
        assert known_values == sorted(known_values, reverse=page.descending)  # type: ignore[type-var]
        assert [value[0] for value in values] == sorted(value[0] for value in values)  # type: ignore[type-var]


@pytest.mark.parametrize(
    ("values", "differ"),
    [
        ("mmm", ""),
        ("mmn", "2"),
        ("mn", "01"),  # no half agrees
        ("mmnn", "0123"),
        ("m n", "02"),
        ("m  ", ""),  # not known: neither counts nor differs
        ("", ""),
        ("mmmno", "34"),
    ],
)
def test_what_drifts(values: str, differ: str) -> None:
    told = {str(place): value.strip() for place, value in enumerate(values)}
    assert merge.drifting(told) == set(differ)


@given(st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=9))
def test_drift_marks_whoever_is_not_with_the_majority(values: list[str]) -> None:
    told = {str(place): value for place, value in enumerate(values)}
    known = [value for value in values if value]
    for name, value in told.items():
        is_with_most = 2 * known.count(value) > len(known)
        assert (name in merge.drifting(told)) is (bool(value) and not is_with_most)
