"""What the pages bring along: nothing from elsewhere, nothing inline, and a look for every part of a chart."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from zeek_beacons.pages.environment import PLACE, STATIC

from . import test_hostile

TEMPLATES = sorted((PLACE / "templates").glob("*.html"))


@pytest.mark.parametrize("file", sorted(STATIC.iterdir()), ids=lambda file: file.name)
def test_nothing_is_fetched_from_elsewhere(file: Path) -> None:
    text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?:|//\w|@import|url\(", re.sub(r"(?m)^\s*//.*$", "", text))


@pytest.mark.parametrize("file", TEMPLATES, ids=lambda file: file.name)
def test_a_strict_policy_holds(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert not re.search(r"\sstyle=|\son[a-z]+=|javascript:|\|\s*safe\b", text)
    assert re.findall(r"<script[^>]*>", text) in ([], ['<script src="/static/console.js" defer>'])


@pytest.mark.parametrize("page", test_hostile.PLAIN)
def test_a_page_is_one_that_a_screen_reader_can_read(page: str) -> None:
    read = test_hostile.PLAIN[page]
    assert read.all("html") == [{"lang": "en"}]
    assert len(read.all("h1")) == len(read.all("main")) == 1
    levels = [int(tag[1]) for tag, _ in read.elements if re.fullmatch("h[1-6]", tag)]
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    ids = [attributes["id"] for _, attributes in read.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    for name in ("aria-labelledby", "aria-describedby"):
        assert {one[name] for _, one in read.elements if name in one} <= set(ids)


def test_every_part_of_a_chart_has_a_look() -> None:
    sheet = (STATIC / "console.css").read_text(encoding="utf-8")
    used = {
        name
        for read in test_hostile.PLAIN.values()
        for tag, attributes in read.elements
        if tag in ("path", "rect", "text")
        for name in attributes.get("class", "").split()
    }
    looks = set(re.findall(r"\.([a-z][\w-]*)", sheet))
    assert used - {"tick", "way", "bar", "weight"} <= looks


def test_every_page_is_in_a_known_language_of_the_sheet() -> None:
    """Both looks define the same colours."""
    sheet = (STATIC / "console.css").read_text(encoding="utf-8")
    light, dark = re.search(r":root \{(.*?)\n\}", sheet, re.S), re.search(r"dark\) \{\s*:root \{(.*?)\}", sheet, re.S)
    assert light
    assert dark
    names = [set(re.findall(r"(--[\w-]+): *#", part[1])) for part in (light, dark)]
    assert names[0] == names[1]
