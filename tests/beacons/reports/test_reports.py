"""The files a run leaves: complete, consistent with each other, and whole or not there at all."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as parquet
import pytest

from zeek_beacons import reports
from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.errors import OutputError
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import Scored, score
from zeek_beacons.reports.sentence import duration, reason_texts, reasons, sentence, weighed_reasons
from zeek_beacons.scoring import Scoring
from zeek_beacons.scoring.context_term import Facts, Indicator
from zeek_beacons.scoring.reasons import PLACE, REASONS

Make = Callable[..., dict[str, Any]]
SUMMARY = {
    "profile": "balanced",
    "model": "rules",
    "first_seen": "2026-01-01T00:00:00Z",
    "last_seen": "2026-01-02T00:00:00Z",
    "ingest": {
        "used": 1,
        "rows": 2,
        "files": {"conn.log": "conn"},
        "left_out": {"not outbound": 1},
        "skipped": {"too few fields": {"rows": 1, "examples": ["conn.log:9: a|b"]}},
        "notes": ["a note"],
        "duplicates": 0,
        "merged_pieces": 0,
    },
}


@pytest.fixture
def scored(pair: Make) -> Scored:
    pairs = Pairs.build(
        [
            pair(),
            pair(orig_h="10.0.0.6", rhythm=False),
            pair(orig_h="10.0.0.7", n=3),
            pair(orig_h="10.0.0.8", resp="evil|`<b>.example", addr="203.0.113.9", sleep=5.0),
            pair(orig_h="10.0.0.8", resp="2001:db8::1", sleep=600.0),
            pair(orig_h="10.0.0.9"),
        ]
    )
    return score(pairs, Scoring.rules_only(), Config(), AllowList.parse("subnet 10.0.0.9"))


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_report_is_there_and_complete(scored: Scored, tmp_path: Path) -> None:
    paths = reports.write(scored, SUMMARY, tmp_path, with_features=True)
    assert {path.name for path in paths} == {path.name for path in tmp_path.iterdir()}
    everything = rows(tmp_path / "scored_pairs.csv")
    assert len(everything) == len(scored.pairs)
    alerts = rows(tmp_path / "alerts.csv")
    assert [row["rank"] for row in alerts] == ["1", "2", "3"]
    assert {row["orig_h"] for row in alerts} == {"10.0.0.5", "10.0.0.8"}
    assert all(row["summary"] and row["why"] and row["reasons"] for row in alerts)
    assert sum(row["alert"] == "true" for row in everything) == len(alerts)
    assert [row["suppressed"] for row in everything if row["orig_h"] == "10.0.0.9"] == ["allow-list"]
    assert parquet.read_table(tmp_path / "features.parquet").num_rows == 5
    assert json.loads((tmp_path / "run_summary.json").read_text()) == SUMMARY


def test_a_pair_without_verdict_has_empty_fields_not_zeros(scored: Scored, tmp_path: Path) -> None:
    reports.write(scored, SUMMARY, tmp_path)
    row = next(row for row in rows(tmp_path / "scored_pairs.csv") if row["orig_h"] == "10.0.0.7")
    assert row["label"] == "insufficient_evidence"
    assert (row["score"], row["sleep"], row["jitter"], row["reasons"]) == ("", "", "", "")
    assert row["evidence_needed"] == "5"


def test_hosts_come_by_combined_risk(scored: Scored, tmp_path: Path) -> None:
    reports.write(scored, SUMMARY, tmp_path)
    hosts = rows(tmp_path / "hosts.csv")
    assert [host["host"] for host in hosts] == ["10.0.0.8", "10.0.0.5", "10.0.0.6"]
    assert [host["beaconing_pairs"] for host in hosts] == ["2", "1", "0"]
    first = hosts[0]
    assert float(first["combined_risk"]) > float(first["strongest_score"])
    assert float(hosts[2]["combined_risk"]) == 0.0


def test_text_from_the_network_cannot_break_the_report(scored: Scored, tmp_path: Path) -> None:
    reports.write(scored, SUMMARY, tmp_path)
    text = (tmp_path / "report.md").read_text()
    assert "evil\\|\\`\\<b\\>.example" in text
    assert "too few fields: 1 rows" in text


def test_a_sentence_reads_like_a_note(scored: Scored) -> None:
    text = sentence(scored, 0)
    assert text.startswith("10.0.0.5 checks in with 203.0.113.9:443 every 6")
    assert ", 100 times over " in text
    assert "100 % the same size; score 0." in text
    assert "[2001:db8::1]:443 " in sentence(scored, 4)
    assert any("of the waits lie within 20 % of one interval" in reason for reason in reasons(scored, 0))


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(2.2, "2.2 s"), (61, "61 s"), (300, "5.0 min"), (7200, "2.0 h"), (26_000, "7.2 h"), (200_000, "2.3 d")],
)
def test_durations_use_a_person_s_unit(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_failed_write_leaves_the_earlier_run(scored: Scored, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reports.write(scored, SUMMARY, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(reports.REPORTS, "report.md", full)
    with pytest.raises(OutputError, match=r"nothing was changed: .*No space left"):
        reports.write(scored, SUMMARY | {"profile": "other"}, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_an_impossible_folder_is_refused_before_the_work(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(OutputError, match="file"):
        reports.prepare(file / "below")


def test_features_of_an_earlier_run_do_not_stay(scored: Scored, tmp_path: Path) -> None:
    reports.write(scored, SUMMARY, tmp_path, with_features=True)
    reports.write(scored, SUMMARY, tmp_path)
    assert not (tmp_path / "features.parquet").exists()


def test_nothing_to_report_is_reported(tmp_path: Path) -> None:
    nothing = score(Pairs.empty(), Scoring.rules_only(), Config())
    reports.write(nothing, SUMMARY, tmp_path, with_features=True)
    assert rows(tmp_path / "alerts.csv") == []
    assert "0 of 0 pairs" in (tmp_path / "report.md").read_text()


def test_a_folder_in_the_way_changes_nothing(scored: Scored, tmp_path: Path) -> None:
    reports.write(scored, SUMMARY, tmp_path, with_features=True)
    (tmp_path / "hosts.csv").unlink()
    (tmp_path / "hosts.csv").mkdir()
    before = {path.name: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(OutputError, match="is a folder"):
        reports.write(scored, SUMMARY | {"profile": "other"}, tmp_path)
    assert {path.name: path.is_file() and path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(1)", "\t=1", "\r=1", "\n=1"])
def test_a_name_that_is_a_formula_is_text_to_a_spreadsheet(name: str, pair: Make, tmp_path: Path) -> None:
    pairs = Pairs.build([pair(resp=name, addr="203.0.113.9", server_name=name, service=name)])
    scored = score(pairs, Scoring.load(), Config())
    reports.write(scored, SUMMARY, tmp_path)
    for file, columns in (
        ("scored_pairs.csv", ("resp", "server_name", "service")),
        ("alerts.csv", ("resp", "server_name", "service")),
        ("hosts.csv", ("strongest_resp",)),
    ):
        (row,) = rows(tmp_path / file)
        assert {row[column] for column in columns} == {f"'{name}"}
        assert not any(value.startswith("'") for column, value in row.items() if column not in columns)
    assert reports.tables.alerts(scored).column("resp").to_pylist() == [name], "JSON says what was seen"


def test_numbers_below_zero_stay_numbers(pair: Make, tmp_path: Path) -> None:
    scored = score(Pairs.build([pair()]), Scoring.load(), Config())
    against = replace(scored.verdicts, contributions=-np.abs(scored.verdicts.contributions))
    reports.write(replace(scored, verdicts=against), SUMMARY, tmp_path)
    (row,) = rows(tmp_path / "scored_pairs.csv")
    assert row["contributions"].startswith("-")
    assert all(float(number) <= 0 for number in row["contributions"].split())


def test_the_facts_about_a_server_are_looked_up_once_a_pair(pair: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    scored = score(Pairs.build([pair(resp="45.77.1.9", resp_p=443)]), Scoring.load(), Config())
    given = [REASONS[index] for index in scored.verdicts.reasons[0] if index >= 0]
    assert any(isinstance(reason, Indicator) for reason in given)
    assert len(given) >= 2
    looked_up = []
    of = Facts.of

    def counted(pairs: Pairs, *more: Any) -> Facts:
        looked_up.append(len(pairs))
        return of(pairs, *more)

    monkeypatch.setattr(Facts, "of", counted)
    assert any("no public list knows 45.77.1.9" in text for text in reasons(scored, 0))
    assert looked_up == [1]


def test_what_is_not_known_is_told_once_at_the_end(pair: Make) -> None:
    scored = score(Pairs.build([pair(n=10)]), Scoring.load(), Config())
    codes = ("persistent", "not_chance", "shared", "one_interval")
    verdicts = replace(
        scored.verdicts,
        reasons=np.array([[PLACE[code] for code in codes]], dtype=np.int16),
        contributions=np.array([[0.4, 0.3, 0.2, 0.1]]),
    )
    scored = replace(scored, verdicts=verdicts)
    lacking = "not known: filled 24ths of the span, other hosts of the site that go there"
    chance, interval, end = reasons(scored, 0)
    assert (chance[:9], interval[-12:], end) == ("each wait", "one interval", lacking)
    assert weighed_reasons(scored, 0) == [f"{chance} (+0.30)", f"{interval} (+0.10)", lacking]
    assert reason_texts(scored, 0) == ["", chance, "", interval]
    assert not reasons(replace(scored, verdicts=replace(verdicts, reasons=verdicts.reasons[:, 1:2])), 0)[1:]


def test_a_name_learned_from_dns_stands_in_the_tables(pair: Make, tmp_path: Path) -> None:
    looked_up = {"dns_name": "=c2.example", "dns_named": 100}
    reports.write(score(Pairs.build([pair(**looked_up)]), Scoring.rules_only(), Config()), SUMMARY, tmp_path)
    (alert,), (row,) = (rows(tmp_path / name) for name in ("alerts.csv", "scored_pairs.csv"))
    assert (alert["server_name"], alert["dns_name"], alert["name_from"]) == ("", "'=c2.example", "a DNS answer")
    assert row["dns_name"] == alert["dns_name"]
