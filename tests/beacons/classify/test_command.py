"""`zeek-beacons classify` as a user runs it: what it writes, and what it refuses without writing anything."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.beacons.classify.made import log, normal, sweep, table
from tests.beacons.readers.logs import flow, flow_csv, tsv
from tests.beacons.readers.samples import samples
from zeek_beacons.classify import sample as sampling
from zeek_beacons.classify import scored
from zeek_beacons.classify.model import CLASSES, NORMAL, Classifier
from zeek_beacons.classify.sample import ConnectionSample
from zeek_beacons.classify.scored import score
from zeek_beacons.cli import app, run
from zeek_beacons.config import Config
from zeek_beacons.errors import BeaconsError
from zeek_beacons.files import shipped_models
from zeek_beacons.readers import Request


def classify(monkeypatch: pytest.MonkeyPatch, *args: object) -> int:
    monkeypatch.setattr("sys.argv", ["zeek-beacons", "classify", *map(str, args)])
    with pytest.raises(SystemExit) as ended:
        run(app)
    return int(ended.value.code or 0)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_score_writes_connections_and_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [*normal(40), *sweep(120)]
    rows[0]["community_id"] = "1:x="
    rows[1]["service"] = "=cmd()"
    assert classify(monkeypatch, "score", log(tmp_path, rows), "-o", tmp_path / "out") == 0
    told = rows_of(tmp_path / "out" / "connections.csv")
    assert [row["uid"] for row in told] == [row["uid"] for row in rows]
    assert told[0]["community_id"] == "1:x="
    assert told[1]["service"] == "'=cmd()"
    assert {row["class"] for row in told} <= set(CLASSES)
    assert all(abs(sum(float(row[name]) for name in CLASSES) - 1) < 0.001 for row in told)
    hosts = {row["host"]: row for row in rows_of(tmp_path / "out" / "hosts.csv")}
    assert hosts["10.0.0.66"]["roles"] == "scanner"
    assert "10.0.0.5" not in hosts or not hosts["10.0.0.5"]["roles"]
    summary = json.loads((tmp_path / "out" / "run_summary.json").read_text())
    assert summary["connections"] == 160
    assert summary["hosts"]["scanner"] == 1


def test_parts_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = log(tmp_path, [*normal(40), *sweep(60)])
    for at_once, out in ((1 << 16, "whole"), (7, "parts")):
        monkeypatch.setattr(scored, "AT_ONCE", at_once)
        assert classify(monkeypatch, "score", file, "-o", tmp_path / out) == 0
    for name in (scored.CONNECTIONS, scored.HOSTS):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()


def test_only_found_leaves_normal_connections_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = log(tmp_path, [*normal(40), *sweep(120)])
    assert classify(monkeypatch, "score", file, "--only-found", "-o", tmp_path / "out") == 0
    told = rows_of(tmp_path / "out" / "connections.csv")
    assert all(row["class"] != "normal" for row in told)


def test_flows_without_states_are_classed_by_what_they_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "flows.csv").write_bytes(flow_csv([flow(row) for row in normal(5)]))
    assert classify(monkeypatch, "score", tmp_path / "flows.csv", "-o", tmp_path / "out") == 0
    assert "the input says nothing of" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("conn.log", b"", "the file is empty"),
        ("conn.log", tsv([]), "holds no connections"),
        ("x.txt", b"what is this\n", "unknown content"),
        ("beacon_candidates.log", samples()["candidates-tsv"].data, "holds pairs, not connections"),
    ],
)
@pytest.mark.parametrize("command", ["score", "explore"])
def test_what_holds_no_connections_is_refused(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    name: str,
    data: bytes,
    problem: str,
) -> None:
    (tmp_path / name).write_bytes(data)
    assert classify(monkeypatch, command, tmp_path / name, "-o", tmp_path / "out") == 2
    assert problem in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_columns_of_nothing_are_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export in Parquet as pandas writes it: NaN in numbers, columns without any value, services nobody knows."""
    n = 30
    columns = {
        "ts": [1_767_225_600.0 + at for at in range(n)],
        "src_ip": ["10.0.0.66"] * n,
        "dest_ip": [f"10.1.0.{at + 1}" for at in range(n)],
        "dest_port": [3389] * n,
        "proto": ["tcp"] * n,
        "conn_state": ["S0"] * n,
        "duration": [float("nan")] * n,
        "orig_bytes": [None] * n,
        "orig_pkts": pa.array([float("nan")] * n),
        "resp_pkts": pa.nulls(n),
        "service": ["no such thing"] * n,
        "mitre_attack_tactics": ["Reconnaissance"] * n,
    }
    parquet.write_table(pa.table(columns), tmp_path / "uwf.parquet")
    assert classify(monkeypatch, "score", tmp_path / "uwf.parquet", "-o", tmp_path / "out") == 0
    summary = json.loads((tmp_path / "out" / "run_summary.json").read_text())
    assert summary["connections"] == n
    assert {"duration", "orig_bytes", "orig_pkts", "resp_pkts"} <= set(summary["missing_everywhere"])


