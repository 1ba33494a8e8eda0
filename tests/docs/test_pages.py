"""What the pages point to is there: files, headings, names in modules, targets of make, extras, options of Zeek."""

from __future__ import annotations

import csv
import html
import re
import tomllib
from pathlib import Path

import pytest

import zeek_beacons
from zeek_beacons.samples import unpack
from zeek_beacons_lab.cli.picture import NAME, demo_output, draw

from .pages import PAGES, ROOT, SITE, anchors, blocks, code_spans, links, named, prose

EVERY_PAGE = pytest.mark.parametrize("page", PAGES, ids=named)
FILE = r"[\w./-]+/[\w.-]+\.(?:py|zeek|service|json|md)"


@EVERY_PAGE
def test_links_lead_somewhere(page: Path) -> None:
    for file, anchor in links(page):
        target = (page.parent / file).resolve() if file else page
        assert target.is_file(), f"{named(page)}: no {file}"
        if page.is_relative_to(SITE):
            assert target.is_relative_to(SITE), f"{named(page)}: {file} is not on the site"
        assert not anchor or anchor in anchors(target), f"{named(page)}: no heading {anchor} in {named(target)}"


@EVERY_PAGE
def test_files_that_are_named_exist(page: Path) -> None:
    for span in code_spans(page):
        if re.fullmatch(FILE, span) and not span.startswith(("/", "report/")):
            assert (ROOT / span).is_file() or (page.parent / span).is_file(), f"{named(page)}: no {span}"


@EVERY_PAGE
def test_names_beside_a_module_are_defined_in_it(page: Path) -> None:
    for module, name in re.findall(rf"`({FILE})`\s+\(`(\w+)`\)", prose(page)):
        source = (ROOT / module).read_text(encoding="utf-8")
        assert re.search(rf"^(?:def |class )?{name}\b", source, flags=re.MULTILINE), f"{module} has no {name}"


@EVERY_PAGE
def test_names_of_the_zeek_package_are_its_own(page: Path) -> None:
    scripts = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "zeek-scripts").glob("*.zeek"))
    for name in re.findall(r"Beacons::(\w+)", page.read_text(encoding="utf-8")):
        assert re.search(rf"\b{name}", scripts), f"{named(page)}: no Beacons::{name}"


@EVERY_PAGE
def test_targets_of_make_and_extras_exist(page: Path) -> None:
    code = [*code_spans(page), *(line for block in blocks(page) for line in block.lines)]
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for line in code:
        if target := re.match(r"make ([\w-]+)", line):
            assert re.search(rf"^{target[1]}:", makefile, flags=re.MULTILINE), f"{named(page)}: no make {target[1]}"
        for extra in re.findall(r"install (?:-e )?'\.\[(\w+)\]'", line):
            assert extra in extras, f"{named(page)}: no extra {extra}"


def test_the_house_plan_names_every_room() -> None:
    plan = (SITE / "developers" / "README.md").read_text(encoding="utf-8")
    rooms = [
        room.name
        for package in ("zeek_beacons", "zeek_beacons_lab")
        for room in (ROOT / "sidecar" / package).iterdir()
        if (room / "__init__.py").is_file()
    ]
    assert [room for room in rooms if f"{room}/" not in plan] == []


def test_the_readme_is_short_and_begins_with_what_comes_out() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 180
    assert lines[2].endswith(f"(docs/assets/{NAME})")


def test_the_picture_shows_what_make_demo_prints() -> None:
    """Anew: python -m zeek_beacons_lab picture"""
    output = demo_output()
    stored = (SITE / "assets" / NAME).read_text(encoding="utf-8")
    assert words(stored) == words(draw(output)) == output.split()
    assert "http" not in re.sub(r'xmlns="[^"]*"|<!--.*?-->', "", stored)  # nothing is fetched


def test_the_readme_quotes_an_alert_of_the_demo(tmp_path: Path) -> None:
    unpack("site", tmp_path)
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    assert [alert for alert in zeek_beacons.score(tmp_path).alerts() if alert["summary"] in readme]


def test_the_demos_beacons_come_first_and_the_readme_explains_the_rest(tmp_path: Path) -> None:
    unpack("site", tmp_path)
    scored = zeek_beacons.score(tmp_path)
    with (tmp_path / "labels.csv").open(encoding="utf-8") as file:
        beacons = {(row["orig_h"], row["resp_h"]) for row in csv.DictReader(file) if row["label"] == "c2"}
    listed: dict[str, list[tuple[str, str]]] = {}
    for alert in scored.alerts():
        listed.setdefault(alert["incident"], []).append((alert["orig_h"], alert["addr"]))
    right = [any(member in beacons for member in members) for members in listed.values()]
    assert right == sorted(right, reverse=True)
    assert sum(right) == 6
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    alerts = {alert["incident"]: alert for alert in reversed(scored.alerts())}
    false = [incident for incident, is_right in zip(listed, right, strict=True) if not is_right]
    assert [name for name in false if f"`{alerts[name]['resp']}`" not in readme] == []


def words(svg: str) -> list[str]:
    """What stands in the terminal, from left to right and down."""
    texts = re.findall(r'<text class="demo-r\d+".*?>(.*?)</text>', svg)
    return html.unescape("".join(f" {text} " for text in texts)).split()


def test_make_demo_runs_what_the_picture_shows() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert "zeek-beacons sample site demo-out/logs" in makefile
    assert "zeek-beacons score demo-out/logs --truth demo-out/logs/labels.csv -o demo-out/report" in makefile
