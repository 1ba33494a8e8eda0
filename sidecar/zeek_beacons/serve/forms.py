"""What the console's forms do. Each is answered by 303: to the page that it came from, with a message."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool

from zeek_beacons.fleet.named import parted
from zeek_beacons.keys import KEY_COLUMNS
from zeek_beacons.pages import simple
from zeek_beacons.pages.words import plural
from zeek_beacons.readmodel import PairRow
from zeek_beacons.serve import decisions, owners, wishes
from zeek_beacons.serve.access import COOKIE, CSRF_FIELD, Who
from zeek_beacons.serve.api_jobs import asked
from zeek_beacons.serve.api_state import change_config
from zeek_beacons.serve.bodies import AllowGiven, ConfigGiven, FeedbackGiven, SnoozeGiven
from zeek_beacons.serve.console import cookie_of, safe_next
from zeek_beacons.serve.notes import key_of
from zeek_beacons.serve.places import context, place_of
from zeek_beacons.serve.problems import ProblemError
from zeek_beacons.serve.surface import Surface

Fields = dict[str, str]
ALLOW_FIELDS = ("scope", "subnet", "until")
B = TypeVar("B", bound=BaseModel)


def router(surface: Surface) -> APIRouter:
    """The routes of all forms."""
    forms = APIRouter(include_in_schema=False)

    @forms.post("/login")
    async def log_in(request: Request) -> Response:
        given = await _fields(request)
        after = safe_next(given.get("next", "/"))
        found = await run_in_threadpool(surface.access.log_in, request, given.get("token", ""))
        if found is None:
            ctx = context(surface, request, Who())
            return HTMLResponse(simple.login_page(ctx, after, "That token is not known."), 401)
        answer = RedirectResponse(after, 303)
        age, secure = int(surface.settings.session_hours * 3600), bool(surface.settings.tls_cert)
        answer.set_cookie(COOKIE, found[0], max_age=age, httponly=True, samesite="strict", secure=secure)
        return answer

    @forms.post("/logout")
    async def log_out(request: Request) -> Response:
        surface.access.log_out(cookie_of(request))
        answer = RedirectResponse("/", 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer

    @forms.post("/beacons/{id}/{action}")
    @forms.post("/jobs/{job}/beacons/{id}/{action}")
    async def act(request: Request, id: str, action: str) -> Response:  # noqa: A002
        given, who = await _written(request)
        done = await run_in_threadpool(_act, request, id, action, given, who)
        return _back(request, given, done)

    @forms.post("/incidents/{id}/acknowledge")
    @forms.post("/jobs/{job}/incidents/{id}/acknowledge")
    async def acknowledge(request: Request, id: str) -> Response:  # noqa: A002
        given, who = await _written(request)
        seen = await run_in_threadpool(_acknowledge, request, id, who)
        return _back(request, given, f"Acknowledged: {plural(seen, 'beacon')}.")

    @forms.post("/decisions/{decision}/undo")
    async def undo(request: Request, decision: str) -> Response:
        given, who = await _written(request)
        await run_in_threadpool(decisions.undo, surface, decision, who.name)
        return _back(request, given, "Taken back.")

    @forms.post("/config")
    async def config(request: Request) -> Response:
        given, who = await _written(request)
        surface.needs_sidecar()
        wanted = {name: value or None for name, value in given.items() if name in ConfigGiven.model_fields}
        await run_in_threadpool(change_config, surface, _checked(ConfigGiven, wanted), who.name)
        return _back(request, given, "The sidecar follows within seconds.")

    @forms.post("/run")
    async def run(request: Request) -> Response:
        who = await run_in_threadpool(surface.access.who, request)
        if who.session is None or not who.may_write:
            raise ProblemError(401, "log in with a token that may write")
        job = await asked(surface, request, who.name, "", lambda csrf: surface.access.writer(request, csrf))
        return RedirectResponse(f"/jobs/{job['id']}", 303)

    @forms.post("/jobs/{job}/delete")
    async def delete(request: Request, job: str) -> Response:
        given, _ = await _written(request)
        if not await run_in_threadpool(surface.jobs.remove, job):
            raise ProblemError(404, "there is no such run")
        return _back(request, given | {"next": "/run"}, "The run and its files are gone.")

    async def _written(request: Request) -> tuple[Fields, Who]:
        """A form's fields, from someone who may write."""
        given = await _fields(request)
        return given, await run_in_threadpool(surface.access.writer, request, given.get(CSRF_FIELD, ""))

    def _act(request: Request, id: str, action: str, given: Fields, who: Who) -> str:  # noqa: A002
        row = place_of(surface, request).model().pair(id)
        if row is None:
            raise ProblemError(404, "there is no such pair; it may have been forgotten meanwhile")
        if surface.of(row.sensor) is None and owners.is_afar(surface, row.sensor):
            return _act_afar(row, action, given, who)
        own = surface.of(row.sensor) or surface
        pair = dict(zip(KEY_COLUMNS, key_of(row), strict=True))
        why = given.get("why", "")
        if action == "acknowledge":
            if not wishes.acknowledge(surface, [row], who.name):
                raise ProblemError(409, "it does not alert any more: there is nothing to see to")
            return "Acknowledged: it is marked so until its severity rises."
        if action == "allow":
            scope = given.get("scope", "pair")
            entry = wishes.entry_of(row, scope, given.get("subnet", ""))
            body = _checked(AllowGiven, {"entry": entry, "why": why, "until": given.get("until", "")})
            wishes.allow(own, body, who.name)
            return f"Allow-listed: {entry}."
        if action == "snooze":
            until = f"{given.get('hours', '24')}h"
            snoozed = _checked(SnoozeGiven, pair | {"until": until, "why": why})
            wishes.snooze(own, snoozed, until, why, who.name)
            return "Snoozed."
        if action == "feedback":
            judged = _checked(FeedbackGiven, pair | {"verdict": given.get("verdict", ""), "why": why})
            about = wishes.Meant(key_of(row), row.addr, row.model, row.score)
            wishes.judge(own, about, judged.verdict, why, who.name)
            return "Noted: it is C2." if judged.verdict == "true" else "Noted: it is harmless."
        raise ProblemError(404, "there is no such form")

    def _act_afar(row: PairRow, action: str, given: Fields, who: Who) -> str:
        """The same of a pair that another machine's console keeps."""
        pair = {"beacon": parted(row.id)[1], "why": given.get("why", "")}
        if action == "acknowledge":
            if not owners.acknowledge(surface, [row], who.name):
                raise ProblemError(409, "it does not alert any more: there is nothing to see to")
            return f"Acknowledged at {row.sensor}, and marked so there."
        bodies: dict[str, Callable[[], owners.Given]] = {
            "allow": lambda: _checked(AllowGiven, pair | {name: given[name] for name in ALLOW_FIELDS if name in given}),
            "snooze": lambda: _checked(SnoozeGiven, pair | {"until": f"{given.get('hours', '24')}h"}),
            "feedback": lambda: _checked(FeedbackGiven, pair | {"verdict": given.get("verdict", "")}),
        }
        if action not in bodies:
            raise ProblemError(404, "there is no such form")
        owners.say_afar(surface, row.sensor, action, bodies[action](), who.name)
        return f"Said to {row.sensor}, whose sidecar follows within seconds."

    def _acknowledge(request: Request, id: str, who: Who) -> int:  # noqa: A002
        found = place_of(surface, request).model().incident(id)
        if found is None:
            raise ProblemError(404, "there is no such incident; it may have been forgotten meanwhile")
        return owners.acknowledge(surface, found.members, who.name)

    def _back(request: Request, given: Fields, message: str) -> Response:
        surface.access.tell(cookie_of(request), message)
        return RedirectResponse(safe_next(given.get("next", "/")), 303)

    return forms


async def _fields(request: Request) -> Fields:
    """The fields of a form, texts only."""
    form = await request.form(max_files=0, max_fields=100)
    return {name: value for name, value in form.items() if isinstance(value, str)}


def _checked(kind: type[B], given: Mapping[str, object]) -> B:
    """A form's fields as the API's body of the same meaning. Raises ProblemError."""
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ProblemError(422, f"{where}: {first['msg']}" if where else str(first["msg"])) from error


def login_address(request: Request) -> str:
    """Where to log in, to come back to the page that was asked for."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return f"/login?{urlencode({'next': here})}"