def test_labels_that_contradict_each_other_end_explore(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    head = "uid,ts,src_ip,dest_ip,dest_port,proto,conn_state,label_tactic,label_binary\n"
    (tmp_path / "uwf.csv").write_text(head + "C1,1767225600.0,10.0.0.1,10.0.0.2,22,tcp,S0,Reconnaissance,False\n")
    assert classify(monkeypatch, "explore", tmp_path / "uwf.csv", "-o", tmp_path / "out") == 2
    assert "contradict each other" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_explore_shows_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [*normal(60), *normal(60, "10.0.0.6"), *sweep(60), *sweep(60, "10.0.0.67")]
    rows[0] |= {"service": "<script>$x$", "id.orig_h": "10.0.0.8"}
    assert classify(monkeypatch, "explore", log(tmp_path, rows), "-o", tmp_path / "out") == 0
    drawn = {file.stem for file in (tmp_path / "out").glob("*.png")}
    assert drawn >= {"nulls", "histograms", "violins_orig_bytes", "boxes_orig_bytes", "correlation", "roc"}
    assert drawn >= {"bars_proto", "bars_service", "bars_conn_state", "precision_recall", "confusion", "importances"}
    page = (tmp_path / "out" / "explore.html").read_text()
    assert page.count("data:image/png;base64") == len(drawn)
    assert "<script" not in page
    assert "95% of draws of hosts" in page


def test_explore_of_one_class_says_what_it_leaves_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert classify(monkeypatch, "explore", log(tmp_path, normal(20)), "-o", tmp_path / "out") == 0
    assert "labels of a single class" in capsys.readouterr().out
    assert not (tmp_path / "out" / "roc.png").exists()


def test_the_sample_is_bounded_and_even(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "SIZE", 50)
    taken, rows = ConnectionSample(1), table(tmp_path, normal(200))
    for _ in range(5):
        taken.add(rows, np.full(200, NORMAL))
    assert taken.connections == 1000
    assert len(taken.columns["said"]) == len(taken.columns["inputs"]) == 50
    assert taken.counts["proto"] == {"tcp": 1000}


@given(data=st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_damage_gives_classes_or_a_clear_error(tmp_path: Path, data: st.DataObject) -> None:
    lines = tsv([*normal(3), *sweep(3)]).splitlines(keepends=True)
    at = data.draw(st.integers(0, len(lines) - 1))
    cut = data.draw(st.integers(0, len(lines[at])))
    lines[at] = lines[at][:cut] + data.draw(st.binary(max_size=20)) + lines[at][cut:]
    (tmp_path / "conn.log").write_bytes(b"".join(lines))
    out = tmp_path / "out"
    for file in out.glob("*"):
        file.unlink()
    try:
        summary = score(Request([str(tmp_path / "conn.log")]), Config(), CLASSIFIER, out)
    except BeaconsError:
        assert not list(out.glob("*"))
        return
    assert len(rows_of(out / "connections.csv")) == summary["connections"]


CLASSIFIER = Classifier.load(shipped_models())
