"""Puts the server together: the gate, the API, the pages."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio.to_thread
from fastapi import Depends, FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from zeek_beacons import __version__
from zeek_beacons.serve import (
    api_events,
    api_forward,
    api_jobs,
    api_read,
    api_state,
    api_words,
    console,
    forms,
    metrics,
    problems,
)
from zeek_beacons.serve.gate import Gate
from zeek_beacons.serve.surface import Surface

API = "/api/v1"
THREADS = 6  # that answer; each may hold a connection to the history, with its cache


def app_of(surface: Surface) -> FastAPI:
    """The app, ready to be served. Jobs run while it does."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        surface.jobs.start()
        if surface.fleet is not None:
            await run_in_threadpool(surface.fleet.start)
        yield
        surface.stopping.set()
        surface.jobs.close()
        surface.model.close()
        if surface.inbox is not None:
            surface.inbox.close()
        for one in (surface, *surface.operated.values()):
            one.store.close()

    app = FastAPI(
        title="zeek-beacons",
        version=__version__,
        description="What beacons there are, why, and what operators say of them.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    problems.handle(app, lambda request, error: _as_page(surface, request, error))
    app.include_router(console.router(surface))
    app.include_router(forms.router(surface))
    app.include_router(metrics.router(surface))
    for part in (api_read, api_state, api_words, api_jobs, api_events, api_forward):
        app.include_router(part.router(surface), prefix=API)

    @app.get(f"{API}/openapi.json", dependencies=[Depends(surface.access.reader)], include_in_schema=False)
    def openapi(request: Request) -> Response:
        """What the API is, for programs."""
        return Response(_openapi(app), media_type="application/json")

    app.add_middleware(Gate, hosts=surface.settings.hosts, tls=bool(surface.settings.tls_cert))
    return app


def _as_page(surface: Surface, request: Request, error: Exception) -> Response | None:
    """An error as a page, or the way to the log-in; None for who asked for data."""
    if request.url.path.startswith("/api/") or "text/html" not in request.headers.get("accept", ""):
        return None
    told = problems.of(error)
    if told.status_code == 401 and request.method == "GET":
        return RedirectResponse(forms.login_address(request), 303)
    content = json.loads(bytes(told.body))
    page = console.error_page(surface, request, told.status_code, content["title"], content["detail"])
    if "retry-after" in told.headers:
        page.headers["retry-after"] = told.headers["retry-after"]
    return page


def _openapi(app: FastAPI) -> bytes:
    described = app.openapi()
    described.setdefault("components", {})["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
    described["security"] = [{"token": []}, {}]
    return json.dumps(described).encode()
