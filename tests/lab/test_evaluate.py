"""The evaluation commands: exit code, one fact, and files where they are promised."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from typer.testing import CliRunner

from zeek_beacons.errors import ConfigError
from zeek_beacons_lab.cli import app
from zeek_beacons_lab.cli.evaluate import Studies, all_studies
from zeek_beacons_lab.studies import evidence

CAPTURE = """\
#separator \\x09
#path	conn
#fields	ts	uid	id.orig_h	id.orig_p	id.resp_h	id.resp_p	proto	duration	orig_bytes	resp_bytes	conn_state
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """One capture of a day: a beacon every ten minutes, and a pair that doubles its gaps."""
    capture = tmp_path / "captures" / "lab_one"
    capture.mkdir(parents=True)
    rows = [(600.0 * n, "203.0.113.9", 300) for n in range(144)]
    rows += [(float(2**n), "198.51.100.7", 100 + 997 * n) for n in range(16)]
    orig = {"203.0.113.9": "10.0.0.8", "198.51.100.7": "10.0.0.7"}
    lines = [
        f"{1_767_225_600 + at:.6f}\tC{n}\t{orig[resp]}\t{2000 + n}\t{resp}\t443\ttcp\t0.5\t{size}\t{size}\tSF\n"
        for n, (at, resp, size) in enumerate(sorted(rows))
    ]
    (capture / "conn.log").write_text(CAPTURE + "".join(lines))
    (capture / "labels.csv").write_text(
        "orig_h,resp_h,resp_p,proto,label\n10.0.0.8,203.0.113.9,443,tcp,c2\n10.0.0.7,198.51.100.7,443,tcp,benign\n"
    )
    return tmp_path / "captures"


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, ["evaluate", *map(str, arguments)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_real_prints_and_writes_where_asked(folder: Path, tmp_path: Path) -> None:
    text = run("real", folder, "--rules-only", "-o", tmp_path / "out")
    assert re.search(r"\| AUC \| 1\.000", text)
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"real_figures.csv", "real_captures.md"}


@pytest.mark.usefixtures("size")
def test_peers_and_stress_write_tables_and_figures(folder: Path, tmp_path: Path) -> None:
    out, models = tmp_path / "out", tmp_path / "models"
    text = run("peers", folder, "--pairs", 200, "--trees", 10, "--keep", models, "-o", out)
    assert "RITA v5 formula" in text
    assert len(list(models.iterdir())) == 1
    run("stress", folder, "--draws", 1, "-o", out)
    run("calibration", folder, "--draws", 1, "-o", out)
    names = {path.name for path in out.iterdir()}
    assert {"peers.md", "peers_recall.png", "stress_families.csv", "stress_methods.png", "calibration.png"} <= names


def test_behaviours_are_hidden_in_the_sample_day_where_there_is_no_other(folder: Path, tmp_path: Path) -> None:
    text = run("behaviours", folder, "-o", tmp_path / "out")
    assert "| sample site |" in text
    assert re.search(r"\| fixed timer \| 1\.000 \|", text)
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"behaviours.csv", "behaviours.md"}


@pytest.mark.usefixtures("size")
def test_the_grid_is_drawn_where_there_are_no_files(tmp_path: Path) -> None:
    text = run("grid", "--quick", "-o", tmp_path / "out")
    rows = [line.split(" | ") for line in text.split("\n") if line.startswith("| RandomForest of the beaconing study")]
    auc = {row[1]: float(row[2]) for row in rows[:4]}
    assert auc.keys() == {"as published", "matched", "overlap", "shortcut"}
    assert min(auc.values()) > 0.8
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {f"drawn_grid{end}" for end in (".csv", ".md", ".png", "_scenarios.csv", "_scenarios.md")}


def test_stress_takes_the_sample_day_where_there_are_no_captures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from zeek_beacons_lab.studies import injection, stress

    monkeypatch.setattr(stress, "FAMILIES", {"fixed sleep": injection.FAMILIES["fixed sleep"]})
    text = run("stress", "--draws", 1, "-o", tmp_path / "out")
    assert "| fixed sleep |" in text
    assert {path.name.split("_")[0] for path in (tmp_path / "out").iterdir()} == {"sample"}


def test_leaving_out_takes_a_folder() -> None:
    with pytest.raises(ConfigError, match="give their folder"):
        run("stress", "--leave-out")
    with pytest.raises(ConfigError, match="give no folder"):
        run("grid", "somewhere", "--quick")


def test_evidence_needs_no_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "BENIGN", 100)
    monkeypatch.setattr(evidence, "C2", 20)
    monkeypatch.setattr(evidence, "BOUND_PAIRS", 200)
    assert "check-ins for 80 %" in run("evidence", "--seeds", 2, "-o", tmp_path)


def test_rules_need_no_model(folder: Path) -> None:
    with pytest.raises(ConfigError, match="--rules-only"):
        run("real", folder, "--rules-only", "--leave-out")


def test_a_model_and_leaving_labs_out_exclude_each_other(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--model"):
        run("stress", folder, "--leave-out", "--model", tmp_path)


def test_real_needs_none_of_the_extras(folder: Path) -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['sklearn', 'skl2onnx', 'onnx', 'matplotlib']))\n"
        "from zeek_beacons_lab.cli import app\n"
        f"app(['evaluate', 'real', {str(folder)!r}], standalone_mode=False)"
    )
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)


def test_all_makes_the_tables_of_every_study(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The studies are stand-ins: each says its name in place of a report."""
    made: list[str] = []
    studies = {*Studies.table} - {"all", "ctu13", "forecast", "list", "behaviours", "polled"}
    names = sorted({*studies, "alert_list", "behaviour_figures", "checkin_ablation", "pipeline_ablation"})
    for name in names:
        study = importlib.import_module(f"zeek_beacons_lab.studies.{name}")
        stand_in = MagicMock(**{"report.return_value": name})
        parts = ("evaluate", "methods", "study_forest", "compare", "early_auc", "problems", "run")
        for part in (*parts, "on_captures", "on_injections", "on_synthetic"):
            result = {"alert_list": name, "real": stand_in}.get(name, {} if part == "methods" else ())
            monkeypatch.setattr(study, part, MagicMock(return_value=result), raising=False)
        monkeypatch.setattr(study, "report", stand_in.report, raising=False)
    monkeypatch.setattr(all_studies, "finish", lambda report, _output: made.append(report))
    run("all", folder, "--seed-benchmark", tmp_path, "-o", tmp_path / "out")
    assert sorted(made) == names
