"""The error analysis of a run that has labels, the hosts to look at first, and the limits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from zeek_beacons.config import Config
from zeek_beacons.labels import read_labels
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import Scored, score
from zeek_beacons.reports.about import LIMITS, about
from zeek_beacons.reports.against_labels import TOLD, against_labels, mistakes
from zeek_beacons.reports.first_hosts import SHOWN, first_hosts
from zeek_beacons.scoring import Scoring
from zeek_beacons.truth import Outcome, Truth

from ..cli.commands import run

Make = Callable[..., dict[str, Any]]
HEADER = "orig_h,resp_h,resp_p,proto,label\n"


def judged(pairs: list[dict[str, Any]], labels: str, folder: Path) -> tuple[Scored, Outcome]:
    (folder / "labels.csv").write_text(HEADER + labels)
    scored = score(Pairs.build(pairs), Scoring.load(), Config())
    return scored, Truth(read_labels(folder / "labels.csv")).compare(scored)


def test_each_mistake_says_why(pair: Make, tmp_path: Path) -> None:
    rows = [
        pair(orig_h="10.0.0.1"),  # a timer that the labels call benign
        pair(orig_h="10.0.0.2", rhythm=False),
        pair(orig_h="10.0.0.3", n=3),
        pair(orig_h="10.0.0.4", n=200, resp="224.0.0.9"),
        pair(orig_h="10.0.0.5"),
    ]
    labels = "10.0.0.1,203.0.113.9,443,tcp,benign\n10.0.0.4,224.0.0.9,443,tcp,c2\n10.9.9.9,203.0.113.9,443,tcp,c2\n"
    labels += "".join(f"10.0.0.{host},203.0.113.9,443,tcp,c2\n" for host in (2, 3, 5))
    found = mistakes(*judged(rows, labels, tmp_path))
    why = {one["pair"].split()[0]: one["why"] for one in found["missed"]}
    assert why.keys() == {"10.0.0.2", "10.0.0.3", "10.0.0.4", "10.9.9.9"}, "the timer of 10.0.0.5 was found"
    assert "below the threshold" in why["10.0.0.2"] or "needed" in why["10.0.0.2"]
    assert why["10.0.0.3"] == "3 connections, too few to be scored"
    assert why["10.0.0.4"] == "kept quiet: multicast"
    assert why["10.9.9.9"] == "not in the input"
    (false,) = found["false"]
    assert false["pair"].startswith("10.0.0.1 to 203.0.113.9:443")
    assert false["why"]


def test_no_more_are_told_than_can_be_read(pair: Make, tmp_path: Path) -> None:
    rows = [pair(orig_h=f"10.0.{host // 250}.{host % 250}", n=3) for host in range(TOLD + 9)]
    labels = "".join(f"{row['orig_h']},203.0.113.9,443,tcp,c2\n" for row in rows)
    assert len(mistakes(*judged(rows, labels, tmp_path))["missed"]) == TOLD


def test_the_report_holds_them_and_escapes_names(conn_log: Callable[..., Path], pair: Make, tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text(f"{HEADER}10.0.0.5,203.0.113.9,443,tcp,benign\n")
    log = conn_log([pair(), pair(orig_h="10.0.0.6", rhythm=False)])
    assert run("score", log, "--truth", tmp_path / "labels.csv", "-o", tmp_path / "out").returncode == 0
    report = (tmp_path / "out" / "report.md").read_text()
    assert "False alerts, and what speaks for each:\n\n- 10.0.0.5 to 203.0.113.9:443: " in report
    assert json.loads((tmp_path / "out" / "run_summary.json").read_text())["truth"]["missed"] == []
    hostile = {"pair": "10.0.0.5 to <b>[x](http://evil)", "why": "w"}
    truth = {"roc_auc": 1, "precision": 1, "recall": 1, "f1": 1, "beacons": 1, "benign": 0, "missed": [hostile]}
    assert "<b>" not in "\n".join(against_labels({"truth": truth}))


@pytest.mark.parametrize("given", [{}, {"truth": None}])
def test_without_labels_nothing_is_said_of_mistakes(given: dict[str, Any]) -> None:
    assert against_labels(given) == []


def test_hosts_are_ranked_by_highest_then_mean_risk(pair: Make) -> None:
    rows = [pair(orig_h="10.0.0.1", rhythm=False), pair(orig_h="10.0.0.2")]
    rows += [pair(orig_h=f"10.0.1.{number}", rhythm=False) for number in range(SHOWN)]
    lines = first_hosts(score(Pairs.build(rows), Scoring.load(), Config()))
    shown = [line.split(" | ") for line in lines if line.startswith("| 10.")]
    assert shown[0][0] == "| 10.0.0.2"
    risks = [(float(cells[1]), float(cells[2])) for cells in shown]
    assert risks == sorted(risks, reverse=True)
    assert len(shown) == SHOWN
    assert "2 further hosts stand in hosts.csv." in lines
    assert first_hosts(score(Pairs.empty(), Scoring.load(), Config())) == []


def test_the_report_says_its_limits() -> None:
    told = "\n".join(about({}, calibrated=True))
    assert all(f"- {limit}" in told for limit in LIMITS)
