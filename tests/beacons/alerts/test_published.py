"""Alerts against what the projects behind the formats publish: their schemas, and parsers of others."""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from zeek_beacons.alerts.alert import Alert, stopped
from zeek_beacons.alerts.formats import FORMATS
from zeek_beacons.alerts.formats.ecs import ECS_VERSION
from zeek_beacons.alerts.formats.ocsf import OCSF_VERSION
from zeek_beacons.alerts.sink import SinkSpec
from zeek_beacons.alerts.syslog import SyslogSink

from .made import HOSTILE, T0, alert

NEEDS_SCHEMAS = "ZEEK_BEACONS_NEEDS_SCHEMAS"  # set where a run without Elastic's schema must not pass for one with it
SCHEMAS = Path(__file__).parents[3] / ".schemas"
READ_ECS = "const ecs = require('@elastic/ecs'); console.log(JSON.stringify([ecs.EcsVersion, ecs.EcsFlat]))"
ALERTS = {
    "beacon": alert(),
    "stopped": stopped(alert(), T0 + 90_000, "2.0 h"),
    "hostile": alert(name=HOSTILE),
    "bare": alert(name="", score=None, sleep=None, jitter=None, service="", reasons=()),
    "ipv6": alert(name="2001:db8::9", addr="2001:db8::9", orig_h="2001:db8::1", proto="udp"),
    "no address": alert(addr="several servers"),
    "inbound": alert(kind="inbound", level=1, severity="low"),
}
EACH = pytest.mark.parametrize("one", ALERTS.values(), ids=ALERTS)


@pytest.fixture(scope="module")
def ecs() -> dict[str, Any]:
    """Every field of ECS by its name, as Elastic publishes them."""
    if shutil.which("node") is None or not SCHEMAS.is_dir():
        missing = "no node, or no ECS schema here (make schemas)"
        if os.environ.get(NEEDS_SCHEMAS):
            pytest.fail(f"{missing}, and {NEEDS_SCHEMAS} is set")
        pytest.skip(missing)
    told = subprocess.run(["node", "-e", READ_ECS], cwd=SCHEMAS, capture_output=True, text=True, check=True).stdout
    version, known = json.loads(told)
    assert version == ECS_VERSION
    assert isinstance(known, dict)
    return known


@EACH
def test_ecs(one: Alert, ecs: dict[str, Any]) -> None:
    told = json.loads(FORMATS["ecs"].text(one))
    own = told.pop("zeek_beacons")
    assert own["incident"] == one.incident
    assert not [name for name in ecs if name.startswith("zeek_beacons.")], "a name of ECS is no place for our own"
    for name, value in leaves(told):
        assert name in ecs, f"ECS has no field {name}"
        check(name, value, ecs[name])
    kinds = {kind["name"]: set(kind["expected_event_types"]) for kind in ecs["event.category"]["allowed_values"]}
    for category in told["event"]["category"]:
        assert set(told["event"]["type"]) & kinds[category], f"{category} does not go with {told['event']['type']}"


def leaves(tree: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Fields by their dotted names."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{before}{name}.")
        else:
            yield f"{before}{name}", value


def check(name: str, value: Any, field: dict[str, Any]) -> None:
    """A value against what the schema says of its field."""
    assert isinstance(value, list) == ("array" in field["normalize"]), f"{name}: one or several?"
    allowed = {one["name"] for one in field.get("allowed_values", ())}
    for part in value if isinstance(value, list) else [value]:
        assert not allowed or part in allowed, f"{name} is {part!r}, expected one of {sorted(allowed)}"
        match field["type"]:
            case "keyword" | "constant_keyword" | "match_only_text" | "wildcard":
                assert isinstance(part, str), name
            case "long":
                assert isinstance(part, int), name
            case "float":
                assert isinstance(part, float), name
            case "ip":
                ipaddress.ip_address(part)
            case "date":
                assert datetime.fromisoformat(part).tzinfo is not None, name
            case kind:
                pytest.fail(f"{name} is of type {kind}, which nobody checks here")


@pytest.fixture(scope="module")
def ocsf() -> Any:
    """What OCSF says of a Detection Finding."""
    schemas = pytest.importorskip("ocsf_json_schema")
    schema = pytest.importorskip("jsonschema_rs")
    known = schemas.OcsfJsonSchemaEmbedded(schemas.get_ocsf_schema(OCSF_VERSION))
    assert known.lookup_class_name_from_uid(2004) == "detection_finding"
    return schema.validator_for(known.get_class_schema("detection_finding"))


@EACH
def test_ocsf(one: Alert, ocsf: Any) -> None:
    told = json.loads(FORMATS["ocsf"].text(one))
    assert [f"{error.instance_path}: {error.message}" for error in ocsf.iter_errors(told)] == []
    assert told["type_uid"] == 100 * told["class_uid"] + told["activity_id"]


def test_ocsf_is_really_looked_at(ocsf: Any) -> None:
    told = json.loads(FORMATS["ocsf"].text(alert()))
    for path, value in (("severity_id", 17), ("time", "today"), ("nonsense", 1), ("metadata", {})):
        assert not ocsf.is_valid(told | {path: value}), path


@EACH
def test_cef_is_what_pycef_reads(one: Alert) -> None:
    pycef = pytest.importorskip("pycef")
    told = pycef.parse(FORMATS["cef"].text(one))
    assert (told["CEFVersion"], told["DeviceVendor"], told["DeviceEventClassID"]) == (
        "0",
        "zeek-beacons",
        f"{one.kind}-{one.event}",
    )
    assert 0 <= int(told["DeviceSeverity"]) <= 10
    assert told["externalId"] == one.id
    assert told["incident"] == one.incident  # it replaces cs1 by what cs1Label says
    assert one.orig_h in (told.get("src"), told.get("Source IPv6 Address"), told.get("c6a2"))
    assert int(told["dpt"]) == one.resp_p


@pytest.mark.parametrize("form", ["text", *FORMATS])
@EACH
def test_syslog_is_what_a_parser_of_rfc_5424_reads(one: Alert, form: str) -> None:
    parser = pytest.importorskip("syslog_rfc5424_parser")
    message = SyslogSink(SinkSpec.parse(f"syslog:udp://127.0.0.1:1#format={form}")).message(one).decode()
    read = parser.SyslogMessage.parse(message)
    assert (read.version, read.appname, read.msgid) == (1, "zeek-beacons", one.event)
    assert datetime.fromisoformat(read.timestamp) == one.when
    (fields,) = read.sd.values()
    assert (fields["id"], fields["incident"], fields["orig_h"]) == (one.id, one.incident, one.orig_h)
    assert read.msg.removeprefix("\ufeff") == (
        f"{one.title}: {one.summary}" if form == "text" else FORMATS[form].text(one)
    )
