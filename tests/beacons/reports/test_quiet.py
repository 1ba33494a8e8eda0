"""Near misses, what was kept quiet and by what, and what others would have scored."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from zeek_beacons import reports
from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import NEAR, Scored, score
from zeek_beacons.reports.about import validation
from zeek_beacons.reports.quiet import kept_quiet, near_misses
from zeek_beacons.scoring import Scoring

from .test_reports import SUMMARY

Make = Callable[..., dict[str, Any]]
ALLOWED = "# ours\nname *.example.org\npair 10.0.0.9 203.0.113.9 443  # the backup\n"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def scored(pair: Make) -> Scored:
    pairs = Pairs.build([pair(), pair(orig_h="10.0.0.9"), pair(orig_h="10.0.0.6", rhythm=False)])
    return score(pairs, Scoring.load(), Config(), AllowList.parse(ALLOWED, "allow.list"))


def just_below(pair: Make) -> Scored:
    pairs = Pairs.build([pair(), pair(orig_h="10.0.0.6", rhythm=False)])
    best = score(pairs, Scoring.load(), Config()).verdicts.score[0]
    return score(pairs, Scoring.load(), Config(threshold=float(best) + NEAR / 2))


def test_a_pair_just_below_the_threshold_is_a_near_miss(pair: Make, tmp_path: Path) -> None:
    scored = just_below(pair)
    assert scored.near_miss.tolist() == [True, False]
    assert any("10.0.0.5 talks to 203.0.113.9:443" in line for line in near_misses(scored))
    reports.write(scored, SUMMARY, tmp_path)
    told = {row["orig_h"]: row["near_miss"] for row in rows(tmp_path / "scored_pairs.csv")}
    assert told == {"10.0.0.5": "true", "10.0.0.6": "false"}
    assert "## Near misses" in (tmp_path / "report.md").read_text()


def test_what_alerts_or_is_kept_quiet_is_no_near_miss(scored: Scored) -> None:
    assert not scored.near_miss.any()
    assert near_misses(scored) == []


def test_the_line_of_the_allow_list_is_named(scored: Scored) -> None:
    text = "\n".join(kept_quiet(scored))
    assert "kept quiet by allow.list:3: pair 10.0.0.9 203.0.113.9 443" in text
    assert "10.0.0.5 " not in text


def test_rules_and_hybrid_stand_beside_the_score(scored: Scored, tmp_path: Path) -> None:
    reports.write(scored, SUMMARY, tmp_path)
    for file in ("scored_pairs.csv", "alerts.csv"):
        first = rows(tmp_path / file)[0]
        mean = (float(first["rule_score"]) + float(first["score_forest"])) / 2
        assert float(first["hybrid_score"]) == pytest.approx(mean, abs=1e-6)
        assert first["rule_reasons"].split()[0] == "one_interval"


def test_a_report_names_its_files_and_the_models_figures(scored: Scored, tmp_path: Path) -> None:
    scoring = Scoring.load()
    summary = SUMMARY | {"validation": validation(scoring), "warnings": ["all is allowed"]}
    reports.write(scored, summary, tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert text.splitlines()[2] == "> **Warning**: all is allowed"
    for name in reports.REPORTS:
        assert f"- `{name}`: " in text
    assert "## The model's own figures" in text
    assert "many beacons as benign pairs" in text
    assert validation(Scoring.rules_only()) == {}


def test_figures_under_validation_are_shown_whatever_they_are() -> None:
    scoring = Scoring.load()
    assert scoring.model is not None
    manifest = replace(scoring.model.manifest, training={"validation": {"folds": [0.9, 0.8], "by": {"lab": 0.7}}})
    shown = validation(replace(scoring, model=replace(scoring.model, manifest=manifest)))
    assert shown["validation"] == {"folds": [0.9, 0.8], "by": {"lab": 0.7}}
