"""`/api/v1/`: what operators say of pairs: feedback, allow entries, snoozes; each with who, when and why."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from zeek_beacons.keys import KEY_COLUMNS
from zeek_beacons.readmodel import Listing, Page
from zeek_beacons.serve import owners
from zeek_beacons.serve.access import Who
from zeek_beacons.serve.bodies import AllowGiven, FeedbackGiven, SnoozeGiven
from zeek_beacons.serve.problems import ProblemError
from zeek_beacons.serve.queries import Part
from zeek_beacons.serve.replies import listing
from zeek_beacons.serve.surface import Surface

Past = Annotated[bool, Query(description="What has ended or was undone, too.")]
Number = Annotated[int, Query(ge=1)]


def router(surface: Surface) -> APIRouter:
    """The routes."""
    api = APIRouter(tags=["words"])
    reader = Depends(surface.access.reader)
    writer = Depends(surface.access.writer)

    @api.get("/feedback", dependencies=[reader])
    def feedback(request: Request, page: Part, past: Past = False) -> Response:
        """What people say that pairs are, the newest first; kept for ever."""
        found = surface.store.feedback(newest=not past)
        rows = [_pair(asdict(one)) for one in found]
        return _listed(request, rows, page)

    @api.post("/feedback", status_code=201)
    def give(given: FeedbackGiven, who: Who = writer) -> dict[str, int]:
        """Marks a pair as true or false. False keeps it quiet, true makes it alert, whatever the model says."""
        return {"id": owners.say(surface, "feedback", given, who.name)}

    @api.get("/allow", dependencies=[reader])
    def allowed(request: Request, page: Part, past: Past = False) -> Response:
        """Entries that operators added to the allow-list, the newest first."""
        return _listed(request, surface.store.entries("allow", past=past), page)

    @api.post("/allow", status_code=201)
    def allow(given: AllowGiven, who: Who = writer) -> dict[str, int]:
        """Adds an entry to the allow-list: a line of it, or a beacon's pair, name or network."""
        return {"id": owners.say(surface, "allow", given, who.name)}

    @api.delete("/allow/{number}", status_code=204)
    def forbid(number: int, who: Who = writer) -> None:
        """Undoes an entry."""
        _undo("allow", number, who)

    @api.get("/snooze", dependencies=[reader])
    def snoozed(request: Request, page: Part, past: Past = False) -> Response:
        """Pairs that are silent for a time."""
        return _listed(request, surface.store.entries("snoozes", past=past), page)

    @api.post("/snooze", status_code=201)
    def snooze(given: SnoozeGiven, who: Who = writer) -> dict[str, int]:
        """Silences a pair for a time."""
        return {"id": owners.say(surface, "snooze", given, who.name)}

    @api.delete("/snooze/{number}", status_code=204)
    def wake(number: int, who: Who = writer) -> None:
        """Ends a snooze."""
        _undo("snoozes", number, who)

    def _undo(table: str, number: int, who: Who) -> None:
        if not 0 < number < 2**62 or not surface.store.undo(table, number, who.name):
            raise ProblemError(404, f"there is no entry {number} in force")

    return api


def _pair(row: dict[str, Any]) -> dict[str, Any]:
    """The row with its key as columns."""
    return dict(zip(KEY_COLUMNS, row.pop("key"), strict=True)) | row


def _listed(request: Request, rows: list[dict[str, Any]], page: Page) -> Response:
    part = rows[page.offset : page.offset + page.limit]
    return listing(request, Listing(tuple(part), len(rows)), page)
