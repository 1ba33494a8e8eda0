"""The CTU-13 path, on two scenarios made here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.beacons.readers.logs import BINETFLOW, binetflow, conn, csv_line
from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.scoring import Scoring
from zeek_beacons_lab.studies import ctu13
from zeek_beacons_lab.studies.peers import OWN


def scenario(path: Path, seed: int, botnet: bool = True) -> None:
    """Six C2 pairs every ten minutes, twelve of people, and background."""
    rng = np.random.default_rng(seed)
    rows = []
    for k in range(6 * botnet):
        ends = {"id__orig_h": f"147.32.84.{k + 1}", "id__resp_h": "203.0.113.9", "service": None}
        rows += [binetflow(conn(600.0 * n, **ends), "flow=From-Botnet-V42-TCP-CC6") for n in range(40)]
    for k in range(12):
        ends = {"id__orig_h": "147.32.84.170", "id__resp_h": f"198.51.100.{k + 1}"}
        times = np.sort(rng.uniform(0, 24_000, 40))
        rows += [
            binetflow(conn(float(at), **ends, orig_bytes=int(rng.integers(9999))), "flow=From-Normal-V42-Jist")
            for at in times
        ]
    rows.append(binetflow(conn(9.0, id__orig_h="147.32.84.200"), "flow=Background"))
    header = ",".join(BINETFLOW).encode() + b"\n"
    path.write_bytes(header + b"".join(csv_line(row, BINETFLOW) for row in rows))


def test_scenarios_are_judged_by_transfer_natively_and_within(tmp_path: Path) -> None:
    for seed in (1, 2):
        scenario(tmp_path / f"capture{seed}.binetflow", seed)
    captures = ctu13.load_all([str(tmp_path)], Config())
    assert [capture.name for capture in captures] == ["capture1", "capture2"]
    assert [sorted(set(capture.label)) for capture in captures] == [["", "benign", "c2"]] * 2
    comparison = ctu13.run(captures, Scoring.rules_only(), Config(), 1)
    assert comparison.sample.beacon.sum() == 12
    rows = {str(row[0]): row for row in ctu13.report(comparison, 1).tables["ctu13"].rows}
    for name in ("our features, native (other scenarios)", "our features, within (other half of the scenario)"):
        assert str(rows[name][1]).startswith("1.00"), name  # AUC


def test_one_scenario_alone_teaches_nothing_natively(tmp_path: Path) -> None:
    scenario(tmp_path / "one.binetflow", 1)
    captures = ctu13.load_all([str(tmp_path / "one.binetflow")], Config())
    found = ctu13.native(captures, Config(), 1)(captures[0])
    assert not found.alerts[OWN].any()


def test_files_without_both_classes_are_refused(tmp_path: Path) -> None:
    scenario(tmp_path / "one.binetflow", 1, botnet=False)
    captures = ctu13.load_all([str(tmp_path / "one.binetflow")], Config())
    with pytest.raises(InputError, match="CTU-13"):
        ctu13.run(captures, Scoring.rules_only(), Config(), 1)
