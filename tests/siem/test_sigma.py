"""Sigma rules: valid, about fields that there are, convertible, and seen to fire on real logs and nothing else."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest
import yaml

from zeek_beacons.alerts.formats import FORMATS
from zeek_beacons.reports import attack

from ..beacons.alerts.made import alert
from .conftest import Rows
from .fields import SIEM, TELEMETRY, fields, notice_fields

RULES = sorted((SIEM / "sigma" / "rules").glob("*.yml"))
PIPELINES = SIEM / "sigma" / "pipelines"
EACH = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.stem)
NETWORKED = {"attacktag", "d3_fendtag"}  # fetch what they know when they are asked

# Rows that each rule finds, of all logs.
FOUND: dict[str, Callable[[dict[str, Any]], object]] = {
    "zeek_beacon_verdicts_severe": lambda row: row["level"] >= 3,
    "zeek_beacon_verdicts_unknown_server": lambda row: row["level"] and "unknown_server=1" in row["reasons"],
    "zeek_beacons_alert_severe": lambda row: row["severity"] in ("high", "critical"),
    "zeek_notice_beacon_severe": lambda row: re.search("severity=(high|critical) ", row.get("sub", "")),
    "zeek_notice_sidecar_lost": lambda row: row["note"].endswith("Sidecar_Lost"),
    "zeek_notice_tunnel": lambda row: " asks for " in row["msg"],
    "zeek_telemetry_candidates_lost": lambda row: "lost_candidates" in row["name"] and row["value"],
}


def collection(path: Any = RULES) -> Any:
    loaded = pytest.importorskip("sigma.collection", reason="no pySigma: the Sigma rules were NOT checked")
    return loaded.SigmaCollection.load_ruleset(path)


def pipeline(name: str) -> Any:
    loaded = pytest.importorskip("sigma.processing.pipeline")
    return loaded.ProcessingPipeline.from_yaml((PIPELINES / f"{name}.yml").read_text(encoding="utf-8"))


def known(service: str) -> set[str]:
    """The fields of what a rule is about."""
    match service:
        case "notice":
            return {*notice_fields()}
        case "telemetry":
            return {*TELEMETRY}
        case "alert":
            return {*json.loads(FORMATS["json"].text(alert()))}
        case _:
            return {*fields(service)}


def test_pysigma_finds_nothing_to_say_of_them() -> None:
    rules = collection()
    validators = pytest.importorskip("sigma.validators.core").validators
    validation = pytest.importorskip("sigma.validation")
    chosen = [one for name, one in validators.items() if name not in NETWORKED]
    assert len(chosen) > 20
    assert validation.SigmaValidator(chosen).validate_rules(rules.rules) == []


@EACH
def test_rules_ask_for_fields_that_there_are(rule: Any) -> None:
    told = yaml.safe_load(rule.read_text(encoding="utf-8"))
    asked = set()
    for name, part in told["detection"].items():
        if name != "condition":
            asked |= {field.partition("|")[0] for one in (part if isinstance(part, list) else [part]) for field in one}
    assert asked
    assert asked <= known(told["logsource"]["service"])
    for tag in told.get("tags", []):
        number = tag.removeprefix("attack.").upper()
        assert tag == "attack.command-and-control" or number in {one.partition(".")[0] for one in attack.TECHNIQUES} | {
            *attack.TECHNIQUES
        }


@pytest.mark.parametrize("language", ["splunk", "lucene", "esql"])
@EACH
def test_they_are_converted(rule: Any, language: str) -> None:
    rules = collection([rule])
    service = rules.rules[0].logsource.service
    if language == "splunk":
        backend = pytest.importorskip("sigma.backends.splunk").SplunkBackend(pipeline("splunk"))
    else:
        backends = pytest.importorskip("sigma.backends.elasticsearch")
        made = {"lucene": "LuceneBackend", "esql": "ESQLBackend"}[language]
        backend = getattr(backends, made)(pipeline("elastic"))
    if service == "telemetry" and language != "splunk":
        with pytest.raises(Exception, match=r"telemetry\.log is not brought to Elastic"):
            backend.convert(rules)
        return
    (query,) = backend.convert(rules)
    dataset = {"notice": "zeek.notice", "beacon_verdicts": "zeek_beacons.verdicts", "alert": "zeek_beacons.alert"}
    source = {"alert": "zeek_beacons:alert"}.get(service, f"zeek:{service}:json")
    assert (source if language == "splunk" else dataset[service]) in query


@EACH
def test_they_find_what_they_should_and_nothing_else(rule: Any, logs: Rows, alerts: list[dict[str, Any]]) -> None:
    rules = collection([rule])
    backend = pytest.importorskip("sigma.backends.sqlite").sqliteBackend()
    rows = {**logs, "alert": alerts}[rules.rules[0].logsource.service]
    (query,) = backend.convert(rules)
    found = matching(re.sub(r"\bFROM \S+", "FROM rows", query, count=1), rows)
    should = [number for number, row in enumerate(rows) if FOUND[rule.stem](row)]
    assert found == should
    assert 0 < len(found) < len(rows)


def matching(query: str, rows: list[dict[str, Any]]) -> list[int]:
    """The numbers of the rows that a query finds. Lists stand as their JSON."""
    names = sorted({name for row in rows for name in row})
    quoted = ", ".join(f'"{name}"' for name in names)
    with sqlite3.connect(":memory:") as base:
        base.create_function("regexp", 2, lambda pattern, text: re.search(pattern, text or "") is not None)
        base.execute(f"CREATE TABLE rows (number, {quoted})")
        for number, row in enumerate(rows):
            values = [json.dumps(row[n]) if isinstance(row.get(n), list | dict) else row.get(n) for n in names]
            base.execute(f"INSERT INTO rows VALUES ({', '.join('?' * (len(names) + 1))})", [number, *values])
        return [number for number, *_ in base.execute(query)]
