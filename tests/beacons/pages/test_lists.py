"""Lists: the answer first, a part of the rows at a time, and everything that is chosen stands in the address."""

from __future__ import annotations

from typing import Any, cast

import pytest

from zeek_beacons.errors import ConfigError
from zeek_beacons.pages import lists
from zeek_beacons.pages.query import MOST_ROWS, listed, number, page, selection
from zeek_beacons.readmodel import Filter, Listing, Page, PairRow, ReadModel

from . import made
from .markup import Read


class Asked:
    """A read model that notes what it is asked for."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Filter, Page]] = []

    def beacons(self, which: Filter, part: Page) -> Listing[PairRow]:
        self.calls.append(("beacons", which, part))
        return Listing((), 0)

    def pairs(self, which: Filter, part: Page) -> Listing[PairRow]:
        self.calls.append(("pairs", which, part))
        return Listing((), 0)


def shown(rows: tuple[PairRow, ...], total: int, query: dict[str, str] | None = None, **about: Any) -> Read:
    ctx = made.context(query=query or {})
    return Read.of(lists.beacons_page(Listing(rows, total), made.about(**about), selection(ctx.query, ctx.now), ctx))


def test_the_answer_comes_first() -> None:
    assert "5 beacons alert" in shown(tuple(made.listed()), 5).text
    assert "1 beacon alerts" in shown((made.pair_row(),), 1).text
    nothing = shown((), 0)
    assert "Nothing alerts" in nothing.text
    assert "3 near misses" in nothing.text
    assert "Nothing that alerts fits" in shown((), 0, {"q": "x"}).text


def test_ten_thousand_beacons_are_paged() -> None:
    rows = tuple(made.pair_row(number) for number in range(50))
    ctx = made.context(query={"severity": "low", "offset": "100"})
    html = lists.beacons_page(Listing(rows, 10_000), made.about(), selection(ctx.query, ctx.now), ctx)
    read = Read.of(html)
    assert len(html) < 150_000
    assert "101 to 150 of 10,000 pairs" in read.text
    links = {one["rel"]: one["href"] for one in read.all("a") if "rel" in one}
    assert links == {"prev": "/?severity=low&offset=50", "next": "/?severity=low&offset=150"}


def test_more_rows_than_are_shown_at_once_cannot_be_asked_for() -> None:
    assert page({"limit": "100000"}).limit == MOST_ROWS


def test_a_row_says_what_an_operator_looks_for() -> None:
    read = shown((made.listed()[4],), 1)
    for told in ("low", "[2001:db8::5]:4500/udp", "60 min", "jitter 10 %", "stopped", "0.61", "2 d ago"):
        assert told in read.text
    assert {"href": "/beacons/0000000000000005", "class": "row"} in read.all("a")


def test_severity_is_a_word_and_a_meter() -> None:
    read = shown((made.listed()[0],), 1)
    assert "critical" in read.text
    assert [one["class"] for one in read.all("rect")].count("on") == 4


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (made.pair_row(suppressed="allow-list"), "quiet: allow-list"),
        (made.pair_row(severity="", level=0, label="benign", near_miss=True), "near miss"),
        (made.pair_row(severity="", level=0, label="insufficient_evidence", score=None, sleep=None), "too little seen"),
        (made.pair_row(kind="inbound"), "from outside"),
        (made.pair_row(first_seen=None, last_seen=None, since=None, spark=()), "not known"),
    ],
    ids=["quiet", "near", "little", "outside", "unknown"],
)
def test_what_does_not_alert_says_why(row: PairRow, told: str) -> None:
    assert told in shown((row,), 1, {"show": "all"}).text


def test_what_is_chosen_stays_chosen() -> None:
    read = shown((made.pair_row(),), 1, {"show": "all", "severity": "high", "since": "7d", "sort": "resp", "q": "cdn"})
    chosen = {one["value"] for one in read.all("option") if "selected" in one}
    assert chosen == {"all", "high", "7d", "resp"}
    assert [one["value"] for one in read.all("input") if one.get("name") == "q"] == ["cdn"]


def test_the_address_says_what_is_asked_of_the_read_model() -> None:
    asked = Asked()
    for query in (
        {"q": "cdn", "host": "10.0.0.0/8", "severity": "high", "since": "1h", "offset": "50", "sort": "orig_h"},
        {"show": "near"},
        {"show": "quiet"},
        {"show": "all"},
    ):
        listed(cast("ReadModel", asked), selection(query, made.NOW), made.about(threshold=0.52))
    (alerts, near, quiet, everything) = asked.calls
    which = Filter(host="10.0.0.0/8", severity="high", text="cdn", since=made.NOW - 3600)
    assert alerts == ("beacons", which, Page(50, 50, "orig_h", descending=False))
    assert near[:2] == ("pairs", Filter(label="benign", suppressed=False, min_score=0.52 - 0.05))
    assert quiet[:2] == ("pairs", Filter(label="beacon", suppressed=True))
    assert everything[:2] == ("pairs", Filter())


@pytest.mark.parametrize(
    "query",
    [{"show": "x"}, {"sort": "id"}, {"since": "1y"}, {"offset": "-1"}, {"offset": "1e3"}, {"limit": "0"},
     {"severity": "x"}, {"offset": "9" * 40}, {"limit": "\u0663"}],
    ids=str,
)  # fmt: skip
def test_an_address_that_means_nothing_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        selection(query, made.NOW)


def test_a_number_of_the_address_is_one() -> None:
    assert number({"begin": "12.5"}, "begin") == 12.5
    assert number({}, "begin") is None
    with pytest.raises(ConfigError, match="begin"):
        number({"begin": "soon"}, "begin")


def test_hosts_lead_to_their_beacons() -> None:
    hosts = (made.host(0), made.host(1, beacons=0, level=0, severity=""))
    read = Read.of(lists.hosts_page(Listing(hosts, 2), Page(), made.context("/hosts")))
    addresses = [one["href"] for one in read.all("a")]
    assert f"/?host={hosts[0].host}" in addresses
    assert f"/?show=all&host={hosts[1].host}" in addresses


def test_decisions_can_be_undone_by_who_may_write() -> None:
    def forms(who: str) -> list[str]:
        ctx = made.context("/decisions", who=who, csrf_token="c" if who else "")
        read = Read.of(lists.decisions_page(made.DECISIONS, ctx))
        return [one["action"] for one in read.all("form") if one["action"].endswith("/undo")]

    assert forms("mara") == ["/decisions/allow-3/undo", "/decisions/feedback-2/undo"]
    assert forms("") == []
