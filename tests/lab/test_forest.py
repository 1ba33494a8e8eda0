"""Training: trees that do not see what they must not, and check-ins that are measured, not guessed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zeek_beacons.features import CATALOGUE, MODEL_FEATURES
from zeek_beacons.scoring.forest import inputs
from zeek_beacons_lab.training import forest
from zeek_beacons_lab.training.examples import Examples, collect

FAMILY = {feature.name: feature.family for feature in CATALOGUE}


@pytest.fixture(scope="module")
def examples() -> Examples:
    return collect(400, 3, None, say=lambda _text: None)


def test_each_kind_of_tree_sees_only_its_families(examples: Examples) -> None:
    rows = np.ones(len(examples.is_c2), dtype=np.bool_)
    trained, votes = forest._fit(examples, rows, 20, 1)
    counts = [round(share * 20) for share, _unseen in forest.TREES]
    kind = np.repeat(np.arange(len(counts)), counts)
    assert len(trained.estimators_) == trained.n_estimators == len(kind) == 20
    for number, tree in zip(kind, trained.estimators_, strict=True):
        used = {FAMILY[MODEL_FEATURES[column]] for column in tree.tree_.feature if column >= 0}
        assert used
        assert not used & set(forest.TREES[number][1])
    assert ((votes >= 0) & (votes <= 1)).all()


def test_the_votes_of_all_trees_count_alike(examples: Examples) -> None:
    rows = np.ones(len(examples.is_c2), dtype=np.bool_)
    trained, _votes = forest._fit(examples, rows, 20, 1)
    matrix = inputs(examples.features)
    each = np.mean([tree.predict_proba(matrix)[:, 1] for tree in trained.estimators_], axis=0)
    assert trained.predict_proba(matrix)[:, 1] == pytest.approx(each)


def test_shares_of_the_trees_add_up() -> None:
    assert sum(share for share, _unseen in forest.TREES) == pytest.approx(1)
    assert sum(forest.WEIGHTS.values()) == pytest.approx(1)


def test_training_knows_a_capture_by_the_lab_its_file_names(
    conn_log: Callable[..., Path], pair: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    """What is left out in evaluation is left out by the same lab: see labels.lab_of."""
    for name in ("first_a", "second_b"):
        folder = tmp_path / "captures" / name
        folder.mkdir(parents=True)
        conn_log([pair(n=200, rhythm=False)]).rename(folder / "conn.log")
        (folder / "labels.csv").write_text("orig_h,resp_h,resp_p,proto,label\n10.0.0.5,203.0.113.9,443,tcp,benign\n")
    (tmp_path / "captures" / "second_b" / "lab").write_text("first")
    examples = collect(200, 1, tmp_path / "captures", say=lambda _text: None)
    assert sorted(set(examples.lab)) == ["", "first"]
