"""Each study from end to end on small sites made here: right rows, files written, the same twice."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from zeek_beacons.config import PROFILES, Config
from zeek_beacons.scoring import Scoring
from zeek_beacons_lab.baselines import BASELINES, learners
from zeek_beacons_lab.baselines.learners import LEARNERS
from zeek_beacons_lab.captures.datasets import load_seed_benchmark
from zeek_beacons_lab.captures.labelled import Capture
from zeek_beacons_lab.captures.sample import ours
from zeek_beacons_lab.studies import ablation, calibration, grid, peers, pipeline_ablation
from zeek_beacons_lab.training.leave_out import forest_trainer

from .sites import site, write


@pytest.fixture
def sites() -> list[Capture]:
    return [site("one", seed=1), site("two", seed=2)]


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    """A seed benchmark in small: regular beacons and benign flows at random, of different lengths."""
    rng = np.random.default_rng(1)
    head = "case,seed,timestamp,src_ip,dst_ip,dst_port,protocol,size_bytes,label,scenario\n"
    for name in ("train", "eval"):
        rows = []
        for flow in range(80):
            beacon = flow % 2 == 0
            times = np.arange(14) * 60.0 if beacon else np.sort(rng.uniform(0, 900, int(rng.integers(4, 9))))
            key, seed = f"10.0.0.{flow + 1},203.0.113.9,443,tcp", flow // 8
            label = "beacon,fixed_periodic" if beacon else "benign,normal_telemetry"
            rows += [f"one,{seed},{1_767_225_600 + at:.6f},{key},120,{label}\n" for at in times]
        with gzip.open(tmp_path / f"standard_{name}.csv.gz", "wt") as stream:
            stream.write(head + "".join(rows))
    return tmp_path


@pytest.mark.usefixtures("size")
@pytest.mark.filterwarnings("ignore:`sklearn.utils.parallel.delayed`:UserWarning")
def test_every_peer_is_measured_on_the_same_pairs(sites: list[Capture], benchmark: Path, tmp_path: Path) -> None:
    chosen = {peers.OURS: ours(lambda _: Scoring.rules_only(), Config())}
    chosen |= peers.methods(sites, benchmark, Config(), seed=1)
    assert set(chosen) == {peers.OURS, peers.STUDY_FOREST, *BASELINES, *LEARNERS}
    comparison = peers.compare(sites, chosen, Config())
    assert all(np.isfinite(result.score).all() for result in comparison.results.values())
    report = peers.report(comparison, seed=1)
    assert len(report.tables["peers"].rows) == len(chosen) + 4  # ours: three profiles, two budgets
    by_name = {str(row[0]): row for row in report.tables["peers"].rows}
    assert by_name["plain CV of the gaps"][-2] == "2 of 2"  # C2 first
    names = {path.name for path in report.save(tmp_path / "out")}
    assert {"peers.md", "peers.csv", "peers_every_figure.csv", "peers_recall.png"} <= names


@pytest.mark.usefixtures("size")
def test_no_learner_sees_the_lab_it_judges(sites: list[Capture]) -> None:
    data = learners.lessons(sites, Config(), seed=1)
    assert set(data.lab) == {"", "one", "two"}
    assert set(data.without("one").lab) == {"", "two"}
    assert not data.is_c2[data.lab != ""].any()  # real C2 is never learned from
    weight = data.weight
    assert weight[data.is_c2].sum() == pytest.approx(weight[~data.is_c2].sum())


@pytest.mark.usefixtures("size")
def test_the_benchmark_is_graded_with_lengths_as_they_are_and_matched(benchmark: Path, tmp_path: Path) -> None:
    test, graded = grid.run(benchmark, Scoring.rules_only(), Config(), seed=1)
    report = grid.report(test, graded)
    rows = {(row[0], row[1]): row for row in report.tables["grid"].rows}
    assert rows[grid.OURS, "as published"][2] == 1.0  # AUC
    assert {lengths for _, lengths in rows} == {"as published", "matched"}
    assert (tmp_path / "out" / "grid.png") in report.save(tmp_path / "out")


def test_matched_flows_are_of_one_length_law(benchmark: Path) -> None:
    flows = load_seed_benchmark(benchmark / "standard_train.csv.gz")
    cut = grid.matched(flows, seed=1)
    counts = cut.pairs.counts
    assert set(counts[cut.is_c2]) <= set(counts[~cut.is_c2])
    np.testing.assert_array_equal(counts[~cut.is_c2], flows.pairs.counts[~flows.is_c2])


def test_best_f1_is_where_f1_is_best() -> None:
    votes = np.array([0.9, 0.8, 0.4, 0.3])
    assert grid.best_f1(votes, np.array([True, True, False, True])) == 0.3
    assert grid.best_f1(votes, np.array([True, True, False, False])) == 0.8


@pytest.mark.usefixtures("size")
def test_calibration_of_captures_injections_and_synthetic_pairs(sites: list[Capture], tmp_path: Path) -> None:
    scoring = Scoring.rules_only()
    judged = {
        "captures": calibration.on_captures(sites, lambda _: scoring, Config()),
        "injected": calibration.on_injections(sites, lambda _: scoring, Config(), 1, 1),
        "synthetic": calibration.on_synthetic(scoring, Config(), 1),
    }
    assert judged["captures"].positive.sum() == 2
    report = calibration.report(judged, seed=1)
    assert [row[0] for row in report.tables["calibration"].rows] == list(judged)
    assert (tmp_path / "calibration.png") in report.save(tmp_path)


@pytest.mark.usefixtures("size")
def test_ablation_leaves_out_each_family(sites: list[Capture], tmp_path: Path) -> None:
    sample, results = ablation.run(sites, Config(), seed=1)
    assert {"without timing", "timing alone", ablation.ALL} <= set(results)
    report = ablation.report(sample, results, seed=1)
    widths = {row[0]: row[1] for row in report.tables["ablation"].rows}
    assert widths["without timing"] + widths["timing alone"] == widths[ablation.ALL]  # type: ignore[operator]
    assert (tmp_path / "ablation.png") in report.save(tmp_path)


def test_parts_of_the_pipeline_are_taken_out(sites: list[Capture]) -> None:
    scoring = Scoring.load()
    sample, results = pipeline_ablation.run(sites, lambda _: scoring, Config())
    assert set(results) == {
        pipeline_ablation.WHOLE,
        "look-alikes alert",
        *(f"{name} alone" for name in scoring.scorers),
    }
    whole, loud = results[pipeline_ablation.WHOLE], results["look-alikes alert"]
    for profile in PROFILES:
        assert (loud.alerts[profile] >= whole.alerts[profile]).all()
    rows = pipeline_ablation.report(sample, results).tables["ablation_parts"].rows
    assert {str(row[1]) for row in rows if row[0] == pipeline_ablation.WHOLE} == {*PROFILES, "budget 0.1", "budget 0.5"}


@pytest.mark.usefixtures("size")
def test_models_are_kept_and_trained_without_what_is_left_out(sites: list[Capture], tmp_path: Path) -> None:
    for capture in sites:
        write(capture, tmp_path / "captures" / capture.name)
    keep = tmp_path / "models"
    trainer = forest_trainer(tmp_path / "captures", 200, 1, 10, keep)
    one, both = trainer(frozenset({"two"})), trainer(frozenset())
    assert one.identity != both.identity
    assert len(list(keep.iterdir())) == 2
    before = {path: path.stat().st_mtime_ns for path in keep.rglob("*")}
    assert trainer(frozenset({"two"})).identity == one.identity
    assert {path: path.stat().st_mtime_ns for path in keep.rglob("*")} == before
    sources = one.model.manifest.training["pairs"] if one.model else {}
    assert "benign of one" in sources
    assert "benign of two" not in sources
