"""Where pages read from: the file that the console shows, or the result of a job; and the circumstances of a page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fastapi import Request

from zeek_beacons.fleet.row import SensorRow
from zeek_beacons.pages.context import PageContext
from zeek_beacons.readmodel.readable import Readable
from zeek_beacons.serve.access import COOKIE, Who
from zeek_beacons.serve.api_jobs import job_of, result_of
from zeek_beacons.serve.owners import is_afar
from zeek_beacons.serve.surface import Surface

LONGEST_SOURCE = 60  # characters


@dataclass(frozen=True, slots=True)
class PagePlace:
    """What is read. `folder`: of a result's files, None for a history; `command`: what made it, where that is known."""

    model: Callable[[], Readable]
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
        folder = surface.model.path if surface.is_run else None
        return PagePlace(surface.model, "", surface.model.path.name, folder)
    job = job_of(surface, name)
    result = result_of(surface, name)
    source = f"run of {job['name']}"[:LONGEST_SOURCE]
    return PagePlace(lambda: result, f"/jobs/{name}", source, surface.jobs.folder(name) / "result", job["command"])


def elsewhere(surface: Surface, of_run: bool = False) -> dict[str, str]:
    """Sensors of which nothing can be said here, each with the address of its own console, "" where it has none."""
    if surface.fleet is None:
        return {}
    if of_run:
        return {"": ""}
    names = [name for name in surface.fleet.sensors if name not in surface.operated and not is_afar(surface, name)]
    sources = {name: surface.fleet.sensors[name].source for name in names}
    return {name: source.place.rstrip("/") if source.is_url else "" for name, source in sources.items()}


def _none() -> tuple[SensorRow, ...]:
    return ()


def context(surface: Surface, request: Request, who: Who, place: PagePlace | None = None) -> PageContext:
    """What a page is told beside what it shows."""
    shown = place or PagePlace(surface.model, "", surface.model.path.name, Path() if surface.is_run else None)
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
        sensors=() if surface.fleet is None or shown.base else tuple(sorted(surface.fleet.sensors)),
        elsewhere=elsewhere(surface, of_run=bool(shown.base)),
        unread=surface.fleet.unread if surface.fleet is not None and not shown.base else _none,
    )
