"""What Elastic is given: of the shape that Elastic's own types and schemas have, and about fields that there are."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from zeek_beacons.alerts.formats import FORMATS
from zeek_beacons.alerts.formats.ecs import ECS_VERSION

from ..beacons.alerts.made import alert
from ..beacons.alerts.test_published import NEEDS_SCHEMAS, SCHEMAS, check, ecs, leaves
from .conftest import Rows
from .fields import ENDS, RECORDS, SIEM, fields, notice_fields
from .ingest import holds, ingest

__all__ = ["ecs"]  # the fixture

FOLDER = SIEM / "elastic"
DATASETS = {"beacon_verdicts": "verdicts", "beacon_candidates": "candidates", "beacon_long": "long"}
MOVED = {"ts", "uid", *ENDS, "proto", "first_ts", "last_ts", "start"}  # to fields of ECS, or to zeek.session_id
TYPES = {
    "count": "long",
    "int": "long",
    "double": "double",
    "interval": "double",
    "bool": "boolean",
    "string": "keyword",
    "transport_proto": "keyword",
    "set[string]": "keyword",
    "vector of string": "keyword",
}
CHECK = """import type { estypes } from "@elastic/elasticsearch"
export const pipeline: estypes.IngestPipeline = %s
export const template: estypes.IndicesPutIndexTemplateRequest = { "name": "logs-zeek_beacons", %s
"""


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return found


def rules() -> list[dict[str, Any]]:
    text = (FOLDER / "detection-rules.ndjson").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


RULES = pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["name"])


def compiled(folder: Path, pipeline: str, template: str) -> subprocess.CompletedProcess[str]:
    """What the compiler says of both as values of the types of Elastic's client."""
    if not (SCHEMAS / "node_modules" / "typescript").is_dir() or shutil.which("node") is None:
        if os.environ.get(NEEDS_SCHEMAS):
            pytest.fail(f"no TypeScript with Elastic's client, and {NEEDS_SCHEMAS} is set")
        pytest.skip("no TypeScript with Elastic's client (make schemas): NOT checked")
    (folder / "node_modules").symlink_to(SCHEMAS / "node_modules")
    (folder / "check.ts").write_text(CHECK % (pipeline, template.lstrip("{\n")))
    command = "node node_modules/typescript/lib/tsc.js --noEmit --strict --skipLibCheck --module nodenext check.ts"
    return subprocess.run(command.split(), cwd=folder, capture_output=True, text=True)


def test_elastics_client_would_send_them(tmp_path: Path) -> None:
    pipeline, template = ((FOLDER / name).read_text() for name in ("ingest-pipeline.json", "index-template.json"))
    for folder in ("right", "wrong"):
        (tmp_path / folder).mkdir()
    done = compiled(tmp_path / "right", pipeline, template)
    assert done.returncode == 0, done.stdout
    pipeline = pipeline.replace('"copy_from"', '"copied_from"')
    template = template.replace('"data_stream"', '"data_flow"')
    told = compiled(tmp_path / "wrong", pipeline, template).stdout
    assert {"copied_from", "data_flow"} <= set(re.findall(r"\w+", told))


def properties(*path: str) -> dict[str, Any]:
    found = read("index-template.json")["template"]["mappings"]
    for part in path:
        found = found["properties"][part]
    known: dict[str, Any] = found["properties"]
    return known


@pytest.mark.parametrize("log", RECORDS)
def test_the_template_has_the_fields_of_our_records(log: str) -> None:
    told = properties("zeek", log)
    there = {name: kind for name, kind in fields(log).items() if name not in MOVED}
    assert told.keys() == there.keys()
    for name, kind in there.items():
        if name == "summary":
            assert told[name] == {"type": "match_only_text"}
        elif name == "states" or kind in ("vector of double", "vector of int"):
            of = {"vector of string": "keyword"}.get(kind) or TYPES[kind.removeprefix("vector of ")]
            assert told[name] == {"type": of, "index": False, "doc_values": False}
        else:
            assert told[name] == {"type": TYPES[kind]}


def test_it_has_the_fields_of_our_alerts() -> None:
    own = alerted()["zeek_beacons"]
    told = properties("zeek_beacons")
    assert own.keys() <= told.keys()
    assert told.keys() - own.keys() <= {"could_be"}  # is left out where nothing is known
    kinds = {str: "keyword", float: "double", int: "long", list: "keyword"}
    assert {name: kinds[type(value)] for name, value in own.items()}.items() <= {
        name: one["type"] for name, one in told.items()
    }.items()


def alerted() -> dict[str, Any]:
    """An alert as the sink with format=ecs writes it."""
    told: dict[str, Any] = json.loads(FORMATS["ecs"].text(alert()))
    return told


def documents(logs: Rows) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Rows of real logs and an alert, each with what the pipeline makes of it."""
    pipeline = read("ingest-pipeline.json")
    for log, short in [*DATASETS.items(), ("alert", "alert")]:
        for row in [alerted()] if log == "alert" else logs[log]:
            dataset = f"zeek_beacons.{short}"
            shipped = {"@timestamp": "2026-01-01T00:00:00Z", "data_stream": {"dataset": dataset}}
            yield log, row, ingest(pipeline, shipped | {"message": json.dumps(row)})


def test_real_rows_become_documents_of_ecs(logs: Rows, ecs: dict[str, Any]) -> None:
    seen = set()
    for log, row, document in documents(logs):
        seen.add(log)
        own = {name: document.pop(name, {}) for name in ("zeek", "zeek_beacons")}
        for name, value in leaves(document):
            assert name in ecs, f"{log}: ECS has no field {name}"
            check(name, value, ecs[name])
        if log != "alert":
            assert own["zeek"].keys() == {"session_id", log}
            assert own["zeek"][log].keys() == row.keys() - MOVED
            assert document["source"]["ip"] == row["id.orig_h"]
            assert document["event"]["kind"] == ("alert" if row.get("level") else "event")
    assert seen == {*RECORDS, "alert"}


def test_a_verdict_says_what_it_says(logs: Rows) -> None:
    told = [(row, document) for log, row, document in documents(logs) if log == "beacon_verdicts" and row["level"] > 2]
    assert told
    for row, document in told:
        assert document["message"] == row["summary"]
        assert document["event"]["severity"] == row["level"]
        assert document["event"]["category"] == ["network", "intrusion_detection"]
        assert document["related"]["ip"] == [row["id.orig_h"], row["id.resp_h"]]
        assert document["ecs"]["version"] == ECS_VERSION


def test_an_alert_stays_what_it_is() -> None:
    told = [document for log, _, document in documents({log: [] for log in RECORDS}) if log == "alert"]
    (document,) = told
    assert document == alerted() | {
        "data_stream": {"dataset": "zeek_beacons.alert"},
        "event": alerted()["event"],
        "ecs": alerted()["ecs"],
    }


def test_conditions_are_read() -> None:
    assert holds("ctx.a?.b == 'x' && ctx.a.n > 0", {"a": {"b": "x", "n": 1}})
    assert not holds("ctx.a?.b == 'x' && ctx.a.n > 0", {"a": {"b": "x", "n": 0}})
    assert not holds("ctx.a?.b != null", {})


@pytest.fixture(scope="module")
def schema() -> Any:
    """What Elastic's detection-rules say of a rule that is a query, at their newest version."""
    folder = SCHEMAS / "detection-rules" / "detection_rules" / "etc" / "api_schemas"
    versions = [path for path in folder.glob("*") if re.fullmatch(r"\d+\.\d+", path.name)]
    if not versions:
        pytest.skip("no schema of Elastic's detection rules (make detection-rules): NOT checked")
    newest = max(versions, key=lambda path: [*map(int, path.name.split("."))])
    jsonschema = pytest.importorskip("jsonschema_rs")
    return jsonschema.validator_for(json.loads((newest / f"{newest.name}.query.json").read_text()))


@RULES
def test_elastics_schema_takes_the_rules(rule: dict[str, Any], schema: Any) -> None:
    assert [f"{error.instance_path}: {error.message}" for error in schema.iter_errors(rule)] == []
    assert not schema.is_valid(rule | {"severity": "severe"})
    assert not schema.is_valid(rule | {"nonsense": 1})


@RULES
def test_elastics_parser_takes_the_queries(rule: dict[str, Any]) -> None:
    kql, python = SCHEMAS / "detection-rules" / "lib" / "kql", SCHEMAS / "python"
    if not kql.is_dir() or not python.is_dir():
        pytest.skip("no parser of Elastic's detection rules (make detection-rules): NOT checked")
    for query, code in ((rule["query"], 0), (rule["query"] + " and", 1)):
        command = [sys.executable, "-c", "import sys, kql; kql.parse(sys.argv[1])", query]
        environment = os.environ | {"PYTHONPATH": f"{python}{os.pathsep}{kql}"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        assert done.returncode == code, done.stderr


@RULES
def test_rules_ask_for_fields_that_there_are(rule: dict[str, Any]) -> None:
    there = {name for name, _ in leaves(alerted())} | {f"zeek.notice.{name}" for name in notice_fields()}
    there |= {f"zeek.{log}.{name}" for log in RECORDS for name in properties("zeek", log)}
    asked = set(re.findall(r"([\w.]+) (?::|>=)", re.sub(r'"[^"]*"', '""', rule["query"])))
    assert len(asked) > 1
    assert asked <= there
    (index,) = rule["index"]
    (dataset,) = re.findall(r'event\.dataset : "([\w.]+)"', rule["query"])
    assert index == f"logs-{dataset}-*"


def test_each_rule_has_an_id_of_its_own() -> None:
    assert len({rule["rule_id"] for rule in rules()}) == len({rule["name"] for rule in rules()}) == len(rules())
