"""The console's pages: what an address shows. `forms.py` has what its forms do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from zeek_beacons.errors import InputError
from zeek_beacons.live import status as states
from zeek_beacons.pages import beacon as beacons
from zeek_beacons.pages import diagnostics, incidents, lists, simple
from zeek_beacons.pages import sensors as fleets
from zeek_beacons.pages.context import JobState, OutputFile
from zeek_beacons.pages.environment import STATIC
from zeek_beacons.pages.pivots import DEFAULT, checked, pivots
from zeek_beacons.pages.query import listed, page, selection
from zeek_beacons.readmodel import Beacon, Filter, Page
from zeek_beacons.serve import decisions
from zeek_beacons.serve.access import COOKIE, Who
from zeek_beacons.serve.api_jobs import job_of
from zeek_beacons.serve.jobs import DONE, FAILED, Job
from zeek_beacons.serve.outputs import outputs
from zeek_beacons.serve.places import PagePlace, context, place_of
from zeek_beacons.serve.problems import ProblemError
from zeek_beacons.serve.surface import Surface

KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
CHOICES = 200  # pairs to pick from for an explanation

Handler = Callable[[Request, Who], Response]


def router(surface: Surface) -> APIRouter:
    """The routes of all pages."""
    pages = APIRouter(include_in_schema=False, default_response_class=HTMLResponse)
    reader = Depends(surface.access.reader)
    own = {name: url for name, _, url in (one.partition("=") for one in surface.settings.pivots)}
    templates = checked({**DEFAULT, **own})

    def route(path: str, of_job: str = "") -> Callable[[Callable[..., Response]], Callable[..., Response]]:
        """Shows a page of what the console shows, and of each job."""

        def add(handler: Callable[..., Response]) -> Callable[..., Response]:
            pages.get(path)(handler)
            pages.get(f"/jobs/{{job}}{of_job or path}")(handler)
            return handler

        return add

    @route("/", of_job="/results")
    def beacon_list(request: Request, who: Who = reader) -> Response:
        place = place_of(surface, request)
        ctx = context(surface, request, who, place)
        chosen, model = selection(ctx.query, ctx.now), place.model()
        about = model.about()
        found = listed(model, chosen, about)
        return HTMLResponse(lists.beacons_page(found, about, chosen, ctx, decisions.seen(surface, found.rows)))

    @route("/beacons/{id}")
    def beacon(request: Request, id: str, who: Who = reader) -> Response:  # noqa: A002
        place = place_of(surface, request)
        ctx = context(surface, request, who, place)
        found = _found(place, id)
        said = decisions.on(surface, found.row)
        try:
            return HTMLResponse(beacons.beacon_page(found, ctx, said, pivots(found, templates)))
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            if surface.fleet is None:
                raise
            raise InputError(found.row.sensor, "tells of this pair what cannot be drawn") from error

    @route("/incidents")
    def incident_list(request: Request, who: Who = reader) -> Response:
        place = place_of(surface, request)
        ctx = context(surface, request, who, place)
        chosen, model = selection(ctx.query, ctx.now), place.model()
        found = model.incidents(chosen.which, chosen.page)
        return HTMLResponse(incidents.incidents_page(found, model.about(), chosen, ctx))

    @route("/incidents/{id}")
    def incident(request: Request, id: str, who: Who = reader) -> Response:  # noqa: A002
        place = place_of(surface, request)
        ctx = context(surface, request, who, place)
        found = place.model().incident(id)
        if found is None:
            raise ProblemError(404, "there is no such incident; it may have been forgotten meanwhile")
        seen, calibrated = decisions.seen(surface, found.members), place.model().about().calibrated
        return HTMLResponse(incidents.incident_page(found, calibrated, ctx, seen))

    @route("/hosts")
    def hosts(request: Request, who: Who = reader) -> Response:
        place = place_of(surface, request)
        ctx = context(surface, request, who, place)
        part = page(ctx.query)
        host, severity, sensor = (ctx.query.get(name, "").strip() for name in ("host", "severity", "sensor"))
        which = Filter(host=host, severity=severity, sensor=sensor)
        return HTMLResponse(lists.hosts_page(place.model().hosts(which, part), part, ctx))

    @route("/explanation")
    def explanation(request: Request, who: Who = reader) -> Response:
        place = place_of(surface, request)
        ctx = context(surface, request, who, place)
        model = place.model()
        choices = [row for row in model.pairs(Filter(), Page(limit=CHOICES)).rows if row.score is not None]
        asked = ctx.query.get("pair") or (choices[0].id if choices else "")
        chosen = _found(place, asked) if asked else None
        return HTMLResponse(beacons.explanation_page(chosen, choices, model.about(), ctx))

    @route("/files")
    def files(request: Request, who: Who = reader) -> Response:
        place = place_of(surface, request)
        ctx = context(surface, request, who, place)
        summary = place.model().about().summary
        command = place.command or str(summary.get("command", ""))
        return HTMLResponse(simple.files_page(_files(place), command, summary, ctx))

    @route("/files/{file:path}")
    def file(request: Request, file: str, who: Who = reader) -> Response:
        place = place_of(surface, request)
        if place.folder is None or file not in {one.name for one in _files(place)}:
            raise ProblemError(404, "there is no such file")
        path = place.folder / file
        return FileResponse(path, media_type="application/octet-stream", filename=path.name)

    @route("/diagnostics")
    def diagnostics_of(request: Request, who: Who = reader) -> Response:
        place = place_of(surface, request)
        if surface.fleet is not None and not place.base:
            return RedirectResponse("/sensors", 303)
        ctx = context(surface, request, who, place)
        state, problems = (None, []) if place.is_run else _sidecar(surface)
        about = place.model().about()
        return HTMLResponse(diagnostics.diagnostics_page(about, ctx, state, problems))

    @pages.get("/sensors")
    def sensors(request: Request, who: Who = reader) -> Response:
        if surface.fleet is None:
            raise ProblemError(404, "this console shows one sensor")
        rows = surface.fleet.rows(surface.clock())
        return HTMLResponse(fleets.sensors_page(rows, context(surface, request, who)))

    @pages.get("/decisions")
    def decided(request: Request, who: Who = reader) -> Response:
        return HTMLResponse(lists.decisions_page(decisions.all_of(surface), context(surface, request, who)))

    @pages.get("/run")
    def run(request: Request, who: Who = reader) -> Response:
        jobs = [job_state(job) for job in surface.jobs.all()]
        most = surface.settings.upload_megabytes * 1_000_000
        return HTMLResponse(simple.run_page(jobs, most, context(surface, request, who)))

    @pages.get("/jobs/{job}")
    def job(request: Request, job: str, who: Who = reader) -> Response:
        return HTMLResponse(simple.job_page(job_state(job_of(surface, job)), context(surface, request, who)))

    @pages.get("/login")
    def login(request: Request, next: str = "/") -> Response:  # noqa: A002
        return HTMLResponse(simple.login_page(context(surface, request, Who()), safe_next(next)))

    @pages.get("/static/{name}")
    def static(name: str) -> Response:
        path = STATIC / name
        if path.name != name or path.suffix not in KINDS or not path.is_file():
            raise ProblemError(404, "there is no such file")
        return FileResponse(path, media_type=KINDS[path.suffix], headers={"Cache-Control": "no-cache"})

    return pages


def job_state(job: Job) -> JobState:
    """A job as pages show it."""
    text = job["problem"] if job["state"] == FAILED else job["command"] if job["state"] == DONE else ""
    return JobState(job["id"], job["state"], job["name"], job["profile"], job["at"], job["progress"], text)


def safe_next(address: str) -> str:
    """An address of this console to go to: never one elsewhere, whatever was asked for."""
    is_own = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if is_own else "/"


def error_page(surface: Surface, request: Request, status: int, title: str, detail: str) -> Response:
    """An error as a page."""
    try:
        who = surface.access.who(request)
    except Exception:  # whatever else is wrong, this page says what went wrong first
        who = Who()
    ctx = context(surface, request, who)
    return HTMLResponse(simple.error_page(title, detail, ctx), status)


def cookie_of(request: Request) -> str:
    """The session's cookie."""
    return request.cookies.get(COOKIE, "")


def _found(place: PagePlace, id: str) -> Beacon:  # noqa: A002
    found = place.model().beacon(id)
    if found is None:
        raise ProblemError(404, "there is no such pair; it may have been forgotten meanwhile")
    return found


def _files(place: PagePlace) -> list[OutputFile]:
    return [] if place.folder is None else outputs(Path(place.folder))


def _sidecar(surface: Surface) -> tuple[dict[str, Any] | None, list[str]]:
    state = surface.state()
    _, problems = states.judge(state, surface.clock())
    return state, problems
