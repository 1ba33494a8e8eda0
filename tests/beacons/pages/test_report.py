"""report.html: one file that needs nothing else, about what the other files say, however many beacons there are."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zeek_beacons import reports
from zeek_beacons.config import Config
from zeek_beacons.errors import OutputError
from zeek_beacons.pages import report
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import score
from zeek_beacons.reports.sentence import sentence
from zeek_beacons.scoring import Scoring

from . import made
from .markup import Read

Make = Callable[..., dict[str, Any]]
SUMMARY = made.SUMMARY | {"outputs": {"report.html": "this"}, "threshold_in_force": "0.6, set by hand"}


def written(pairs: list[dict[str, Any]], folder: Path, summary: dict[str, Any] | None = None) -> str:
    scored = score(Pairs.build(pairs), Scoring.rules_only(), Config())
    reports.write(scored, summary or SUMMARY, folder)
    return (folder / "report.html").read_text(encoding="utf-8")


def test_it_tells_what_the_other_files_tell(pair: Make, tmp_path: Path) -> None:
    pairs = [pair(), pair(orig_h="10.0.0.6", rhythm=False), pair(orig_h="10.0.0.8", sleep=600.0)]
    html = written(pairs, tmp_path, SUMMARY | {"warnings": ["the allow-list covers everything"]})
    read = Read.of(html)
    scored = score(Pairs.build(pairs), Scoring.rules_only(), Config())
    assert "2 beacons alert in 1 incident" in read.text
    assert sentence(scored, 0) in read.text
    for told in ("the allow-list covers everything", "Left out: not outbound", "conn.log:9: a|b", "100.64.0.0/10"):
        assert told in read.text
    assert len([one for one in read.all("svg") if "timeline" in one["class"]]) == 2
    anchors = {one["id"] for _, one in read.elements if "id" in one}
    assert {one["href"].removeprefix("#") for one in read.all("a") if one["href"].startswith("#")} <= anchors


def test_it_needs_nothing_else(pair: Make, tmp_path: Path) -> None:
    html = written([pair()], tmp_path)
    read = Read.of(html)
    assert not {"script", "link", "img", "iframe", "form", "object"} & {tag for tag, _ in read.elements}
    assert all(one["href"].startswith(("#", "https://attack.mitre.org/")) for one in read.all("a"))
    (sheet,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(sheet.encode()).digest()).decode()
    (policy,) = [one["content"] for one in read.all("meta") if "http-equiv" in one]
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert len(read.all("h1")) == len(read.all("main")) == 1
    assert str(tmp_path) not in html, "it may be sent to somebody"
    assert ".unfinished" not in html


@pytest.mark.parametrize("name", [name for name in made.HOSTILE if "\ud800" not in name], ids=ascii)
def test_a_hostile_name_is_text(name: str, pair: Make, tmp_path: Path) -> None:
    given = {"addr": "203.0.113.9", "server_name": name, "named": 100}
    hostile, plain = (
        Read.of(written([pair(resp=resp, **given)], tmp_path / str(number)))
        for number, resp in enumerate((name, "plain.example"))
    )
    assert [tag for tag, _ in hostile.elements] == [tag for tag, _ in plain.elements]
    text = (tmp_path / "0" / "report.html").read_text(encoding="utf-8")
    assert not [c for c in text if not c.isprintable() and c != "\n"]


def test_it_is_bounded(pair: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "IN_FULL", 3)
    html = written(
        [pair(resp=f"203.0.{number}.9", sleep=30.0 + 7 * number, seed=number) for number in range(8)], tmp_path
    )
    assert html.count('<article class="one"') == 3
    assert "The first 3 of 8; the rest stands in alerts.csv." in html


def test_one_beacon_costs_little(pair: Make, tmp_path: Path) -> None:
    few, many = (len(written([pair(n=n)], tmp_path / str(n))) for n in (20, 500))
    assert many - few < 40_000


def test_nothing_to_tell_is_told(tmp_path: Path) -> None:
    assert "Nothing alerts" in written([], tmp_path)


def test_a_failure_leaves_nothing_behind(pair: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report, "report_page", broken)
    with pytest.raises(OutputError, match="No space left"):
        written([pair()], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_summary_stays_data(pair: Make, tmp_path: Path) -> None:
    written([pair()], tmp_path)
    assert json.loads((tmp_path / "run_summary.json").read_text()) == SUMMARY
