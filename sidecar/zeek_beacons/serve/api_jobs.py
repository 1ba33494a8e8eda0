"""`/api/v1/`: what comes in to be scored: uploads, samples, and connections from collectors that are no Zeek."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import FileResponse, JSONResponse, Response
from starlette.concurrency import run_in_threadpool

from zeek_beacons.config import PROFILES
from zeek_beacons.errors import BeaconsError
from zeek_beacons.readmodel import Listing, PairRow, ReadModel
from zeek_beacons.samples import SAMPLES, files_of
from zeek_beacons.serve.access import Who
from zeek_beacons.serve.api_state import telemetry_of
from zeek_beacons.serve.bodies import Telemetry
from zeek_beacons.serve.jobs import DONE, Asked, BusyError, Job
from zeek_beacons.serve.problems import ProblemError
from zeek_beacons.serve.queries import Part, Which
from zeek_beacons.serve.replies import data, listing
from zeek_beacons.serve.surface import Surface
from zeek_beacons.serve.uploads import receive

BUSY = {"Retry-After": "30"}
Profile = Annotated[str, Query(pattern=f"^({'|'.join(PROFILES)})?$", description="Empty: the default.")]
_BODY = {
    "requestBody": {
        "required": False,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary"}, "profile": {"type": "string"}},
                }
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


def router(surface: Surface) -> APIRouter:
    """The routes."""
    api = APIRouter(tags=["jobs"])
    reader = Depends(surface.access.reader)
    writer = Depends(surface.access.writer)

    @api.post("/analyze", status_code=202, openapi_extra=_BODY)
    async def analyze(
        request: Request,
        who: Who = writer,
        name: Annotated[str, Query(max_length=255, description="Of the file, where the body is one.")] = "upload",
        profile: Profile = "",
    ) -> Response:
        """Without a body: judge again what is held, now. With one: score this log, flow CSV or capture."""
        return JSONResponse(await asked(surface, request, who.name, profile), 202)

    @api.get("/jobs", dependencies=[reader])
    def jobs(request: Request, page: Part) -> Response:
        """Uploads and samples, the newest first."""
        found = surface.jobs.all()
        part = tuple(found[page.offset : page.offset + page.limit])
        return listing(request, Listing(part, len(found)), page)

    @api.get("/jobs/{id}", dependencies=[reader])
    def job(request: Request, id: str) -> Response:  # noqa: A002
        """How far a job is; when it is done, what it found and which files it made."""
        if id.startswith(ANALYSIS):
            return data(request, analysis_of(surface, id))
        found = job_of(surface, id)
        more: dict[str, Any] = {}
        if found["state"] == DONE:
            about = result_of(surface, id).about()
            more = {"result": {name: getattr(about, name) for name in ("pairs", "scored", "beacons", "incidents")}}
            more["files"] = sorted(files_in(surface, id))
        return data(request, found | more)

    @api.delete("/jobs/{id}", status_code=204)
    def remove(id: str, who: Who = writer) -> None:  # noqa: A002
        """Ends a job, and removes its files."""
        if not surface.jobs.remove(id):
            raise ProblemError(404, f"there is no job {id[:40]!r}")

    @api.get("/jobs/{id}/beacons", dependencies=[reader], response_model=Listing[PairRow])
    def beacons(request: Request, id: str, which: Which, page: Part) -> Response:  # noqa: A002
        """What alerts in a job's result."""
        return listing(request, result_of(surface, id).beacons(which, page), page)

    @api.get("/jobs/{id}/files/{file:path}", dependencies=[reader])
    def file(id: str, file: str) -> Response:  # noqa: A002
        """A file that a job made."""
        return download(surface, id, file)

    @api.get("/samples", dependencies=[reader])
    def samples(request: Request) -> Response:
        """What ships with the program to try it on."""
        return data(request, {"rows": [{"name": name, "holds": text} for name, text in SAMPLES.items()]})

    @api.post("/samples/{name}/score", status_code=202)
    def score_sample(name: str, who: Who = writer, profile: Profile = "") -> Job:
        """Scores a sample."""
        return sampled(surface, name, who.name, profile)

    @api.post("/telemetry", status_code=202)
    def telemetry(given: Telemetry, who: Who = writer) -> dict[str, int]:
        """Connections of a collector that is no Zeek. They are scored as candidates are; 503: come again later."""
        surface.needs_sidecar()
        queue = telemetry_of(surface)
        if queue["waiting"] + len(given.connections) > queue["full_from"]:
            raise ProblemError(503, f"{queue['waiting']} connections wait for the sidecar, as many as may", BUSY)
        connections = [one.model_dump(by_alias=True, exclude_defaults=True) for one in given.connections]
        surface.store.add_telemetry(who.name, connections)
        return {"accepted": len(connections), "waiting": queue["waiting"] + len(connections)}

    return api


ANALYSIS = "analysis-"


