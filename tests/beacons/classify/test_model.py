"""The shipped classifier, and those that are refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeek_beacons.classify.columns import FEATURES
from zeek_beacons.classify.model import CLASSES, CLASSIFIER, CLASSIFIER_MANIFEST, NORMAL, Classifier, cooled, decided
from zeek_beacons.errors import ModelError
from zeek_beacons.files import shipped_models

SHIPPED = Classifier.load(shipped_models())


@given(st.lists(st.floats(width=32), min_size=len(FEATURES), max_size=len(FEATURES)))
@settings(max_examples=50)
def test_any_row_gets_chances(row: list[float]) -> None:
    chances = SHIPPED.probabilities(np.array([row], dtype=np.float32))
    assert chances.shape == (1, len(CLASSES))
    assert chances.sum() == pytest.approx(1.0)
    assert 0 <= SHIPPED.classes(chances)[0] < len(CLASSES)


def test_nothing_gets_nothing() -> None:
    assert len(SHIPPED.classes(SHIPPED.probabilities(np.zeros((0, len(FEATURES)), np.float32)))) == 0


def test_classes_hold_from_their_thresholds_on() -> None:
    levels = dict.fromkeys(CLASSES[1:], 0.4)
    chances = np.array([[0.1, 0.45, 0.45, 0.0, 0.0], [0.7, 0.3, 0, 0, 0], [0.1, 0.3, 0.5, 0.1, 0]])
    assert decided(chances, levels).tolist() == [1, NORMAL, 2]


def test_a_higher_temperature_is_less_sure() -> None:
    sure = np.array([[0.9, 0.1, 0.0, 0.0, 0.0]])
    assert cooled(sure, 2.0)[0, 0] < 0.9 < cooled(sure, 0.5)[0, 0]


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("sha256", "0" * 64, "of another file"),
        ("schema", 99, "train it anew"),
        ("classes", ["normal"], "train it anew"),
        ("temperature", 0.0, "out of range"),
        ("thresholds", {}, "not a classifier's manifest"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path: Path, field: str, value: object, problem: str) -> None:
    for name in (CLASSIFIER, CLASSIFIER_MANIFEST):
        shutil.copy(shipped_models() / name, tmp_path / name)
    manifest = json.loads((tmp_path / CLASSIFIER_MANIFEST).read_text())
    (tmp_path / CLASSIFIER_MANIFEST).write_text(json.dumps(manifest | {field: value}))
    with pytest.raises(ModelError, match=problem):
        Classifier.load(tmp_path)


def test_a_folder_without_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        Classifier.load(tmp_path)
