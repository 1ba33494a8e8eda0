"""What the process says, how unlike benign pairs a pair is, and what both come to: beside the verdict."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.beacons.cli.commands import run
from zeek_beacons.config import Config
from zeek_beacons.errors import ModelError
from zeek_beacons.features import extract
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import Scored, score
from zeek_beacons.reports.tables import alerts, hosts, scored_pairs
from zeek_beacons.scoring import Scoring, process, risk
from zeek_beacons.scoring.anomaly import ANOMALY, ANOMALY_MANIFEST, Anomaly
from zeek_beacons.scoring.model import shipped_model

Make = Callable[..., dict[str, Any]]
KNOWN: dict[str, Any] = {"process": "chrome.exe", "parent": "explorer.exe", "user": "ann", "signed": 1.0}


def held(pair: Make, **given: Any) -> list[str]:
    row = process.measure(Pairs.build([pair(**KNOWN | given)]))[0]
    return [fact.code for fact, holds in zip(process.FACTS, row, strict=True) if holds]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ["usual_talker"]),
        ({"signed": 0.0}, ["unsigned"]),
        ({"signed": np.nan}, []),
        ({"process": "powershell.exe"}, ["script_host"]),
        ({"process": "rundll32.exe", "parent": "winword.exe"}, ["system_tool", "odd_parent"]),
        ({"process": "agent.exe", "parent": "winword.exe"}, []),
        ({"process": "cmd.exe", "user": "NT AUTHORITY\\SYSTEM"}, ["script_host", "as_system"]),
        ({"process": "", "signed": 0.0, "user": "SYSTEM"}, []),
    ],
)
def test_facts_about_the_process(given: dict[str, Any], expected: list[str], pair: Make) -> None:
    assert held(pair, **given) == expected


def test_reasons_say_what_they_add_strongest_first(pair: Make) -> None:
    row = process.measure(Pairs.build([pair(**KNOWN | {"process": "mshta.exe", "parent": "excel.exe", "signed": 0})]))[
        0
    ]
    assert process.reasons(row) == [
        "a program for documents or pages started it (+2)",
        "a script host opens it (+1.5)",
        "the program's file is not signed (+0.7)",
    ]
    assert process.weight(row[None, :]).tolist() == [pytest.approx(4.2)]


def scored(pair: Make, *rows: dict[str, Any]) -> Scored:
    pairs = [pair(orig_h=f"10.0.0.{at}") | row for at, row in enumerate(rows, 1)]
    return score(Pairs.build(pairs), Scoring.load(), Config())


def test_verdicts_are_the_same_with_and_without_processes(pair: Make) -> None:
    """Neither that of the pair whose process is known, nor that of its neighbours."""
    plain = scored(pair, {}, {})
    known = scored(pair, KNOWN | {"process": "mshta.exe"}, {})
    assert np.array_equal(plain.verdicts.score, known.verdicts.score)
    assert np.array_equal(plain.verdicts.label, known.verdicts.label)
    assert np.array_equal(plain.verdicts.reasons, known.verdicts.reasons)


def test_the_process_moves_the_supervised_risk_by_its_weight(pair: Make) -> None:
    rhythm = {"n": 60, "rhythm": False}
    found = scored(pair, pair(**rhythm), pair(**rhythm) | KNOWN | {"process": "mshta.exe", "signed": np.nan})
    plain, moved = found.risk.supervised[:2]
    assert plain == pytest.approx(found.verdicts.score[0])
    assert np.log(moved / (1 - moved)) - np.log(plain / (1 - plain)) == pytest.approx(1.5, abs=1e-3)


def test_a_pair_too_short_for_a_score_has_the_risk_of_its_process(pair: Make) -> None:
    found = scored(pair, pair(n=1) | KNOWN | {"process": "mshta.exe"}, pair(n=1))
    odds = np.log(risk.PRIOR / (1 - risk.PRIOR)) + 1.5
    assert found.risk.fused[0] == pytest.approx(1 / (1 + np.exp(-odds)), abs=1e-6)
    assert np.isnan(found.risk.fused[1])


def test_supervised_and_anomaly_are_fused_by_fixed_shares(pair: Make) -> None:
    found = scored(pair, {}).risk
    assert 0 <= found.anomaly[0] <= 1
    assert found.fused[0] == pytest.approx(0.7 * found.supervised[0] + 0.3 * found.anomaly[0], abs=1e-6)


def test_anomaly_does_not_depend_on_the_batch(pair: Make) -> None:
    model = Anomaly.load(shipped_model())
    assert model is not None
    rows = [pair(n=n) for n in (6, 20, 200)] + [pair(n=50, rhythm=False)]
    together = model.risk(extract(Pairs.build(rows)))
    alone = [float(model.risk(extract(Pairs.build([row])))[0]) for row in rows]
    assert together.tolist() == alone
    assert ((together >= 0) & (together <= 1)).all()
    assert model.risk(extract(Pairs.empty())).tolist() == []


def test_without_an_anomaly_model_the_risk_is_the_supervised_one(pair: Make, tmp_path: Path) -> None:
    assert Anomaly.load(tmp_path) is None
    pairs = Pairs.build([pair()])
    features = extract(pairs)
    found = risk.Risk.of(pairs, np.array([0.4]), features, np.array([0]), None)
    assert (found.supervised[0], found.fused[0]) == (0.4, 0.4)
    assert np.isnan(found.anomaly[0])


@pytest.mark.parametrize("damage", ["model", "manifest", "features", "missing"])
def test_a_model_that_does_not_fit_is_refused(damage: str, tmp_path: Path) -> None:
    for name in (ANOMALY, ANOMALY_MANIFEST):
        shutil.copy(shipped_model() / name, tmp_path)
    manifest = tmp_path / ANOMALY_MANIFEST
    if damage == "model":
        (tmp_path / ANOMALY).write_bytes((tmp_path / ANOMALY).read_bytes() + b" ")
    elif damage == "manifest":
        manifest.write_text("{}")
    elif damage == "features":
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"features": ["other"]}))
    else:
        (tmp_path / ANOMALY).unlink()
    with pytest.raises(ModelError, match=r"anomaly\.json"):
        Anomaly.load(tmp_path)


def test_verify_looks_at_the_anomaly_model_too(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    shutil.copytree(shipped_model(), folder)
    assert "anomaly.onnx is good" in run("model", "verify", folder).stdout
    (folder / ANOMALY).write_bytes(b"")
    ran = run("model", "verify", folder)
    assert (ran.returncode, "does not fit anomaly.onnx" in ran.stderr) == (2, True)


def test_tables_show_the_process_and_the_risk(pair: Make) -> None:
    found = scored(pair, KNOWN | {"process": "mshta.exe", "parent": "excel.exe"}, {})
    (row, other) = sorted(scored_pairs(found).to_pylist(), key=lambda row: row["orig_h"])
    assert (row["process"], row["parent"], row["user"], row["signed"]) == ("mshta.exe", "excel.exe", "ann", 1.0)
    assert row["process_reasons"].startswith("a program for documents or pages started it (+2)")
    assert (other["process"], other["process_reasons"]) == (None, None)
    assert row["risk"] > other["risk"]
    endpoint = {alert["orig_h"]: alert["endpoint"] for alert in alerts(found).to_pylist()}
    assert endpoint["10.0.0.1"].startswith("mshta.exe of excel.exe as ann, signed: a program for")
    assert endpoint["10.0.0.2"] is None


def test_hosts_have_the_highest_and_the_mean_risk_of_their_pairs(pair: Make) -> None:
    rows = [
        pair(orig_h="10.0.0.1", resp="203.0.113.1"),
        pair(orig_h="10.0.0.1", resp="203.0.113.2", n=60, rhythm=False),
        pair(orig_h="10.0.0.2", resp="203.0.113.3", n=1) | KNOWN | {"process": "mshta.exe"},
        pair(orig_h="10.0.0.3", resp="203.0.113.4", n=1),
    ]
    found = score(Pairs.build(rows), Scoring.load(), Config())
    table = {row["host"]: row for row in hosts(found).to_pylist()}
    assert list(table) == ["10.0.0.1", "10.0.0.2"]  # of the third nobody knows anything
    own = found.risk.fused[found.pairs.orig_h == "10.0.0.1"]
    assert table["10.0.0.1"]["risk_max"] == pytest.approx(own.max())
    assert table["10.0.0.1"]["risk_mean"] == pytest.approx(own.mean(), abs=1e-6)
    only = table["10.0.0.2"]
    assert (only["scored_pairs"], only["beaconing_pairs"], only["strongest_score"]) == (0, 0, None)
    assert only["risk_max"] == only["risk_mean"] > risk.PRIOR
