"""What docs/siem.md and the recipes for Security Onion and Malcolm rest on."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from .conftest import Rows
from .fields import ENDS, RECORDS, ROOT, SCRIPTS, SIEM, fields
from .ingest import ingest
from .test_elastic import compiled, read

PAGE = (ROOT / "docs" / "siem.md").read_text(encoding="utf-8")
PIPELINE = SIEM / "securityonion" / "zeek.beacon_verdicts"
BY_COMMON = {"ts", "uid", *ENDS}  # what Security Onion's own pipeline zeek.common takes


def test_salt_would_not_change_the_scripts() -> None:
    for path in SCRIPTS.iterdir():
        assert not re.search(r"\{\{|\{%|\{#", path.read_text(encoding="utf-8")), path


def test_security_onion_is_given_all_fields_of_a_verdict(logs: Rows) -> None:
    pipeline = json.loads(PIPELINE.read_text(encoding="utf-8"))
    *own, last = pipeline["processors"]
    assert last == {"pipeline": {"name": "zeek.common"}}
    assert PIPELINE.name in {f"zeek.{log}" for log in RECORDS}
    taken = {path.removeprefix("message2.") for one in own if "rename" in one for path in [one["rename"]["field"]]}
    assert taken == fields("beacon_verdicts").keys() - BY_COMMON
    for row in logs["beacon_verdicts"]:
        document = ingest({"processors": own}, {"host": {}, "message": json.dumps(row)})
        assert document["beacon"] == {name: row[name] for name in row.keys() - BY_COMMON - {"proto"}}
        assert document["event"] == {"dataset": "beacon_verdicts", "severity": row["level"]}
        assert document["message2"].keys() == BY_COMMON


def test_elastics_client_would_send_its_pipeline(tmp_path: Path) -> None:
    template = json.dumps(read("index-template.json"))
    done = compiled(tmp_path, PIPELINE.read_text(encoding="utf-8"), template)
    assert done.returncode == 0, done.stdout


def test_the_page_says_how_much_there_is() -> None:
    rules = len([*(SIEM / "sigma" / "rules").iterdir()])
    assert {7: "seven", 8: "eight"}[rules] + " [rules]" in PAGE
    searches = (SIEM / "splunk" / "zeek_beacons" / "default" / "savedsearches.conf").read_text(encoding="utf-8")
    assert f"{ {5: 'five', 6: 'six'}[searches.count('search = ')] } saved searches" in PAGE
    kept = (SIEM / "elastic" / "detection-rules.ndjson").read_text(encoding="utf-8").splitlines()
    assert f"{ {5: 'five', 6: 'six'}[len(kept)] } [detection rules]" in PAGE


@pytest.mark.parametrize("named", sorted(set(re.findall(r"packaging/siem[\w/.-]*", PAGE))))
def test_what_the_page_names_is_there(named: str) -> None:
    assert (ROOT / named).exists()
