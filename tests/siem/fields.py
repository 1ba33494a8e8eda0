"""The fields of our logs as the records in zeek-scripts define them, and of Zeek's notice.log as our page shows it."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SIEM = ROOT / "packaging" / "siem"
SCRIPTS = ROOT / "zeek-scripts"
RECORDS = {
    "beacon_candidates": ("main.zeek", "Candidate"),
    "beacon_verdicts": ("verdict-log.zeek", "Verdict"),
    "beacon_long": ("long.zeek", "LongConnection"),
}
ENDS = {"id.orig_h": "addr", "id.orig_p": "port", "id.resp_h": "addr", "id.resp_p": "port"}


def fields(log: str) -> dict[str, str]:
    """The fields of one of our logs in order, each with its type in Zeek."""
    file, record = RECORDS[log]
    (body,) = re.findall(
        rf"type {record}: record \{{\n(.*?)\n\t\}};", (SCRIPTS / file).read_text("utf-8"), flags=re.DOTALL
    )
    found: dict[str, str] = {}
    for name, kind in re.findall(r"^\t\t(\w+): ([^;&]+?) &log", body, flags=re.MULTILINE):
        found |= ENDS if kind == "conn_id" else {name: kind}
    return found


def notice_fields() -> list[str]:
    """The fields of notice.log, which a test with a Zeek holds against a real one."""
    page = (ROOT / "docs" / "verdict.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^#fields\t(.*\tnote\t.*)$", page, flags=re.MULTILINE)
    return str(line).split("\t")


TELEMETRY = ["ts", "peer", "metric_type", "name", "labels", "label_values", "value"]  # held against a real one too
