"""Whatever numbers come in, a chart is well-formed, bounded, told in words, and carries no style of its own."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zeek_beacons.charts.contributions import contribution_bar
from zeek_beacons.charts.gaps import GapLaw, gap_histogram
from zeek_beacons.charts.hours import hours_of_day
from zeek_beacons.charts.sizes import sizes
from zeek_beacons.charts.sparkline import sparkline
from zeek_beacons.charts.surprise import surprise
from zeek_beacons.charts.timeline import Slice, View, timeline
from zeek_beacons.charts.weeks import weeks
from zeek_beacons.features import JITTER_KINDS
from zeek_beacons.pairs import Floats

Draw = Callable[[Floats, Floats], str]
SVG = "{http://www.w3.org/2000/svg}"
BOUND = 90_000  # characters
KINDS: dict[str, Draw] = {
    "sparkline": lambda one, _: sparkline(one),
    "timeline": lambda one, _: timeline(np.sort(one), View(0.0, 2e9), sleep=60.0, stretch=(1e9, 2e9)),
    "timeline, other view": lambda one, other: timeline(
        np.sort(one),
        View(first(other), first(one), 400),
        slices=[Slice(0, 9, "?a=1&b=2")],
    ),
    "weeks": lambda one, other: weeks(one, np.resize(other, len(one))),
    "days": lambda one, other: weeks(one, np.resize(other, len(one)), narrow=True),
    "gaps": lambda one, _: gap_histogram(np.abs(one)),
    "gaps, a law": lambda one, other: gap_histogram(np.abs(one), law_of(other)),
    "sizes": lambda one, other: sizes(one, np.resize(other, len(one)), np.resize(other[::-1], len(one))),
    "hours": lambda one, _: hours_of_day(one),
    "hours, counted": lambda one, other: hours_of_day(one, np.resize(other, len(one))),
    "surprise": lambda one, other: surprise(np.sort(one), np.resize(other, len(one)), first(other), [(1e9, 2e9)]),
    "contribution": lambda one, other: contribution_bar(first(one), first(other)),
}
finite = st.floats(allow_nan=False, allow_infinity=False)
numbers = st.one_of(
    st.lists(finite, max_size=40),
    st.lists(st.floats(0, 4e9), max_size=40),
    st.lists(st.sampled_from([0.0, -0.0, 1e-308, 1e308, -1e308, float("nan"), float("inf"), 1.7e9]), max_size=6),
).map(lambda drawn: np.array(drawn, dtype=np.float64))


def first(values: Floats) -> float:
    return float(values[0]) if len(values) else 0.0


def law_of(values: Floats) -> GapLaw:
    low, high, mean, std, share = np.resize(values, 5).tolist() if len(values) else (50, 60, 55, 3, 0.9)
    return GapLaw(JITTER_KINDS[len(values) % len(JITTER_KINDS)], low, high, mean, std, share)


@pytest.mark.parametrize("kind", KINDS)
@given(one=numbers, other=numbers)
@example(one=np.array([0.001, 0.006]), other=np.array([0.25, 0.0, 4.5e307]))  # a law without any wait near it
def test_any_numbers_make_a_picture(kind: str, one: Floats, other: Floats) -> None:
    check(KINDS[kind](one, other))


@pytest.mark.parametrize("kind", KINDS)
def test_the_size_is_bounded(kind: str) -> None:
    rng = np.random.default_rng(1)
    many = 1.7e9 + np.cumsum(rng.exponential(60, 200_000))
    check(KINDS[kind](many, rng.lognormal(6, 4, 200_000)))


@pytest.mark.parametrize("law", JITTER_KINDS)
def test_every_law_has_a_curve(law: str) -> None:
    waits = 60 * (1 - 0.2 * np.random.default_rng(1).random(300))
    drawn = ElementTree.fromstring(gap_histogram(waits, GapLaw(law, 48, 60, 54, 3.5, 0.97)))
    assert [one.get("class") for one in drawn.iter(f"{SVG}path")].count("law") == 1


def check(drawn: str) -> None:
    assert len(drawn) < BOUND
    root = ElementTree.fromstring(drawn)
    picture = root.find(f"{SVG}g")
    assert picture is not None
    assert picture.get("role") == "img"
    title, told = picture.findtext(f"{SVG}title"), picture.findtext(f"{SVG}desc")
    assert title
    assert told
    assert picture.get("aria-label") == f"{title}: {told}"
    for one in root.iter():
        assert one.tag.removeprefix(SVG) not in {"script", "style", "image", "use"}
        assert not {name for name in one.attrib if name.startswith("on") or name in {"style", "fill", "stroke"}}
        assert not {"nan", "inf", "-inf"} & set(one.attrib.values())
    _, _, width, height = (float(part) for part in root.attrib["viewBox"].split())
    for one in root.iter(f"{SVG}rect"):
        assert 0 <= float(one.attrib["x"]) <= width
        assert 0 <= float(one.attrib["width"]) <= width
    for one in root.iter(f"{SVG}text"):
        assert -1 <= float(one.attrib["x"]) <= width + 1
        assert 0 <= float(one.attrib["y"]) <= height
