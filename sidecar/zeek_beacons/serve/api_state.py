"""`/api/v1/`: how console and sidecar are, and which settings are in force."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from zeek_beacons import __version__
from zeek_beacons.errors import BeaconsError
from zeek_beacons.fleet.row import SensorRow
from zeek_beacons.live import status as states
from zeek_beacons.readmodel import Listing, Page, plain
from zeek_beacons.readmodel.filters import MOST
from zeek_beacons.serve.access import Who
from zeek_beacons.serve.api_read import about
from zeek_beacons.serve.bodies import ConfigGiven
from zeek_beacons.serve.problems import ProblemError
from zeek_beacons.serve.replies import data, listing
from zeek_beacons.serve.surface import Surface


def router(surface: Surface) -> APIRouter:
    """The routes."""
    api = APIRouter(tags=["state"])
    reader = Depends(surface.access.reader)
    writer = Depends(surface.access.writer)

    @api.get("/health", dependencies=[reader])
    def health(request: Request) -> Response:
        """Whether the console can show what it should, and what is wrong with the sidecar."""
        return data(request, health_of(surface))

    @api.get("/status", dependencies=[reader])
    def status(request: Request) -> Response:
        """What the sidecar does and lost, what is held, and what waits: the full statistics."""
        return data(request, status_of(surface))

    @api.get("/sensors", dependencies=[reader], response_model=Listing[SensorRow])
    def sensors(request: Request) -> Response:
        """Of a console over many sensors each of them: its lag, version, model and settings, and what differs."""
        if surface.fleet is None:
            raise ProblemError(404, "this console shows one sensor; `status` tells of it")
        rows = surface.fleet.rows(surface.clock())
        return listing(request, Listing(rows, len(rows)), Page(limit=MOST))

    @api.get("/config", dependencies=[reader])
    def config(request: Request) -> Response:
        """Settings in force, what an operator changed, and the console's limits."""
        return data(request, config_of(surface))

    @api.post("/config")
    def change(request: Request, given: ConfigGiven, who: Who = writer) -> Response:
        """Changes settings at run time; null takes a change back. The sidecar follows within seconds."""
        surface.needs_sidecar()
        change_config(surface, given, who.name)
        return data(request, config_of(surface))

    return api


def health_of(surface: Surface) -> dict[str, Any]:
    """`ok`, or `problem` with what is wrong."""
    problems = _unread(surface)
    try:
        surface.model().about()
    except BeaconsError as error:
        problems.append(str(error))
    if surface.has_sidecar:
        _, found = states.judge(surface.state(), surface.clock())
        problems += [f"sidecar: {one}" for one in found]
    return {"status": "problem" if problems else "ok", "version": __version__, "problems": problems}


def status_of(surface: Surface) -> dict[str, Any]:
    """Everything that is known of sidecar, file and console."""
    state = surface.state()
    condition, problems = states.judge(state, surface.clock()) if surface.has_sidecar else (None, [])
    try:
        shown, unreadable = about(surface), ""
    except BeaconsError as error:
        shown, unreadable = {}, str(error)
    return {
        "version": __version__,
        "condition": None if condition is None else condition.name.lower(),
        "problems": [*problems, *([unreadable] if unreadable else []), *_unread(surface)],
        "sidecar": state,
        "shown": shown,
        "telemetry": telemetry_of(surface),
        "sensors": None if surface.fleet is None else plain(surface.fleet.rows(surface.clock())),
        "jobs": {name: sum(job["state"] == name for job in surface.jobs.all()) for name in ("waiting", "running")},
    }


def _unread(surface: Surface) -> list[str]:
    """Sensors that cannot be read, and why."""
    return [] if surface.fleet is None else [f"{row.name}: {row.problem}" for row in surface.fleet.unread()]


def telemetry_of(surface: Surface) -> dict[str, Any]:
    """How full the queue of connections from other collectors is."""
    waiting = surface.store.waiting_telemetry(taken(surface))
    most = surface.settings.telemetry_connections
    return {"waiting": waiting, "most": most, "full_from": most * 4 // 5}


def taken(surface: Surface) -> int:
    """The last row of telemetry that the sidecar says to have taken."""
    followed = (surface.state() or {}).get("operator") or {}
    of_files = followed.get("telemetry_taken") or {}
    return int(of_files.get(surface.store.identity(), 0))


def config_of(surface: Surface) -> dict[str, Any]:
    """Settings that can be changed, who changed them, and what the console allows."""
    changed = {one["name"]: one for one in surface.store.settings()}
    settings = surface.settings
    return {
        "in_force": (surface.state() or {}).get("alerting"),
        "changed": {
            name: {"value": _value(one["value"]), "who": one["who"], "at": one["at"]} for name, one in changed.items()
        },
        "can_change": list(ConfigGiven.model_fields) if surface.has_sidecar else [],
        "limits": {
            "upload_megabytes": settings.upload_megabytes,
            "unpacked_megabytes": settings.unpacked_megabytes,
            "job_seconds": settings.job_seconds,
            "job_megabytes": settings.job_megabytes,
            "waiting_jobs": settings.waiting_jobs,
            "telemetry_connections": settings.telemetry_connections,
        },
    }


def change_config(surface: Surface, given: ConfigGiven, who: str) -> None:
    """Notes what was given; a threshold and a profile replace each other."""
    values = {name: getattr(given, name) for name in given.model_fields_set}
    if values.get("profile") is not None and "threshold" not in values:
        values["threshold"] = None
    if values:
        surface.store.change_settings(
            {name: None if value is None else _text(value) for name, value in values.items()}, who
        )


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(text: str | None) -> object:
    if text in (None, "true", "false"):
        return None if text is None else text == "true"
    try:
        return float(text or "")
    except ValueError:
        return text
