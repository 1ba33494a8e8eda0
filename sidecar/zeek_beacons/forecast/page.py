"""report.html of a forecast: its alerts, the scores of its series as pictures, and how it came about, in one file."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from zeek_beacons.charts.surprise import surprise
from zeek_beacons.forecast.findings import NEW, Finding
from zeek_beacons.forecast.run import Forecast, thresholds
from zeek_beacons.forecast.tracks import Track, titled
from zeek_beacons.pages.context import PageContext
from zeek_beacons.pages.environment import STATIC, render
from zeek_beacons.pages.report import policy
from zeek_beacons.pages.words import plural, when

LISTED = 100  # alerts


@dataclass(frozen=True, slots=True)
class _Line:
    """An alert as it stands in the table."""

    level: str
    title: str
    begin: float
    end: float
    score: float
    threshold: float
    tail: float
    connections: int


@dataclass(frozen=True, slots=True)
class _Drawn:
    title: str
    chart: str


def forecast_page(found: Forecast, tracks: list[Track], notes: list[str]) -> str:
    """The whole report."""
    sheet = Markup((STATIC / "console.css").read_text(encoding="utf-8"))  # noqa: S704
    width = found.plan.window
    return render(
        "forecast.html",
        ctx=PageContext(path="", now=0.0, is_run=True),
        policy=policy(sheet),
        sheet=sheet,
        answer=_answer(found),
        beneath=_beneath(found),
        notes=notes,
        alerts=[_line(one) for one in found.alerts[:LISTED]],
        more=max(len(found.alerts) - LISTED, 0),
        drawn=[_Drawn(one.title, surprise(one.times, one.scores, one.threshold, one.alerts, width)) for one in tracks],
        facts=_facts(found),
    )


def _answer(found: Forecast) -> str:
    if not found.alerts:
        return "Nothing stayed surprising"
    return f"{plural(len(found.alerts), 'stretch', 'stretches')} stayed surprising"


def _beneath(found: Forecast) -> str:
    start = found.windows.axis.start
    begin, end = float(start[found.parts.judged.begin]), float(start[-1] + found.plan.window)
    return f"{found.windows.connections} connections; judged {when(begin)} to {when(end)} by model {found.plan.model}."


def _line(one: Finding) -> _Line:
    title = titled(one.level, one.orig_h, one.resp_h, one.service)
    if one.level == NEW:
        title += f", new to it{f'; also {one.also_new}' if one.also_new else ''}"
    return _Line(one.level, title, one.begin, one.end, one.score, one.threshold, one.tail_probability, one.connections)


def _facts(found: Forecast) -> list[tuple[str, str]]:
    parts = found.parts
    limits = ", ".join(f"{level} {'-' if limit is None else limit}" for level, limit in thresholds(found).items())
    shared = f"{len(parts.train)} to train, {len(parts.calibration)} to calibrate, {len(parts.judged)} judged"
    return [
        ("Windows", f"{found.plan.window:g} s each: {shared}"),
        ("Thresholds", limits),
        ("Persistence", f"{found.plan.persistence} windows that follow each other in time"),
        ("Series forecast", ", ".join(f"{one.forecast} of level {level}" for level, one in found.levels.items())),
        ("Host-days", f"{found.calibration_host_days:.2f} to calibrate, {found.judged_host_days:.2f} judged"),
    ]
