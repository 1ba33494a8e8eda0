"""Groups in the reports: they are no pairs where pairs are counted, and their members are told of once."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.beacons.reports.test_reports import SUMMARY
from tests.beacons.test_groups import at_random, judged, one, timer, walk
from tests.beacons.test_incidents import member
from zeek_beacons import reports
from zeek_beacons.alerts.build import incident_alerts
from zeek_beacons.cli.summary import summarise
from zeek_beacons.config import Config
from zeek_beacons.pipeline import Scored
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.reports.incident_text import further, pairs_of


@pytest.fixture(scope="module")
def scored() -> Scored:
    """Five servers in turn, which alert as one process, and a pair of few connections."""
    made = judged([*walk(timer(60), at_random(60, 5)), one(timer(3), "45.99.3.4")])
    assert made.verdicts.alerts.tolist() == [True] * 5 + [False, True]
    return made


def test_the_summary_counts_pairs_and_says_how_many_groups_there_are(scored: Scored) -> None:
    told = summarise(scored, Ingest(), scored.scoring, Config(), {})
    assert {name: told[name] for name in ("pairs", "pairs_scored", "groups", "groups_that_alert", "alerts")} == {
        "pairs": 6,
        "pairs_scored": 5,
        "groups": 1,
        "groups_that_alert": 1,
        "alerts": 5,
    }
    assert told["verdicts"] == {"benign": 0, "insufficient_evidence": 1, "beacon": 5}


def test_files_count_pairs_and_tell_of_members_once(scored: Scored, tmp_path: Path) -> None:
    reports.write(scored, SUMMARY, tmp_path)
    (incident,) = csv.DictReader((tmp_path / "incidents.csv").read_text().splitlines())
    assert (incident["members"], incident["servers"], incident["connections"]) == ("5", "5", "60")
    assert "5 servers in turn" in incident["summary"] or "one of 5 servers in turn" in incident["summary"]
    assert "further" not in incident["summary"]
    (host,) = csv.DictReader((tmp_path / "hosts.csv").read_text().splitlines())
    assert (host["scored_pairs"], host["beaconing_pairs"]) == ("5", "1")
    assert not host["strongest_resp"].startswith("group:")
    text = (tmp_path / "report.md").read_text()
    assert "5 of 6 pairs alert, some of them as 1 group of servers or ports in turn." in text
    assert "| beacon | 5 |" in text
    assert "further" not in text.partition("## Input")[0].partition("## 1.")[2].partition("## ")[0]
    rows = list(csv.DictReader((tmp_path / "scored_pairs.csv").read_text().splitlines()))
    assert sum(row["resp"].startswith("group:") for row in rows) == 1
    assert json.loads((tmp_path / "run_summary.json").read_text())


def test_an_alert_counts_the_pairs_of_its_incident(scored: Scored) -> None:
    (alert,) = incident_alerts(scored, "m", 0.0)
    assert alert.pairs == 5
    assert "further" not in alert.summary


def test_what_is_in_no_group_of_the_head_is_a_further_pair() -> None:
    head = member("45.0.0.9", group="group:1")
    mates = [member(f"45.0.1.{n}", addr=f"45.0.1.{n}", group="group:1") for n in range(3)]
    whole = member("group:1", addr="45.0.0.9", group="group:1")
    other = member("45.0.0.9", orig_h="10.0.0.8")
    assert further([head, *mates, whole]) == ""
    assert further([head, *mates, whole, other]) == "1 further pair: also host 10.0.0.8"
    assert further([head, *mates, other], total=60) == "57 further pairs: also host 10.0.0.8"
    assert pairs_of([head, *mates, whole, other]) == 5
