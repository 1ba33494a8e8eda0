"""Where pages read from: the file that the console shows, or the result of a job; and the circumstances of a page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request

from zeek_beacons.pages.context import PageContext
from zeek_beacons.readmodel import ReadModel
from zeek_beacons.serve.access import COOKIE, Who
from zeek_beacons.serve.api_jobs import job_of, result_of
from zeek_beacons.serve.surface import Surface

LONGEST_SOURCE = 60  # characters


@dataclass(frozen=True, slots=True)
class PagePlace:
    """What is read. `folder`: of a result's files, None for a history; `command`: what made it, where that is known."""

    model: Callable[[], ReadModel]
    base: str
    source: str
    folder: Path | None
    command: str = ""

    @property
    def is_run(self) -> bool:
        """Whether it is a result rather than a history."""
        return self.folder is not None


def place_of(surface: Surface, request: Request) -> PagePlace:
    """The place that an address names. Raises ProblemError where it is a job's that has no result."""
    name = request.path_params.get("job")
    if name is None:
        folder = None if surface.has_sidecar else surface.model.path
        return PagePlace(surface.model, "", surface.model.path.name, folder)
    job = job_of(surface, name)
    result = result_of(surface, name)
    source = f"run of {job['name']}"[:LONGEST_SOURCE]
    return PagePlace(lambda: result, f"/jobs/{name}", source, surface.jobs.folder(name) / "result", job["command"])


def context(surface: Surface, request: Request, who: Who, place: PagePlace | None = None) -> PageContext:
    """What a page is told beside what it shows."""
    shown = place or PagePlace(surface.model, "", surface.model.path.name, None if surface.has_sidecar else Path())
    return PageContext(
        path=request.url.path,
        now=surface.clock(),
        query={name: value[:400] for name, value in list(request.query_params.items())[:30]},
        base=shown.base,
        source=shown.source,
        is_run=shown.is_run,
        live=surface.has_sidecar and not shown.base,
        who=who.name if who.session is not None else "",
        csrf_token=who.csrf if who.may_write else "",
        message=surface.access.message(request.cookies.get(COOKIE, "")),
    )
