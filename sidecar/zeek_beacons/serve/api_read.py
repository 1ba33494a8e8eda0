"""`/api/v1/`: what there is to read of pairs, incidents, hosts and alerts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from zeek_beacons.readmodel import (
    AlertRow,
    Beacon,
    BelowGate,
    HostRow,
    IncidentDetail,
    IncidentRow,
    Listing,
    LongPair,
    PairRow,
)
from zeek_beacons.serve import owners
from zeek_beacons.serve.access import Who
from zeek_beacons.serve.notes import Notes, key_of
from zeek_beacons.serve.problems import ProblemError
from zeek_beacons.serve.queries import Part, Which
from zeek_beacons.serve.replies import data, listing
from zeek_beacons.serve.surface import Surface

YEAR = 366 * 86_400.0


def router(surface: Surface) -> APIRouter:
    """The routes. Reading is for readers, DELETE for writers."""
    api = APIRouter(tags=["pairs"])
    reader = Depends(surface.access.reader)
    writer = Depends(surface.access.writer)

    @api.get("/beacons", dependencies=[reader], response_model=Listing[PairRow])
    def beacons(request: Request, which: Which, page: Part) -> Response:
        """Pairs that alert now, the worst first, with what operators said of each."""
        return _pairs(request, surface.model().beacons(which, page), page)

    @api.get("/beacons/{id}", dependencies=[reader], response_model=Beacon)
    def beacon(request: Request, id: str) -> Response:  # noqa: A002
        """A pair in full, whether it alerts or not."""
        found = surface.model().beacon(id)
        if found is None:
            raise ProblemError(404, f"there is no pair {id[:40]!r}")
        own = surface.of(found.row.sensor)
        return data(request, found, None if own is None else Notes.of(own.store).on(found.row))

    @api.delete("/beacons/{id}", status_code=204)
    def acknowledge(id: str, who: Who = writer) -> None:  # noqa: A002
        """Acknowledges a beacon: someone sees to it. It is marked so until its severity rises."""
        row = surface.pair(id)
        if surface.fleet is not None:
            owners.acknowledge(surface, [row], who.name)
            return
        surface.store.acknowledge(key_of(row), row.level, who.name)

    @api.get("/incidents", dependencies=[reader], response_model=Listing[IncidentRow])
    def incidents(request: Request, which: Which, page: Part) -> Response:
        """Incidents with a member that alerts now and fits, the worst first."""
        return _listed(request, surface.model().incidents(which, page), page)

    @api.get("/incidents/{id}", dependencies=[reader], response_model=IncidentDetail)
    def incident(request: Request, id: str) -> Response:  # noqa: A002
        """An incident with its members, by any name it ever had."""
        found = surface.model().incident(id)
        if found is None:
            raise ProblemError(404, f"there is no incident {id[:40]!r}")
        return data(request, found)

    @api.get("/alerts", dependencies=[reader], response_model=Listing[AlertRow])
    def alerts(
        request: Request,
        which: Which,
        page: Part,
        after: Annotated[int, Query(ge=0, le=2**62, description="Only those of a higher seq.")] = 0,
        cleared: Annotated[bool, Query(description="Those that someone cleared, too.")] = False,
    ) -> Response:
        """Pairs that reached a level, the newest first."""
        upto = surface.store.cleared() if surface.fleet is None else None
        first = after if cleared or upto is None else max(after, upto[0])
        return _listed(request, surface.model().alerts(first, which, page), page)

    @api.delete("/alerts", status_code=204)
    def clear(who: Who = writer) -> None:
        """Clears the list of alerts: those that come later are shown."""
        surface.takes_words()
        surface.store.clear_alerts(surface.model().about().last_alert, who.name)

    @api.get("/hosts", dependencies=[reader], response_model=Listing[HostRow])
    def hosts(request: Request, which: Which, page: Part) -> Response:
        """Originators by combined risk."""
        return _listed(request, surface.model().hosts(which, page), page)

    @api.get("/connections", dependencies=[reader], response_model=Listing[PairRow] | BelowGate)
    def connections(
        request: Request,
        which: Which,
        page: Part,
        below_gate: Annotated[bool, Query(description="Those with too few connections to be scored, in sum.")] = False,
    ) -> Response:
        """All pairs held, those that alert first."""
        if below_gate:
            return data(request, surface.model().below_gate())
        return _pairs(request, surface.model().pairs(which, page), page)

    @api.get("/long-connections", dependencies=[reader], response_model=Listing[LongPair])
    def long_connections(
        request: Request,
        which: Which,
        page: Part,
        min_duration: Annotated[float, Query(ge=0, le=YEAR, description="Seconds.")] = 3600.0,
        by_sum: Annotated[bool, Query(description="By the sum within 24 hours, not the longest one.")] = False,
    ) -> Response:
        """Pairs by how long their connections are open."""
        return _listed(request, surface.model().long_connections(min_duration, which, page, by_sum), page)

    def _pairs(request: Request, found: Listing[PairRow], page: Part) -> Response:
        notes = {row.id: own.on(row) for own, rows in _noted(found.rows) for row in rows}
        return _listed(request, found, page, [notes.get(row.id, {}) for row in found.rows])

    def _noted(rows: Sequence[PairRow]) -> Iterator[tuple[Notes, list[PairRow]]]:
        for own, those in surface.by_sensor(rows):
            yield Notes.of(own.store), those

    def _listed(request: Request, found: Listing[Any], page: Part, notes: Sequence[Mapping[str, Any]] = ()) -> Response:
        """A page of a list; over many sensors with the names of those that cannot be read."""
        if surface.fleet is None:
            return listing(request, found, page, notes)
        return listing(request, found, page, notes, tuple(row.name for row in surface.fleet.unread()))

    return api


def about(surface: Surface) -> dict[str, Any]:
    """What is shown, without where it lies."""
    return {name: value for name, value in asdict(surface.model().about()).items() if name != "path"}
