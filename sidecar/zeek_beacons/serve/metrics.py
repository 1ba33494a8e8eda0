"""`/metrics`: what Prometheus reads of the sidecar, from the state that it left. `live/metrics.py` makes it."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from zeek_beacons.errors import ConfigError
from zeek_beacons.serve.problems import ProblemError
from zeek_beacons.serve.surface import Surface


def router(surface: Surface) -> APIRouter:
    """The route."""
    api = APIRouter()

    @api.get("/metrics", dependencies=[Depends(surface.access.reader)], include_in_schema=False)
    def metrics(request: Request) -> Response:
        """The sidecar's figures, and this process' own."""
        try:
            from zeek_beacons.live.metrics import render
        except ConfigError as error:
            raise ProblemError(501, str(error)) from error
        body, kind = render(surface.state(), surface.clock(), request.headers.get("accept", ""))
        return Response(body, headers={"content-type": kind})

    return api
