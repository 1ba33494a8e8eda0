"""report.html: one run as one file, made from its result.sqlite by the templates and charts of the console."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from markupsafe import Markup

from zeek_beacons.pages.beacon import MOST_MEMBERS, FactTexts, bars, techniques, told
from zeek_beacons.pages.context import PageContext
from zeek_beacons.pages.diagnostics import Card, run_cards
from zeek_beacons.pages.environment import STATIC, render
from zeek_beacons.pages.lists import NOBODY, sparks
from zeek_beacons.pages.pictures import PaperPictures, on_paper
from zeek_beacons.pages.query import listed, selection
from zeek_beacons.pages.simple import model_facts
from zeek_beacons.pages.words import plural, when
from zeek_beacons.readmodel import About, Beacon, Listing, PairRow, ReadModel
from zeek_beacons.reports.about import IN_WORDS

NAME = "report.html"
IN_FULL = 200  # beacons
IN_SHORT = 50  # near misses, and what was kept quiet


@dataclass(frozen=True, slots=True)
class InFull:
    """One beacon, ready to be shown."""

    b: Beacon
    drawn: PaperPictures
    bars: list[str]
    told: FactTexts
    techniques: list[tuple[str, str, str]]
    anchors: frozenset[str]  # ids of pairs that are shown too


def write(result: Path, summary: Mapping[str, Any], file: Path) -> None:
    """Writes the report on a result.sqlite. Raises InputError, OSError."""
    with closing(ReadModel.open(result)) as model:
        file.write_bytes(report_page(model, summary).encode())


def report_page(model: ReadModel, summary: Mapping[str, Any]) -> str:
    """The whole report. `summary`: the run's run_summary.json. Raises InputError."""
    about = replace(model.about(), path=model.path.name)  # it is written aside, and put in place only later
    now = about.written or 0.0
    alerting, near, quiet = (
        listed(model, selection({"show": show, "limit": str(most)}, now), about)
        for show, most in (("alerts", IN_FULL), ("near", IN_SHORT), ("quiet", IN_SHORT))
    )
    rows = (*alerting.rows, *near.rows, *quiet.rows)
    sheet = Markup((STATIC / "console.css").read_text(encoding="utf-8"))  # noqa: S704
    return render(
        "report.html",
        ctx=PageContext(path="", now=now, is_run=True),
        policy=policy(sheet),
        sheet=sheet,
        answer=_answer(about, alerting),
        beneath=_beneath(about, summary),
        warnings=[str(one) for one in summary.get("warnings", ())],
        listing=alerting,
        near=near,
        quiet=quiet,
        sparks=sparks(rows),
        seen=NOBODY,
        calibrated=about.calibrated,
        reading=IN_WORDS[about.calibrated],
        told_in_full=in_full(model, alerting.rows),
        most_members=MOST_MEMBERS,
        cards=[*run_cards(about, summary), *_files(summary)],
    )


def in_full(model: ReadModel, rows: tuple[PairRow, ...]) -> Iterator[InFull]:
    """Each of these beacons, one after the other."""
    anchors = frozenset(row.id for row in rows)
    for row in rows:
        beacon = model.beacon(row.id)
        if beacon is None:
            continue
        known = beacon.facts
        yield InFull(beacon, on_paper(beacon), bars(beacon), told(known), techniques(known), anchors)


def policy(sheet: str) -> str:
    """A policy for the browser under which nothing but this sheet is used."""
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


def _answer(about: About, alerting: Listing[PairRow]) -> str:
    if not alerting.total:
        return "Nothing alerts"
    return f"{plural(alerting.total, 'beacon alerts', 'beacons alert')} in {plural(about.incidents, 'incident')}"


def _beneath(about: About, summary: Mapping[str, Any]) -> str:
    in_force = summary.get("threshold_in_force") or about.profile
    return (
        f"{plural(about.pairs, 'pair')}, {plural(about.scored, 'pair')} with enough connections; "
        f"{when(about.first_seen)} to {when(about.last_seen)}; threshold {in_force}; model {about.model}."
    )


def _files(summary: Mapping[str, Any]) -> list[Card]:
    outputs = summary.get("outputs", {})
    return [
        Card("Model", model_facts(summary), is_wide=True),
        Card("Files of this run", [(name, str(outputs[name])) for name in outputs], is_wide=True),
    ]
