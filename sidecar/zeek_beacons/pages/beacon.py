"""One beacon in full, and the same pair explained in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

from zeek_beacons.charts.contributions import contribution_bar
from zeek_beacons.pages.context import Decision, PageContext, Pivot
from zeek_beacons.pages.environment import render
from zeek_beacons.pages.lists import DECIDED
from zeek_beacons.pages.pictures import Address, pictures, zoom
from zeek_beacons.pages.query import number
from zeek_beacons.readmodel import About, Beacon, PairRow
from zeek_beacons.reports import attack
from zeek_beacons.reports.about import IN_WORDS
from zeek_beacons.reports.facts import PairFacts, company, outcomes, sizes

MOST_MEMBERS = 20  # of an incident
NEWEST = 60  # check-ins in the table
LEAST_SCALE = 0.1  # of a score, that a whole bar stands for: what adds next to nothing is no long bar
ALLOWED_FOR = 30 * 86_400.0  # seconds, what the form proposes


@dataclass(frozen=True, slots=True)
class CheckinLine:
    """One check-in of the table."""

    time: float
    wait: float | None
    connections: int
    bytes_out: float | None
    bytes_in: float | None


@dataclass(frozen=True, slots=True)
class FactTexts:
    """Facts that stand in a notice in the same words."""

    outcomes: str = ""
    sizes: str = ""
    company: str = ""


def beacon_page(beacon: Beacon, ctx: PageContext, decisions: Sequence[Decision], links: Sequence[Pivot]) -> str:
    """A pair in full. Raises ConfigError where the address asks for no part of its time."""
    shown = zoom(beacon, number(ctx.query, "begin"), number(ctx.query, "end"), _part(ctx), _timeline(ctx, None, None))
    return render(
        "beacon.html",
        ctx=ctx,
        zoom=shown,
        drawn=pictures(beacon, shown.begin, shown.end, _part(ctx)),
        newest=newest(beacon),
        decisions=decisions,
        is_seen=any(one.what == "acknowledge" for one in decisions),
        links=links,
        subnet=subnet(beacon.row),
        until=datetime.fromtimestamp(ctx.now + ALLOWED_FOR, UTC).strftime("%Y-%m-%d"),
        **shared(beacon),
    )


def explanation_page(beacon: Beacon | None, choices: Sequence[PairRow], about: About, ctx: PageContext) -> str:
    """What speaks for and against one pair, and how to read a score; `choices`: pairs that can be picked."""
    told = {"b": None} if beacon is None else shared(beacon)
    return render("explanation.html", ctx=ctx, choices=choices, about=about, reading=IN_WORDS[about.calibrated], **told)


def shared(beacon: Beacon) -> dict[str, object]:
    """What every page on a pair shows."""
    return {
        "b": beacon,
        "bars": bars(beacon),
        "told": told(beacon.facts),
        "techniques": techniques(beacon.facts),
        "words": DECIDED,
        "most_members": MOST_MEMBERS,
    }


def bars(beacon: Beacon) -> list[str]:
    """A bar for each reason that has a text."""
    weights = [reason.contribution for reason in beacon.reasons if reason.text]
    most = max((abs(weight) for weight in weights if weight is not None), default=0.0)
    return [contribution_bar(weight, max(most, LEAST_SCALE)) for weight in weights]


def told(facts: PairFacts | None) -> FactTexts:
    """Facts in words."""
    return FactTexts() if facts is None else FactTexts(outcomes(facts), sizes(facts), company(facts))


def techniques(facts: PairFacts | None) -> list[tuple[str, str, str]]:
    """Number, name and address of ATT&CK techniques."""
    known = () if facts is None else facts.attack
    return [(number, attack.TECHNIQUES[number], attack.url(number)) for number in known if number in attack.TECHNIQUES]


def newest(beacon: Beacon) -> list[CheckinLine]:
    """The newest check-ins, the newest first."""
    marks = beacon.checkins
    waits = [None, *(later - earlier for earlier, later in zip(marks.time, marks.time[1:], strict=False))]
    lines = map(CheckinLine, marks.time, waits, marks.connections, marks.bytes_out, marks.bytes_in)
    return list(lines)[: -NEWEST - 1 : -1]


def subnet(row: PairRow) -> str:
    """The network of the responder that a form proposes, "" where its address is none."""
    try:
        address = ip_address(row.addr)
    except ValueError:
        return ""
    return str(ip_network((address, 24 if address.version == 4 else 64), strict=False))


def _part(ctx: PageContext) -> Address:
    return lambda begin, end: _timeline(ctx, f"{begin:.0f}", f"{end:.0f}")


def _timeline(ctx: PageContext, begin: str | None, end: str | None) -> str:
    return f"{ctx.here(begin=begin, end=end)}#timeline"
