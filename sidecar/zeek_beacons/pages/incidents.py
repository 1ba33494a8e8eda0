"""Incidents: pairs that are one finding, as a list, and one with its members."""

from __future__ import annotations

from zeek_beacons.pages.context import PageContext
from zeek_beacons.pages.environment import render
from zeek_beacons.pages.lists import NOBODY, Seen, sparks
from zeek_beacons.pages.query import Selection
from zeek_beacons.pages.words import plural
from zeek_beacons.readmodel import About, IncidentDetail, IncidentRow, Listing


def incidents_page(listing: Listing[IncidentRow], about: About, selection: Selection, ctx: PageContext) -> str:
    """Incidents with a member that alerts now and fits the selection, the worst first."""
    return render(
        "incidents.html",
        ctx=ctx,
        listing=listing,
        selection=selection,
        answer=_answer(listing.total, selection),
        beneath=f"{plural(about.beacons, 'pair alerts', 'pairs alert')}; those that belong together are one incident.",
        sparks=sparks([one.head for one in listing.rows]),
        calibrated=about.calibrated,
    )


def incident_page(detail: IncidentDetail, calibrated: bool, ctx: PageContext, seen: Seen = NOBODY) -> str:
    """One incident; `calibrated`: whether scores are probabilities."""
    return render(
        "incident.html",
        ctx=ctx,
        one=detail.incident,
        members=detail.members,
        sparks=sparks(detail.members),
        seen=seen,
        unseen=[row for row in detail.members if row.level and row.id not in seen and row.sensor not in ctx.elsewhere],
        calibrated=calibrated,
    )


def _answer(total: int, selection: Selection) -> str:
    if not selection.is_filtered:
        return plural(total, "incident") if total else "No incidents"
    return plural(total, "incident fits", "incidents fit") + " the filter"
