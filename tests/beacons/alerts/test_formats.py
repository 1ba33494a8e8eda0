"""What an alert looks like to a SIEM, a chat and a pager: whole, valid, and free of the network's own mark-up."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from zeek_beacons.alerts.alert import Alert, stopped
from zeek_beacons.alerts.formats import FORMATS
from zeek_beacons.alerts.webhook_templates import TEMPLATES
from zeek_beacons.reports import attack

from .made import HOSTILE, T0, alert

GONE = stopped(alert(), T0 + 90_000, "2.0 h")


def read(form: str, one: Alert) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(FORMATS[form].text(one))
    return told


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_is_one_line_of_ascii_or_utf_8_with_the_id(form: str) -> None:
    for one in (alert(), GONE, alert(name=HOSTILE), alert(score=None, sleep=None, jitter=None, service="")):
        text = FORMATS[form].text(one)
        assert text.isprintable()
        assert one.id in text


def test_an_alert_survives_the_queue() -> None:
    for one in (alert(), GONE, alert(name=HOSTILE)):
        assert Alert.from_json(one.to_json()) == one
    for broken in ("", "[]", "{}", '{"v": 1, "id": "x"}', alert().to_json()[:-20]):
        with pytest.raises(ValueError, match=r"alert|Expecting|delimiter|Unterminated"):
            Alert.from_json(broken)


def test_an_alert_queued_before_there_were_certificates_is_read() -> None:
    told = json.loads(alert().to_json())
    del told["certificate"], told["web_client"]
    assert Alert.from_json(json.dumps(told)) == alert()
    del told["uids"]
    with pytest.raises(ValueError, match="no alert of this version"):
        Alert.from_json(json.dumps(told))


def test_the_same_told_of_the_same_connections_has_the_same_id() -> None:
    assert alert(time=1.0, summary="in other words").id == alert().id
    assert len({alert().id, alert(2).id, alert(level=4).id, GONE.id}) == 4


def test_ecs() -> None:
    told = read("ecs", alert())
    assert told["@timestamp"] == "2026-01-01T06:00:00.250000+00:00"
    assert told["ecs"]["version"].startswith("8.")
    assert told["event"] | {} == {
        "id": alert().id,
        "kind": "alert",
        "category": ["intrusion_detection", "network"],
        "type": ["info"],
        "module": "zeek_beacons",
        "dataset": "zeek_beacons.alert",
        "action": "beacon",
        "severity": 3,
        "risk_score": 97.0,
        "start": "2026-01-01T00:00:00Z",
        "end": "2026-01-01T06:00:00Z",
        "reason": "waits stray little",
    }
    assert told["destination"] == {
        "address": "203.0.113.9",
        "ip": "203.0.113.9",
        "port": 443,
        "domain": "c2.example",
        "bytes": 432_000,
    }
    assert told["threat"]["technique"] == {
        "id": ["T1071", "T1573"],
        "name": ["Application Layer Protocol", "Encrypted Channel"],
        "subtechnique": {"id": ["T1071.001"], "name": ["Web Protocols"]},
    }
    assert read("ecs", GONE)["event"]["type"] == ["info", "end"]
    assert "ip" not in read("ecs", alert(addr="no address"))["destination"]


def test_ocsf() -> None:
    told = read("ocsf", alert())
    uids = {name: told[name] for name in ("category_uid", "class_uid", "activity_id", "type_uid", "severity_id")}
    assert uids == {"category_uid": 2, "class_uid": 2004, "activity_id": 1, "type_uid": 200_401, "severity_id": 4}
    assert told["time"] == round(1000 * (T0 + 21_600.25))
    assert told["metadata"]["uid"] == alert().id
    info = told["finding_info"]
    assert (info["uid"], info["last_seen_time"]) == ("incident1", round(1000 * (T0 + 21_600)))
    assert info["attacks"][0]["sub_technique"] == {"uid": "T1071.001", "name": "Web Protocols"}
    assert info["attacks"][0]["technique"] == {"uid": "T1071", "name": "Application Layer Protocol"}
    assert "sub_technique" not in info["attacks"][1]
    assert told["evidences"][0]["dst_endpoint"] == {"ip": "203.0.113.9", "hostname": "c2.example", "port": 443}
    assert (read("ocsf", GONE)["activity_id"], read("ocsf", GONE)["status_id"]) == (3, 4)


def cef(text: str) -> tuple[list[str], dict[str, str]]:
    """Header and extension, read as the format says they are."""
    *header, extension = re.split(r"(?<!\\)(?:\\\\)*\|", text, maxsplit=7)
    parts = re.split(r"(?:^| )([A-Za-z0-9]+)(?<!\\)=", extension)[1:]
    values = (re.sub(r"\\(.)", r"\1", value) for value in parts[1::2])
    return header, dict(zip(parts[::2], values, strict=True))


def test_cef() -> None:
    header, told = cef(FORMATS["cef"].text(alert()))
    assert (header[0], header[4:]) == ("CEF:0", ["beacon-beacon", "C2 beacon (high)", "8"])
    assert (told["src"], told["dst"], told["dhost"], told["dpt"]) == ("10.0.0.5", "203.0.113.9", "c2.example", "443")
    assert (told["cs2Label"], told["cs2"]) == ("attack", "T1071.001 T1573")
    assert (told["externalId"], told["cnt"]) == (alert().id, "360")
    _, hostile = cef(FORMATS["cef"].text(alert(name="x src=10.9.9.9 |\\")))
    assert (hostile["src"], hostile["dhost"]) == ("10.0.0.5", "x src=10.9.9.9 |\\")
    _, six = cef(FORMATS["cef"].text(alert(orig_h="2001:db8::1")))
    assert (six["c6a2"], "src" in six) == ("2001:db8::1", False)


def strings(tree: Any) -> list[dict[str, Any]]:
    """All objects in a tree."""
    inner = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    return ([tree] if isinstance(tree, dict) else []) + [one for part in inner for one in strings(part)]


@pytest.mark.parametrize("template", TEMPLATES)
def test_chat_and_pager_read_no_mark_up_of_the_network(template: str) -> None:
    told = json.loads(TEMPLATES[template](alert(name=HOSTILE), "key"))
    for one in strings(told):
        if "here" in str(one.get("text", "")) and isinstance(one["text"], str):
            assert one.get("type") in ("plain_text", "TextRun")


def test_slack_stays_within_what_slack_takes() -> None:
    long = alert(name="n" * 5000, summary="s" * 5000, reasons=("r" * 1500,) * 5)
    blocks = json.loads(TEMPLATES["slack"](long, ""))["blocks"]
    assert all(len(field["text"]) <= 2000 for field in blocks[2]["fields"])
    assert len(blocks[2]["fields"]) <= 10
    assert len(blocks[1]["text"]["text"]) <= 3000


def test_pagerduty_closes_what_it_opened() -> None:
    opened, closed = (json.loads(TEMPLATES["pagerduty"](one, "key")) for one in (alert(), GONE))
    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == closed["dedup_key"] == "zeek-beacons-incident1"
    assert (opened["routing_key"], opened["payload"]["severity"]) == ("key", "error")


def test_every_technique_has_a_name_of_its_own_and_so_has_what_it_is_part_of() -> None:
    for number in attack.TECHNIQUES:
        assert attack.name(number)
        assert attack.name(number.partition(".")[0])
