"""The dashboard and the alert rules ask for metrics that a sidecar really tells, by labels that these have."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families as parse

from zeek_beacons.live.history.guard import HistoryHealth
from zeek_beacons.live.metrics import render

from .beacons.live.states import EVENTS, FOLLOWED, FORWARDED, SINKS, busy_session, state

ROOT = Path(__file__).parents[1]
RULES = ROOT / "packaging" / "prometheus" / "zeek-beacons.rules.yml"
RULES_TEST = RULES.with_name("zeek-beacons.test.yml")
DASHBOARD = ROOT / "packaging" / "grafana" / "zeek-beacons.json"
PAGE = ROOT / "docs" / "metrics.md"
OWN = r"zeek_beacons_\w+"
SCRAPED = {"instance", "job"}  # labels that Prometheus adds
NEEDS_PROMTOOL = pytest.mark.skipif(shutil.which("promtool") is None, reason="no promtool (Debian: prometheus)")


@pytest.fixture(scope="module")
def told() -> dict[str, set[str]]:
    """The metrics of a sidecar that has everything, and follows and forwards as well, each with its labels."""
    followed = {"followed": FOLLOWED, "forwarded": FORWARDED}
    whole = state(busy_session(), HistoryHealth(working=True), sinks=SINKS, events=EVENTS, **followed)
    found: dict[str, set[str]] = defaultdict(set)
    for family in parse(render(whole, 100.0)[0].decode()):
        for sample in family.samples:
            found[sample.name] |= sample.labels.keys()
    return found


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return found


def expressions() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield rule["alert"], rule["expr"]
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"]


EVERY_EXPRESSION = pytest.mark.parametrize(
    "expression", [expression for _, expression in expressions()], ids=[name for name, _ in expressions()]
)


@EVERY_EXPRESSION
def test_metrics_that_are_asked_for_are_told(expression: str, told: dict[str, set[str]]) -> None:
    asked = set(re.findall(OWN, expression))
    assert asked or re.search(r"\bup\{|process_", expression)
    assert asked <= told.keys()


@EVERY_EXPRESSION
def test_labels_that_are_asked_for_are_told(expression: str, told: dict[str, set[str]]) -> None:
    for name, within in re.findall(rf"({OWN})\{{([^}}]*)\}}", expression):
        assert set(re.findall(r"(\w+)\s*=", within)) <= told[name] | SCRAPED
    for kept in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression):
        known = set().union(*(told[name] for name in re.findall(OWN, expression)))
        assert set(re.split(r",\s*", kept)) <= known | SCRAPED


def test_texts_use_labels_that_are_told(told: dict[str, set[str]]) -> None:
    for rule in rules():
        labels = set().union(*(told[name] for name in re.findall(OWN, rule["expr"])), SCRAPED)
        assert set(re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values()))) <= labels, rule["alert"]


def test_every_panel_has_its_place() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not taken & cells, panel["title"]
        assert all(x < 24 for x, _ in cells)
        taken |= cells


def test_the_page_tells_every_metric_and_no_other(told: dict[str, set[str]]) -> None:
    own = {re.sub(r"_(bucket|sum|count)$", "", name) for name in told if re.fullmatch(OWN, name)}
    assert set(re.findall(rf"`({OWN})(?:\{{[^}}]*\}})?`", PAGE.read_text(encoding="utf-8"))) == own


@NEEDS_PROMTOOL
@pytest.mark.parametrize("command", [["check", "rules", str(RULES)], ["test", "rules", str(RULES_TEST)]], ids=" ".join)
def test_prometheus_takes_the_rules_and_they_fire(command: list[str]) -> None:
    done = subprocess.run(["promtool", *command], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_is_seen_to_fire() -> None:
    fired = set(re.findall(r'alertname="(\w+)"', RULES_TEST.read_text(encoding="utf-8")))
    assert fired == {rule["alert"] for rule in rules()}
