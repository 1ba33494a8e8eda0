"""The small pages: run, job, files, log in, error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from zeek_beacons.config import PROFILES
from zeek_beacons.pages.context import JobState, OutputFile, PageContext
from zeek_beacons.pages.environment import render
from zeek_beacons.samples import SAMPLES

PROFILE_CHOICES = [(name, name) for name in PROFILES]


def run_page(jobs: Sequence[JobState], most_bytes: int, ctx: PageContext) -> str:
    """Where a run is asked for; `most_bytes`: the largest upload."""
    samples = list(SAMPLES.items())
    return render("run.html", ctx=ctx, jobs=jobs, samples=samples, profiles=PROFILE_CHOICES, most_bytes=most_bytes)


def job_page(job: JobState, ctx: PageContext) -> str:
    """How far a run is; until it is over the page asks again by itself."""
    return render("job.html", ctx=ctx, job=job)


def files_page(files: Sequence[OutputFile], command: str, summary: Mapping[str, object], ctx: PageContext) -> str:
    """Every file of a run, the command that makes them, and the model; `summary`: its run_summary.json."""
    return render("files.html", ctx=ctx, files=files, command=command, model=model_facts(summary))


def login_page(ctx: PageContext, after: str = "/", failed: str = "") -> str:
    """Where a token is asked for; `after`: the page to go to then; `failed`: why the last one was refused."""
    return render("login.html", ctx=ctx, next=after, failed=failed)


def error_page(title: str, detail: str, ctx: PageContext) -> str:
    """What went wrong, in a sentence."""
    return render("error.html", ctx=ctx, title=title, detail=detail)


def model_facts(summary: Mapping[str, object]) -> list[tuple[str, str]]:
    """What a run says of its model: name and text."""
    names = ("model", "profile", "threshold_in_force", "score_semantics", "severity_semantics", "grouping")
    facts = [(name.replace("_", " "), str(summary[name])) for name in names if summary.get(name)]
    for part in ("validation", "environment"):
        values = summary.get(part)
        if isinstance(values, Mapping):
            facts += [(f"{part}: {name}".replace("_", " "), _short(value)) for name, value in values.items()]
    return facts


def _short(value: object) -> str:
    if isinstance(value, (list, tuple)) and len(value) > 12:
        return f"{len(value)} values, see run_summary.json"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_short(one)}" for name, one in value.items())
    return str(value)
