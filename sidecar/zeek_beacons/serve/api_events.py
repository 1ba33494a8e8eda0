"""`/api/v1/events`: new alerts as server-sent events. A client that comes back goes on where it was (Last-Event-ID)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import Response, StreamingResponse
from starlette.concurrency import run_in_threadpool

from zeek_beacons.serve.alert_feeds import AlertFeed, feed
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
        """New alerts as they come: `id` is the alert's seq, `data` the alert as JSON.

        Over many sensors `id` holds the seq of each; `skipped` tells of alerts that were too many at once.
        """
        nonlocal open_streams
        if open_streams >= surface.settings.event_streams:
            raise ProblemError(429, f"{open_streams} streams are open, as many as may", {"Retry-After": "30"})
        try:
            source = await run_in_threadpool(feed, surface, last_event_id)
        except ValueError as error:
            raise ProblemError(400, "Last-Event-ID is none that this console gave") from error

        async def stream() -> AsyncIterator[str]:
            nonlocal open_streams
            open_streams += 1
            try:
                async for text in _events(surface, request, source):
                    yield text
            finally:
                open_streams -= 1

        return StreamingResponse(stream(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})

    return api


async def _events(surface: Surface, request: Request, source: AlertFeed) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    yield f"retry: {RETRY}\n\n"
    spoke = loop.time()
    while not surface.stopping.is_set() and not await request.is_disconnected():
        found = await run_in_threadpool(source.look)
        for one in found:
            spoke = loop.time()
            yield f"id: {one.id}\nevent: {one.name}\ndata: {json.dumps(one.data)}\n\n"
        if not found:
            if loop.time() - spoke >= HEARTBEAT:
                spoke = loop.time()
                yield ": still here\n\n"
            await asyncio.sleep(LOOK)
