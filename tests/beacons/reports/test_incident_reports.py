"""What the reports say of incidents, and of what comes from outside."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.beacons.cli.commands import run
from tests.beacons.reports.test_reports import SUMMARY
from tests.beacons.test_incidents import DEAD, OTHER_HOST, PROXY, member
from zeek_beacons import reports
from zeek_beacons.config import Config
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import Scored, score
from zeek_beacons.reports.incident_text import connections, further, servers
from zeek_beacons.reports.outside import looks_like
from zeek_beacons.scoring import Scoring

Make = Callable[..., dict[str, Any]]
OUTSIDE = {"orig_h": "45.140.140.75", "resp": "10.0.0.2"}
SILENT = {"resp_bytes": np.full(100, np.nan), "state": ["S0"] * 100}


@pytest.mark.parametrize(
    ("rest", "told"),
    [
        ([], ""),
        ([member("45.0.0.9", named=60, name="c2.example")], "1 further pair: also by address 45.0.0.9"),
        ([member("10.1.1.1", **PROXY, named=50)], "1 further pair: also through proxy 10.1.1.1:3128"),
        ([member("c2.example", resp_p=80)], "1 further pair: also on port 80/tcp"),
        (
            [member(f"b{n}.example", addr=f"45.0.1.{n}") for n in range(7)],
            "7 further pairs: with 7 further servers in turn",
        ),
        (
            [member("c2.example", orig_h=f"10.0.0.{n}") for n in (8, 9)],
            "2 further pairs: also host 10.0.0.8, 10.0.0.9",
        ),
        (
            [member("c2.example", orig_h=f"10.0.0.{n}") for n in range(10, 15)] + [member("c2.example", resp_p=80)],
            "6 further pairs: also on port 80/tcp, also host 10.0.0.10, 10.0.0.11, 10.0.0.12 and 2 more",
        ),
    ],
)
def test_it_is_said_why_pairs_belong_together(rest: list[Any], told: str) -> None:
    head = member("c2.example", **PROXY) if "proxy" in told else member("c2.example")
    assert further([head, *rest]) == told


def test_an_address_tells_of_its_name() -> None:
    assert further([member("45.0.0.9", named=60), member("c2.example")]) == "1 further pair: also by name c2.example"


def test_a_name_and_its_address_are_one_server_and_counted_once() -> None:
    twins = [member("c2.example"), member("45.0.0.9", named=60, conns=70)]
    assert (servers(twins), connections(twins)) == (1, 110)
    walk = [member("45.0.0.9", **DEAD), member("45.0.0.10", **DEAD), member("45.0.0.10", **DEAD | OTHER_HOST)]
    assert (servers(walk), connections(walk)) == (2, 300)


@pytest.fixture
def scored(pair: Make) -> Scored:
    """Two hosts with one server, one of them on two ports; a beacon of its own; three pairs from outside."""
    server = {"resp": "evil.example", "addr": "203.0.113.9"}
    pairs = Pairs.build(
        [
            pair(**server),
            pair(**server, resp_p=8443, jitter=0.3),
            pair(**server, orig_h="10.0.0.6", seed=2),
            pair(orig_h="10.0.0.7", resp="203.0.113.77", sleep=600.0),
            pair(**OUTSIDE, resp_p=22),
            pair(**OUTSIDE | SILENT, resp_p=80),
            pair(**OUTSIDE, resp_p=8443),
        ]
    )
    return score(pairs, Scoring.rules_only(), Config())


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_reports_agree_on_incidents(scored: Scored, tmp_path: Path) -> None:
    reports.write(scored, SUMMARY, tmp_path)
    incidents = {row["id"]: row for row in rows(tmp_path / "incidents.csv")}
    alerts, everything = rows(tmp_path / "alerts.csv"), rows(tmp_path / "scored_pairs.csv")
    assert len(incidents) == 2
    assert {row["incident"] for row in alerts} == incidents.keys()
    assert all((row["incident"] != "") == (row["alert"] == "true") for row in everything)
    first = next(row for row in incidents.values() if row["members"] == "3")
    members = [row for row in alerts if row["incident"] == first["id"]]
    head = max(members, key=lambda row: float(row["score"]))
    assert all(first[name] == head[name] for name in ("orig_h", "resp", "resp_p", "proto", "severity", "score"))
    assert (first["hosts"], first["servers"], first["connections"], first["kind"]) == ("2", "1", "300", "beacon")
    assert first["first_seen"] == min(row["first_seen"] for row in members)
    assert first["last_seen"] == max(row["last_seen"] for row in members)
    assert "; 2 further pairs: also " in first["summary"]
    text = (tmp_path / "report.md").read_text()
    assert "incidents: 2." in text
    assert text.count("\n## 1. ") == text.count("\n## 2. ") == 1
    assert "\n## 3. " not in text


def test_a_host_counts_an_incident_once(scored: Scored, tmp_path: Path) -> None:
    reports.write(scored, SUMMARY, tmp_path)
    hosts = {row["host"]: row for row in rows(tmp_path / "hosts.csv")}
    assert hosts["10.0.0.5"]["beaconing_pairs"] == "1"
    assert float(hosts["10.0.0.5"]["combined_risk"]) == pytest.approx(
        float(hosts["10.0.0.5"]["strongest_score"]), abs=1e-5
    )


def test_what_comes_from_outside_is_listed_apart(scored: Scored, tmp_path: Path) -> None:
    reports.write(scored, SUMMARY, tmp_path)
    outside = [row for row in rows(tmp_path / "scored_pairs.csv") if row["kind"] == "inbound"]
    assert {(row["suppressed"], row["alert"], row["incident"]) for row in outside} == {("inbound", "false", "")}
    text = (tmp_path / "report.md").read_text().partition("## From outside")[2]
    assert "do not alert: 3." in text
    assert {line[-24:].strip() for line in text.splitlines() if "10.0.0.2:22 " in line} == {"looks like a brute force"}
    assert looks_like(scored, np.arange(len(scored.pairs))) == ["", "", "", "", "a brute force", "a scan", ""]


def test_the_screen_lists_incidents(conn_log: Callable[..., Path], pair: Make) -> None:
    log = conn_log([pair(), pair(orig_h="10.0.0.6", seed=2), pair(**OUTSIDE, resp_p=22)])
    ran = run("score", log)
    assert "+ 1 further pair: also host 10.0.0." in ran.stdout
    assert "1 incident: 2 alerts in 3 pairs" in ran.stdout
    assert "from outside, not alerting: 1 pair: 45.140.140.75 to 10.0.0.2:22 (a brute force)" in ran.stdout
    found = json.loads(run("score", log, "--json").stdout)
    assert [(row["members"], row["kind"]) for row in found["incidents"]] == [(2, "beacon")]
