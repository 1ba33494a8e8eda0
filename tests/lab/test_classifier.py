"""The classifier of connections in the making: no campaign on both sides, the same bytes, the trees in ONNX."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from tests.beacons.classify.made import log, normal, sweep
from zeek_beacons.classify.columns import FEATURES
from zeek_beacons.classify.model import CLASSES, Classifier
from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.scoring.forest import session_of
from zeek_beacons_lab.studies import classify as study
from zeek_beacons_lab.training.boosted_onnx import boosted_onnx, not_above
from zeek_beacons_lab.training.classifier import groups, make
from zeek_beacons_lab.training.connections import ConnectionRows, labelled_file, synthetic

ROWS = synthetic(5, 1)


def test_rows_of_a_campaign_never_stand_on_both_sides() -> None:
    """The published recipe splits them at random."""
    for split, column in ((study.CAMPAIGN, ROWS.campaign), (study.CAPTURE, ROWS.source)):
        for learned, judged in study.folds(ROWS, split, 1):
            assert not set(column[learned]) & set(column[judged])
    for learned, judged in study.folds(ROWS, study.HOST, 1):
        sides = [{*zip(ROWS.source[at], ROWS.host[at], strict=True)} for at in (learned, judged)]
        assert not sides[0] & sides[1]
    learned, judged = study.folds(ROWS, study.RANDOM, 1)[0]
    assert set(ROWS.campaign[learned]) & set(ROWS.campaign[judged])  # which is what a random split does


def test_what_is_trained_on_is_grouped_by_whole_sites() -> None:
    group = groups(ROWS)
    for source in set(ROWS.source):
        assert len(set(group[source == ROWS.source])) == 1


def test_rows_without_a_duration_are_kept() -> None:
    scans = ROWS.take(ROWS.label == CLASSES.index("scan"))
    assert np.isnan(scans.matrix[:, FEATURES.index("duration")]).any()
    recipes = {name: int(kept.sum()) for name, _, kept in study._recipes(ROWS)}
    assert recipes[study.OURS] == len(ROWS) > recipes[study.PUBLISHED_RECIPE]


def test_no_port_is_a_number_of_ours() -> None:
    recipes = {name: matrix for name, matrix, _ in study._recipes(ROWS)}
    assert recipes[study.PUBLISHED_RECIPE].max() > 30_000  # source ports
    assert np.nanmax(recipes[study.OURS]) < 50


def test_trees_in_onnx_say_the_same() -> None:
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(800, 6)).astype(np.float32)
    matrix[rng.random(matrix.shape) < 0.2] = np.nan
    label = (np.nan_to_num(matrix[:, 0]) > 0) + 2 * np.isnan(matrix[:, 1])
    with threadpool_limits(1):
        learner = HistGradientBoostingClassifier(max_iter=15, early_stopping=False).fit(matrix, label)
    session = session_of(boosted_onnx(learner, 6), "the test's", threads=1)
    told = session.run(["probabilities"], {"features": matrix})[0]
    assert np.allclose(told, learner.predict_proba(matrix), atol=1e-5)


def test_limits_are_rounded_so_that_the_same_values_lie_below() -> None:
    limits = np.array([0.1, 1 / 3, -0.7, 16777217.0])
    near = not_above(limits)
    assert (near.astype(np.float64) <= limits).all()
    assert (np.nextafter(near, np.float32(np.inf)).astype(np.float64) > limits).all()


def test_the_same_seed_makes_the_same_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zeek_beacons_lab.training.classifier.boosting", _small)
    said: list[str] = []
    first = make(tmp_path / "a", 3, 1, None, say=said.append)
    assert first.read_bytes() == make(tmp_path / "b", 3, 1, None, say=said.append).read_bytes()
    trained = Classifier.load(tmp_path / "a")
    assert trained.training["grouped_by"]


def test_labelled_rows_of_ones_own_are_learned_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zeek_beacons_lab.training.classifier.boosting", _small)
    hosts = [f"10.0.0.{at}" for at in range(1, 11)]
    rows = [row for host in hosts for row in normal(30, host)]
    rows += [row for host in hosts[5:] for row in sweep(30, host)]
    make(tmp_path / "own", 0, 1, None, [str(log(tmp_path, rows))], say=lambda _text: None)
    assert Classifier.load(tmp_path / "own").training["connections"]["scan"] == 150


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        (normal(20), "labels only normal; expected normal and at least one attack"),
        (sweep(20), "labels only scan"),
        ([row | {"label": None} for row in normal(5)], "labels only nothing"),
    ],
)
def test_a_single_class_is_refused(tmp_path: Path, rows: list[dict[str, object]], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        make(tmp_path / "own", 0, 1, None, [str(log(tmp_path, rows))], say=lambda _text: None)
    assert not (tmp_path / "own").exists()


def test_what_labels_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "conn.csv").write_text(
        "ts,src_ip,dest_ip,dest_port,proto,conn_state\n1767225600,10.0.0.1,10.0.0.2,22,tcp,SF\n"
    )
    with pytest.raises(InputError, match="no column that labels connections"):
        labelled_file(str(tmp_path / "conn.csv"), Config())


def test_the_study_makes_its_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "LEARNERS", {"gradient boosting": _small})
    problem = study.Problem("synthetic", _few(ROWS))
    report = study.report(study.run([problem], 1, say=lambda _text: None), 1)
    table = report.tables["classify"]
    assert [(row[1], row[3]) for row in table.rows] == [
        (recipe, split) for recipe in (study.PUBLISHED_RECIPE, study.OURS) for split in study.SPLITS
    ]
    assert all(0.5 < float(row[5] or 0) <= 1 for row in table.rows)
    assert {row[1] for row in report.tables["classify_classes"].rows} == set(CLASSES[1:])


def _few(rows: ConnectionRows) -> ConnectionRows:
    return rows.take(np.random.default_rng(1).permutation(len(rows))[:2500])


def _small(seed: int) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(max_iter=8, max_leaf_nodes=8, early_stopping=False, random_state=seed)