async def asked(
    surface: Surface, request: Request, who: str, profile: str, check: Callable[[str], object] | None = None
) -> Job:
    """Takes in a body, and has it scored; without one, has the sidecar judge again. Raises ProblemError.

    `check`: looks at the CSRF token of a form. A form without a file asks for nothing.
    """
    if check is not None and not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise ProblemError(415, "a form with a file is sent as multipart/form-data")
    folder = await run_in_threadpool(reserved, surface)
    try:
        limits = surface.settings
        came = await receive(request, folder / "input", limits.upload_megabytes, limits.upload_seconds)
        if check is not None:
            await run_in_threadpool(check, came.fields.get("csrf_token", ""))
        profile = came.fields.get("profile", "") or profile
        if profile and profile not in PROFILES:
            raise ProblemError(422, f"profile is {profile[:40]!r}, expected one of {', '.join(PROFILES)}")
        if came.fields.get("sample") and not came.size:
            await run_in_threadpool(surface.jobs.cancel, folder)
            return await run_in_threadpool(sampled, surface, came.fields["sample"], who, profile)
        if not came.files and check is not None:
            raise ProblemError(422, "choose a file, or a sample")
        if not came.files:
            await run_in_threadpool(surface.jobs.cancel, folder)
            return await run_in_threadpool(judged_again, surface, who)
        if not came.size:
            raise ProblemError(422, "the file is empty")
    except BaseException:
        if folder.exists():
            surface.jobs.cancel(folder)
        raise
    return await run_in_threadpool(surface.jobs.submit, folder, Asked(who, "upload", ", ".join(came.files), profile))


def reserved(surface: Surface) -> Any:
    """A folder for a job to be. Raises ProblemError."""
    try:
        return surface.jobs.reserve()
    except BusyError as error:
        raise ProblemError(429, str(error), BUSY) from error
    except OSError as error:
        raise ProblemError(507, f"there is no room for it: {error.strerror}") from error


def judged_again(surface: Surface, who: str) -> Job:
    """Has the sidecar judge again all that it holds."""
    surface.needs_sidecar()
    return analysis_of(surface, f"{ANALYSIS}{surface.store.ask_to_analyze(who)}")


def analysis_of(surface: Surface, name: str) -> Job:
    """How far the sidecar is with judging again. Raises ProblemError."""
    number = name.removeprefix(ANALYSIS)
    newest = surface.store.words().analyze
    if not number.isdecimal() or not 0 < int(number[:12]) <= newest:
        raise ProblemError(404, f"there is no job {name[:40]!r}")
    told = ((surface.state() or {}).get("operator") or {}).get("analysis") or {}
    done = told.get("store") == surface.store.identity() and told.get("done", 0) >= int(number)
    running = told.get("running", 0) >= int(number)
    state = "done" if done else "running" if running else "waiting"
    return {
        "id": name,
        "kind": "analysis",
        "state": state,
        "progress": 1.0 if done else told.get("share", 0.0) if running else 0.0,
    }


def sampled(surface: Surface, name: str, who: str, profile: str) -> Job:
    """Has a sample scored. Raises ProblemError."""
    if name not in SAMPLES:
        raise ProblemError(404, f"there is no sample {name[:40]!r}, only {', '.join(SAMPLES)}")
    folder = reserved(surface)
    try:
        for file, content in files_of(name).items():
            if file != "labels.csv":
                (folder / "input" / file).write_bytes(content)
    except BaseException:
        surface.jobs.cancel(folder)
        raise
    return surface.jobs.submit(folder, Asked(who, "sample", name, profile))


def job_of(surface: Surface, name: str) -> Job:
    """A job. Raises ProblemError."""
    found = surface.jobs.get(name)
    if found is None:
        raise ProblemError(404, f"there is no job {name[:40]!r}")
    return found


def result_of(surface: Surface, name: str) -> ReadModel:
    """What a job found. Raises ProblemError."""
    if job_of(surface, name)["state"] != DONE:
        raise ProblemError(409, "the job is not done")
    try:
        return ReadModel.open(surface.jobs.folder(name) / "result")
    except BeaconsError as error:
        raise ProblemError(409, f"the job has no result: {error}") from error


def files_in(surface: Surface, name: str) -> dict[str, int]:
    """The files that a job made, with their sizes."""
    root = surface.jobs.folder(name) / "result"
    files = (file for file in root.rglob("*") if file.is_file() and not file.is_symlink())
    return {file.relative_to(root).as_posix(): file.stat().st_size for file in files}


def download(surface: Surface, name: str, file: str) -> Response:
    """A file of a job, as a download: nothing of it is ever run or shown as a page. Raises ProblemError."""
    job_of(surface, name)
    if file not in files_in(surface, name):
        raise ProblemError(404, f"the job has no file {file[:100]!r}")
    path = surface.jobs.folder(name) / "result" / file
    return FileResponse(path, media_type="application/octet-stream", filename=path.name)
