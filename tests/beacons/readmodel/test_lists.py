"""Filters, pages and orders: whatever is asked for, what comes is what a look at every row gives."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.beacons.readmodel.made import HOSTILE, NOW, row, store
from zeek_beacons.errors import ConfigError
from zeek_beacons.live.history.store import History, Limits
from zeek_beacons.readmodel import Filter, Page, PairRow, ReadModel, plain, sql
from zeek_beacons.store.judged import JudgedPair
from zeek_beacons.store.keys import id_of
from zeek_beacons.store.long_connection import LongConnection
from zeek_beacons.verdicts import SEVERITIES

HOSTS = ("10.0.0.1", "10.0.1.2", "10.1.0.3", "2001:db8::5", "192.168.1.1")
NAMES = ("", "c2.example", "www.C2.example", "xc2.example", "under_score.example", "100%.example", HOSTILE)


def rows() -> Iterator[JudgedPair]:
    """Pairs of many kinds."""
    for number in range(90):
        level = number % 7 % 5
        unscored = number % 11 == 0
        yield row(
            number,
            orig_h=HOSTS[number % len(HOSTS)],
            resp_p=443 if number % 3 else 53,
            resp=NAMES[number % len(NAMES)] or f"203.0.113.{number}",
            addr=f"203.0.{number % 4}.{number}",
            name=NAMES[number % len(NAMES)],
            level=0 if unscored else level,
            score=None if unscored else round(number * 37 % 100 / 100, 2),
            label="insufficient_evidence" if unscored else "beacon" if level else "benign",
            suppressed="allow-list" if number % 13 == 0 and not level else "",
            conns=number * 7 % 40,
            sleep=None if number % 5 == 0 else float(number % 9),
            incident=f"i{number % 6}" if level and not unscored else "",
            last_ts=NOW - number * 600,
        )


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadModel]:
    path = tmp_path_factory.mktemp("lists") / "history.db"
    history = History.open(path, Limits())
    store(history, rows())
    yield ReadModel.open(path)
    history.close()


def within(text: str, addr: str) -> bool:
    net, own = ipaddress.ip_network(text, strict=False), ipaddress.ip_address(addr)
    return own.version == net.version and own in net


def is_called(text: str, name: str) -> bool:
    text, name = text.lower(), name.lower()
    return name.endswith(text[1:]) or name == text[2:] if text.startswith("*.") else name == text


def fits(one: PairRow, which: Filter) -> bool:
    """What the filter means, without SQL."""
    texts = (one.orig_h, one.resp, one.addr, one.name, one.service)
    by_address = which.resp[:1].isdigit() and which.resp[-1:].isdigit()
    checks: dict[str, Callable[[], bool]] = {
        "host": lambda: within(which.host, one.orig_h),
        "resp": lambda: (
            within(which.resp, one.addr)
            if by_address
            else any(is_called(which.resp, name) for name in (one.resp, one.name))
        ),
        "port": lambda: one.resp_p == which.port,
        "severity": lambda: SEVERITIES.index(one.severity) >= SEVERITIES.index(which.severity),
        "label": lambda: one.label == which.label,
        "since": lambda: one.last_seen is not None and one.last_seen >= (which.since or 0.0),
        "min_score": lambda: one.score is not None and one.score >= (which.min_score or 0.0),
        "suppressed": lambda: bool(one.suppressed) == which.suppressed,
        "incident": lambda: one.incident == which.incident,
        "text": lambda: any(which.text.lower() in text.lower() for text in texts),
    }
    return all(check() for name, check in checks.items() if getattr(which, name) not in ("", None))


FILTERS = st.builds(
    Filter,
    host=st.sampled_from(["", *HOSTS, "10.0.0.0/8", "10.0.0.0/15", "0.0.0.0/0", "::/0", "2001:db8::/32"]),
    resp=st.sampled_from(
        ["", "203.0.1.0/24", "203.0.0.0/16", "203.0.1.13", "c2.example", "*.c2.EXAMPLE", "100%.example"]
    ),
    port=st.sampled_from([None, 443, 53, 0]),
    severity=st.sampled_from(["", *SEVERITIES[1:]]),
    label=st.sampled_from(["", "beacon", "benign", "insufficient_evidence"]),
    since=st.none() | st.floats(NOW - 60_000, NOW),
    min_score=st.none() | st.floats(0, 1),
    suppressed=st.none() | st.booleans(),
    incident=st.sampled_from(["", "i1", "nothing"]),
    text=st.sampled_from(["", "c2", "_", "%", "EXAMPLE", "10.0", "'; DROP TABLE verdicts; --", "!", "\u202e"]),
)
PAGES = st.builds(
    Page,
    offset=st.integers(0, 120),
    limit=st.integers(1, 60),
    sort=st.sampled_from(["", "score", "last_seen", "first_seen", "since", "connections", "sleep", "orig_h", "resp"]),
    descending=st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(which=FILTERS, page=PAGES, few=st.booleans())
def test_a_page_is_a_part_of_all_that_fits(model: ReadModel, which: Filter, page: Page, few: bool) -> None:
    known = model.pairs(page=Page(limit=1000)).rows
    before, sql.FEW = sql.FEW, sql.FEW if few else 0  # either index gives the same
    try:
        for ask, some in ((model.pairs, known), (model.beacons, tuple(one for one in known if one.level))):
            every = ask(which, replace(page, offset=0, limit=1000)).rows
            part = ask(which, page)
            assert {one.id for one in every} == {one.id for one in some if fits(one, which)}
            assert part.total == len(every)
            assert part.rows == every[page.offset : page.offset + page.limit]
    finally:
        sql.FEW = before


@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("sort", ["score", "last_seen", "connections", "sleep"])
def test_rows_come_in_the_order_asked_for(model: ReadModel, sort: str, descending: bool) -> None:
    found = model.pairs(page=Page(limit=1000, sort=sort, descending=descending)).rows
    values = [getattr(one, sort) for one in found]
    known = [value for value in values if value is not None]
    assert known == sorted(known, reverse=descending)
    assert values[len(known) :] == [None] * (len(values) - len(known))


def test_without_an_order_the_worst_come_first(model: ReadModel) -> None:
    ranks = [(one.level, -1.0 if one.score is None else one.score) for one in model.pairs(page=Page(limit=1000)).rows]
    assert ranks == sorted(ranks, reverse=True)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"host": "10.0.0.300"}, "host is '10.0.0.300', expected an address or a range"),
        ({"host": "c2.example"}, "expected an address or a range"),
        ({"resp": "10.0.0.0/99"}, "resp is '10.0.0.0/99', expected an address or a range"),
        ({"severity": "worst"}, "severity is 'worst', expected one of low, medium, high, critical"),
        ({"kind": "worm"}, "kind is 'worm'"),
        ({"label": "bad"}, "label is 'bad'"),
        ({"min_score": 1.5}, "min_score is 1.5, expected 0 to 1"),
        ({"min_score": float("nan")}, "min_score is nan, expected 0 to 1"),
        ({"since": float("inf")}, "since is inf, expected a time"),
        ({"port": 70_000}, "port is 70000, expected 0 to 65535"),
        ({"text": "a" * 256}, "text has 256 characters, expected at most 255"),
        ({"text": "a\0b"}, "text holds a character that no name has"),
        ({"text": "\ud800"}, "text holds a character that no name has"),
    ],
)
def test_impossible_filters_are_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("(", r"\(")):
        Filter(**given)


@pytest.mark.parametrize("given", [{"offset": -1}, {"limit": 0}, {"limit": 1001}, {"sort": "id; DROP TABLE verdicts"}])
def test_impossible_pages_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Page(**given)


@given(id=st.text(max_size=20) | st.text("0123456789abcdef", min_size=16, max_size=16))
def test_an_id_that_nothing_has_finds_nothing(model: ReadModel, id: str) -> None:  # noqa: A002
    known = {id_of(one.id) for one in rows()}
    if id not in known:
        assert model.pair(id) is None
        assert model.beacon(id) is None
    assert model.incident(id) is None


def test_hosts_are_ranked_by_what_all_their_incidents_say(model: ReadModel) -> None:
    every = model.pairs(page=Page(limit=1000)).rows
    found = model.hosts()
    for host in found.rows:
        own = [one for one in every if one.orig_h == host.host and one.score is not None and not one.suppressed]
        best: dict[str, float] = {}
        for one in own:
            if one.level:
                best[one.incident] = max(best.get(one.incident, 0.0), one.score or 0.0)
        safe = 1.0
        for score in best.values():
            safe *= 1 - score
        assert host.combined_risk == pytest.approx(1 - safe, abs=1e-6)
        assert (host.beacons, host.pairs) == (len(best), len(own))
        assert host.strongest.score == max(one.score or 0.0 for one in own)
    risks = [host.combined_risk for host in found.rows]
    assert risks == sorted(risks, reverse=True)
    assert found.total == len({one.orig_h for one in every if one.score is not None and not one.suppressed})
    assert [host.host for host in model.hosts(Filter(host="10.0.0.0/15")).rows] == [
        host.host for host in found.rows if host.host in ("10.0.0.1", "10.0.1.2", "10.1.0.3")
    ]
    assert all(host.level >= 3 for host in model.hosts(Filter(severity="high")).rows)


def test_incidents_hold_their_members(model: ReadModel) -> None:
    every = model.pairs(page=Page(limit=1000)).rows
    found = model.incidents(page=Page(limit=1000))
    assert found.total == len({one.incident for one in every if one.level})
    for incident in found.rows:
        members = [one for one in every if one.incident == incident.id]
        assert (incident.members, incident.level) == (len(members), max(one.level for one in members))
        detail = model.incident(incident.id)
        assert detail is not None
        assert {one.id for one in detail.members} == {one.id for one in members}
        assert incident.head == detail.members[0]
    fitting = {one.incident for one in every if one.level and one.resp_p == 53 and one.orig_h == "10.0.1.2"}
    assert {one.id for one in model.incidents(Filter(host="10.0.1.2", port=53)).rows} == fitting != set()


def test_below_the_gate_is_summed_up(model: ReadModel) -> None:
    every = [one for one in model.pairs(page=Page(limit=1000)).rows if one.score is None]
    told = model.below_gate(3)
    assert told.pairs == len(every) == sum(told.by_connections.values())
    assert told.hosts == len({one.orig_h for one in every})
    assert [one.connections for one in told.top] == sorted((one.connections for one in every), reverse=True)[:3]


def test_alerts_come_newest_first_and_are_followed_by_number(path: Path, history: History) -> None:
    model = ReadModel.open(path)
    for moment in range(6):
        store(history, [row(moment, level=1 + moment % 3)], NOW + moment)
    newest = model.alerts(page=Page(limit=2))
    assert ([one.time for one in newest.rows], newest.total) == ([NOW + 5, NOW + 4], 6)
    first = model.alerts_after(0, most=4)
    assert [one.time for one in first] == [NOW, NOW + 1, NOW + 2, NOW + 3]
    assert [one.time for one in model.alerts_after(first[-1].seq)] == [NOW + 4, NOW + 5]
    assert model.alerts(after=first[-1].seq).total == 2
    assert model.about().last_alert == newest.rows[0].seq
    assert model.alerts(which=Filter(severity="high")).total == 2
    assert model.alerts(which=Filter(resp="203.0.113.3")).total == 1
    assert model.alerts(which=Filter(since=NOW + 4)).total == 2


def test_what_stopped_is_told_from_what_is_only_slow(path: Path, history: History) -> None:
    hours = 3600.0
    silent = {"last_ts": NOW - 5 * hours, "level": 2}
    store(history, [row(1, last_ts=NOW), row(2, sleep=60.0, **silent), row(3, sleep=hours, **silent)])
    stopped = {one.resp: one.stopped for one in ReadModel.open(path).pairs().rows}
    assert stopped == {"203.0.113.1": False, "203.0.113.2": True, "203.0.113.3": False}


def test_names_come_back_as_they_were_stored(model: ReadModel) -> None:
    found = model.pairs(Filter(text="bold")).rows
    assert {one.name for one in found} == {HOSTILE}
    assert plain(found[0])["name"] == HOSTILE


def test_long_connections_are_found_by_either_measure(path: Path, history: History) -> None:
    def long(number: int, longest: float, day_sum: float) -> LongConnection:
        key = ("10.0.0.1", f"203.0.113.{number}", 443, "tcp")
        return LongConnection(*key, "ssl", "", longest, NOW, "C1", 0, day_sum, 5, None, 10.0, NOW)

    store(history, [], long_connections=[long(1, 4000, 50_000), long(2, 90_000, 86_400), long(3, 700, 3_700)])
    model = ReadModel.open(path)
    assert [(one.addr, one.severity) for one in model.long_connections().rows] == [
        ("203.0.113.2", "critical"),
        ("203.0.113.1", "high"),
    ]
    assert [one.addr for one in model.long_connections(by_sum=True).rows] == [
        "203.0.113.2",
        "203.0.113.1",
        "203.0.113.3",
    ]
    assert model.long_connections(which=Filter(resp="203.0.113.1"), min_duration=0).total == 1
