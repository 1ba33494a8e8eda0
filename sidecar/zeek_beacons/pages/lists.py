"""The lists of the console: beacons and hosts, and what people have decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from zeek_beacons.charts.sparkline import sparkline
from zeek_beacons.pages.context import Decision, PageContext
from zeek_beacons.pages.environment import render
from zeek_beacons.pages.query import SHOWS, SORTS, Selection
from zeek_beacons.pages.words import plural, when
from zeek_beacons.readmodel import About, HostRow, Listing, Page, PairRow

DECIDED = {
    "allow": "allow-listed",
    "snooze": "snoozed",
    "true": "judged to be C2",
    "false": "judged to be harmless",
    "acknowledge": "acknowledged",
}
Seen = Mapping[str, Decision]  # who acknowledged a pair, by its id
NOBODY: Seen = MappingProxyType({})


def beacons_page(
    listing: Listing[PairRow], about: About, selection: Selection, ctx: PageContext, seen: Seen = NOBODY
) -> str:
    """What alerts now, or what else the selection shows."""
    return render(
        "beacons.html",
        ctx=ctx,
        listing=listing,
        about=about,
        selection=selection,
        answer=_answer(listing.total, selection),
        beneath=_beneath(about, ctx),
        sparks=sparks(listing.rows),
        seen=seen,
        calibrated=about.calibrated,
        shows=list(SHOWS.items()),
        sorts=list(SORTS.items()),
        sorts_by_name=SORTS,
    )


def hosts_page(listing: Listing[HostRow], page: Page, ctx: PageContext) -> str:
    """Hosts by combined risk."""
    answer = f"{plural(listing.total, 'host')} by risk"
    return render("hosts.html", ctx=ctx, listing=listing, page=page, answer=answer)


def decisions_page(decisions: Sequence[Decision], ctx: PageContext) -> str:
    """What people have decided, the newest first."""
    active = sum(one.active for one in decisions)
    answer = f"{plural(active, 'decision')} in force" if decisions else "No decisions yet"
    return render("decisions.html", ctx=ctx, decisions=decisions, words=DECIDED, answer=answer)


def sparks(rows: Sequence[PairRow]) -> dict[str, str]:
    """A sparkline for each pair, by id."""
    return {row.id: sparkline(np.array(row.spark, dtype=np.float64), "Activity") for row in rows}


def _answer(total: int, selection: Selection) -> str:
    if selection.show == "alerts":
        if not total:
            return "Nothing that alerts fits" if selection.is_filtered else "Nothing alerts"
        if selection.is_filtered:
            return f"{plural(total, 'beacon alerts and fits', 'beacons alert and fit')} the filter"
        return plural(total, "beacon alerts", "beacons alert")
    named = {"near": ("near miss", "near misses"), "quiet": ("beacon kept quiet", "beacons kept quiet")}
    return plural(total, *named.get(selection.show, ("pair", "pairs")))


def _beneath(about: About, ctx: PageContext) -> str:
    """What the answer rests on."""
    text = f"{plural(about.scored, 'pair')} judged, {plural(about.pairs, 'pair')} known, {plural(about.hosts, 'host')}"
    if about.incidents:
        text = f"In {plural(about.incidents, 'incident')}. {text}"
    if about.first_seen is not None and ctx.is_run:
        return f"{text}; {when(about.first_seen)} to {when(about.last_seen)}."
    return f"{text}; newest connection {when(about.last_seen)}."
