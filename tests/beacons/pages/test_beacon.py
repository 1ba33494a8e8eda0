"""The page of one beacon: all that is known, the parts of its time, and what may be done about it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeek_beacons.errors import ConfigError
from zeek_beacons.pages import beacon as pages
from zeek_beacons.pages.context import Decision
from zeek_beacons.pages.pictures import CLOSEST, whole, zoom
from zeek_beacons.pages.pivots import DEFAULT, checked, pivots
from zeek_beacons.readmodel import Beacon, CheckinMarks, HeldObservations, HourCounts

from . import made
from .markup import Read

FINITE = st.floats(allow_nan=False, allow_infinity=False)
FEW = replace(
    made.beacon(
        made.pair_row(label="insufficient_evidence", severity="", level=0, score=None, sleep=None, jitter=None)
    ),
    facts=None,
    summary="",
    reasons=(),
    scorers={},
    considered=(),
    checkins=CheckinMarks((), (), (), ()),
    observations=HeldObservations((), (), (), (), ()),
    fit=None,
    hours=HourCounts((), ()),
    changes=(),
    incident=None,
    members=(),
    uids=(),
)


def read(beacon: Beacon | None = None, decisions: Sequence[Decision] = (), **given: Any) -> Read:
    beacon = beacon or made.beacon()
    ctx = made.context("/beacons/0000000000000001", **given)
    return Read.of(pages.beacon_page(beacon, ctx, decisions, pivots(beacon)))


def test_everything_that_is_known_is_told() -> None:
    shown = read()
    for told in (
        *("checks in with cdn-metrics.example:443", "512 check-ins", "8 needed", "alerts from 0.52"),
        *("97 % of the waits lie within 20 % of one interval", "+0.31", "-0.03", "an update check does not fit"),
        *(
            "none of the 211 other hosts talks to it",
            "self-signed",
            "T1071.001",
            "also by address",
            "insufficient evidence",
        ),
        *("CqT1x84dPZQ8kN", "waits of up to 20 % less than 60 s", "server_name =="),
    ):
        assert told in shown.text, told
    charts = [one["class"] for one in shown.all("svg") if one["class"].startswith("chart")]
    assert set(charts) == {f"chart {kind}" for kind in ("timeline", "weeks", "gaps", "sizes", "hours", "contribution")}


def test_a_pair_of_which_hardly_anything_is_known_has_a_page() -> None:
    shown = read(FEW)
    assert "too few check-ins" in shown.text
    assert "no waits known" in shown.text


def test_the_timeline_leads_to_its_parts() -> None:
    beacon = made.beacon()
    shown = read(beacon)
    parts = [one["href"] for one in shown.all("a") if one["href"].endswith("#timeline")]
    assert len(parts) == 2 * 12 + 4
    begin, end = beacon.checkins.time[100], beacon.checkins.time[120]
    closer = read(beacon, query={"begin": str(begin), "end": str(end)})
    told = next(one["aria-label"] for one in closer.all("g") if "wait before each" in one.get("aria-label", ""))
    assert told.startswith("Check-ins and the wait before each: 21 from ")
    assert "later →" in closer.text


@given(FINITE, FINITE, st.integers(0, 20))
def test_any_part_of_time_is_a_part_of_what_is_held(begin: float, end: float, n: int) -> None:
    beacon = made.beacon(n=n)
    shown = zoom(beacon, begin, end, lambda low, high: f"{low}-{high}", "")
    first, last = whole(beacon)
    assert first <= shown.begin or shown.begin == last - CLOSEST
    assert shown.end - shown.begin + 1e-6 >= CLOSEST


@pytest.mark.parametrize("begin", ["yesterday", "nan", "inf"])
def test_a_part_of_time_is_two_numbers(begin: str) -> None:
    with pytest.raises(ConfigError, match="begin"):
        read(query={"begin": begin})


def test_only_who_logged_in_may_act() -> None:
    actions = {one["action"] for one in read().all("form")}
    here = "/beacons/0000000000000001"
    assert actions == {"/logout", *(f"{here}/{one}" for one in ("acknowledge", "feedback", "allow", "snooze"))}
    nobody = read(who="", csrf_token="")
    assert not nobody.all("form")
    assert {"class": "button primary", "href": "/login?next=%2Fbeacons%2F0000000000000001"} in nobody.all("a")


def test_every_form_has_a_token_and_comes_back() -> None:
    shown = read(decisions=made.DECISIONS[:1])
    fields = [one["name"] for one in shown.all("input")]
    assert fields.count("csrf_token") == len(shown.all("form"))
    assert fields.count("next") == len(shown.all("form")) - 1  # not of logging out
    assert {"csrf_token", "next", "why", "scope", "subnet", "until"} == set(fields)
    assert {one["value"] for one in shown.all("input") if one["name"] == "scope"} == {"pair", "name", "subnet"}
    assert "203.0.113.0/24" in {one.get("value") for one in shown.all("input")}
    assert "/decisions/allow-3/undo" in {one["action"] for one in shown.all("form")}


def test_the_proposed_network_is_the_servers() -> None:
    assert pages.subnet(made.pair_row(addr="2001:db8::5")) == "2001:db8::/64"
    assert pages.subnet(made.pair_row(addr="x")) == ""


def test_links_to_other_tools_hold_nothing_but_values() -> None:
    hostile = made.beacon(made.pair_row(resp='a/../b?c&d#"<', name="x y"))
    templates = checked(
        {"A": "https://a.example/{resp}/{name}?p={resp_p}&from={begin_ms}", "B": "https://b.example/{uid}"}
    )
    first, second = pivots(hostile, templates)
    assert first.url == "https://a.example/a%2F..%2Fb%3Fc%26d%23%22%3C/x%20y?p=443&from=1769600800000"
    assert second.url.endswith("/CqT1x84dPZQ8kN")
    assert [one.name for one in pivots(replace(hostile, uids=()), templates)] == ["A"]
    assert checked(DEFAULT) == DEFAULT


def test_the_examples_of_the_documentation_are_links() -> None:
    text = (Path(__file__).parents[3] / "docs" / "console.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    given = tomllib.loads(block)["serve"]["pivots"]
    templates = checked(dict(one.split("=", 1) for one in given))
    links = pivots(made.beacon(), templates)
    assert [one.name for one in links] == ["Kibana", "Splunk", "Arkime"]
    assert "from:'2026-01-28T11%3A46%3A40Z'" in links[0].url


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("javascript:alert({resp})", "https://"),
        ("https://a/{password}", "no field 'password'"),
        ("https://a/{", "no template"),
        ("https://a/{resp.__class__}", "no field"),
        ("{resp}", "https://"),
    ],
)
def test_a_template_that_is_none_is_refused(template: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        checked({"Tool": template})


def test_an_explanation_says_how_to_read_a_score() -> None:
    rows = made.listed()
    ctx = made.context("/jobs/1/explanation", base="/jobs/1", is_run=True)
    shown = Read.of(pages.explanation_page(made.beacon(rows[1]), rows, made.about(), ctx))
    assert "0.52" in shown.text
    assert "not how many such alerts are right" in shown.text
    assert [one["value"] for one in shown.all("option") if "selected" in one] == [rows[1].id]
    assert "No pair had enough" in Read.of(pages.explanation_page(None, [], made.about(), ctx)).text
