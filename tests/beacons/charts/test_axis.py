"""Marks of axes: round, few, and readable."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeek_beacons.charts.axis import DAY, HOUR, Scale, day, log_waits, round_marks, time_marks, wait_text

NOON = 1_769_860_800.0  # 2026-01-31 12:00:00 UTC


def test_times_are_marked_at_round_ones_and_the_date_is_told_once() -> None:
    assert time_marks(NOON - HOUR, NOON + HOUR, 4) == [
        (NOON - HOUR, "11:00", "31 Jan 2026"),
        (NOON - HOUR / 2, "11:30", ""),
        (NOON, "12:00", ""),
        (NOON + HOUR / 2, "12:30", ""),
        (NOON + HOUR, "13:00", ""),
    ]
    assert [mark[1:] for mark in time_marks(NOON, NOON + 2 * DAY, 2)] == [("1 Feb", "2026"), ("2 Feb", "")]


@given(st.floats(0, 4e9), st.floats(0, 4e9), st.integers(1, 12))
def test_there_are_no_more_marks_than_asked_for(begin: float, length: float, most: int) -> None:
    marks = time_marks(begin, begin + length, most)
    assert len(marks) <= most + 1
    assert all(begin - 1e-6 <= seconds <= begin + length + 1e-6 for seconds, _, _ in marks)


@given(st.floats(0, 1e12), st.integers(1, 8))
def test_values_are_marked_from_nothing_on(high: float, most: int) -> None:
    marks = round_marks(high, most)
    assert marks[0] == 0
    assert marks[-1] <= high * (1 + 1e-9)
    assert len(marks) <= most + 1


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.5, "0.5 s"), (60, "1 min"), (90, "90 s"), (300, "5 min"), (3600, "1 h"), (2 * DAY, "2 d")]
)
def test_a_wait_has_a_person_s_unit(seconds: float, text: str) -> None:
    assert wait_text(seconds) == text


def test_waits_close_to_each_other_have_finer_marks() -> None:
    assert log_waits(1, 100_000) == [1, 10, 60, 600, 3600, 21_600, 86_400]
    assert log_waits(20, 180) == [30, 60, 120]


def test_what_lies_beyond_a_scale_lies_on_its_end() -> None:
    scale = Scale(1, 100, 0, 10, is_log=True)
    assert [scale.at(value) for value in (0, 1, 10, 100, 1e9)] == pytest.approx([0, 0, 5, 10, 10])
    assert Scale(3, 3, 0, 10).at(3) == 5


def test_a_day_is_told_without_zeros() -> None:
    assert (day(NOON), day(NOON + DAY)) == ("31 Jan", "1 Feb")
