"""`/api/v1/events`: new alerts as server-sent events. A client that comes back goes on where it was (Last-Event-ID)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from zeek_beacons.errors import BeaconsError
from zeek_beacons.readmodel import Page, plain
from zeek_beacons.serve.problems import ProblemError
from zeek_beacons.serve.surface import Surface

LOOK = 1.0  # seconds between looks for new alerts
HEARTBEAT = 15.0  # seconds without an event after which a comment shows that the stream lives
RETRY = 3000  # milliseconds after which a client that lost it should come back


def router(surface: Surface) -> APIRouter:
    """The route."""
    api = APIRouter(tags=["events"])
    open_streams = 0

    @api.get(
        "/events",
        dependencies=[Depends(surface.access.reader)],
        responses={200: {"content": {"text/event-stream": {}}, "description": "A stream without end."}},
        response_class=StreamingResponse,
    )
    async def events(request: Request, last_event_id: Annotated[str, Header()] = "") -> Response:
        """New alerts as they come: `id` is the alert's seq, `data` the alert as JSON."""
        nonlocal open_streams
        if surface.fleet is not None:
            raise ProblemError(409, "this console shows many sensors, each of which tells its own events")
        if open_streams >= surface.settings.event_streams:
            raise ProblemError(429, f"{open_streams} streams are open, as many as may", {"Retry-After": "30"})
        try:
            after = int(last_event_id) if last_event_id else None
        except ValueError as error:
            raise ProblemError(400, "Last-Event-ID is no number") from error

        if after is None:
            after = await run_in_threadpool(_newest, surface)

        async def stream() -> AsyncIterator[str]:
            nonlocal open_streams
            open_streams += 1
            try:
                async for text in _events(surface, request, after):
                    yield text
            finally:
                open_streams -= 1

        return StreamingResponse(stream(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    return api


def _newest(surface: Surface) -> int | None:
    """The seq of the newest alert; None where that cannot be told."""
    try:
        found = surface.model().alerts(page=Page(limit=1)).rows
    except BeaconsError:
        return None
    return found[0].seq if found else 0


async def _events(surface: Surface, request: Request, after: int | None) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    yield f"retry: {RETRY}\n\n"
    spoke = loop.time()
    while not surface.stopping.is_set() and not await request.is_disconnected():
        try:
            if after is None:
                after = await run_in_threadpool(_newest, surface) or 0
            found = await run_in_threadpool(surface.model().alerts_after, min(max(after, 0), 2**62))
        except BeaconsError:
            found = ()  # the file is gone or locked, and may come back
        for alert in found:
            after, spoke = alert.seq, loop.time()
            yield f"id: {alert.seq}\nevent: alert\ndata: {json.dumps(plain(alert))}\n\n"
        if not found:
            if loop.time() - spoke >= HEARTBEAT:
                spoke = loop.time()
                yield ": still here\n\n"
            await asyncio.sleep(LOOK)
