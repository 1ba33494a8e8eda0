"""The model folder: what fits is loaded, everything else is refused with a word on why."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.beacons.knowledge import small
from zeek_beacons.config import Config
from zeek_beacons.errors import ModelError
from zeek_beacons.knowledge.file import KNOWLEDGE, KNOWLEDGE_MANIFEST
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import score
from zeek_beacons.scoring import Scoring
from zeek_beacons.scoring.context_term import CODES
from zeek_beacons.scoring.forest import Forest
from zeek_beacons.scoring.model import FOREST, GOLDEN, MANIFEST, ModelFolder, shipped_model


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped_model(), tmp_path / "model"))


def change(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads((folder / MANIFEST).read_text())
    edit(content)
    (folder / MANIFEST).write_text(json.dumps(content))


def test_the_shipped_model_is_what_its_manifest_says() -> None:
    Forest(ModelFolder.load(shipped_model()))


def test_a_manifest_survives_being_written_and_read() -> None:
    model = ModelFolder.load(shipped_model())
    assert model.manifest.to_json() == (shipped_model() / MANIFEST).read_text()


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (lambda m: m["forest"].update(sha256="0" * 64), "sha256"),
        (lambda m: m.update(feature_schema=999), "feature_schema is 999"),
        (lambda m: m["features"].reverse(), "number 0"),
        (lambda m: m["features"].pop(), "features"),
        (lambda m: m.update(version=99), "version is 99"),
        (lambda m: m.pop("thresholds"), "'thresholds' is missing"),
        (lambda m: m["thresholds"].update(balanced=7), "thresholds.balanced is 7"),
        (lambda m: m["thresholds"].update(balanced="x"), "not a model manifest"),
        (lambda m: m["weights"].update(forest=-1), "weights are"),
        (lambda m: m["weights"].update(forest=0.1), "add up to 1"),
        (lambda m: m.update(weights=[1]), "not a model manifest"),
        (lambda m: m["weights"].update(forest=float("nan")), "weights are"),
        (lambda m: m["context"].update(slope=-1), "context.slope -1"),
        (lambda m: m["context"].update(offset=float("nan")), "context.offset is nan"),
        (lambda m: m["context"]["indicators"]["quic"].update(log_odds=float("-inf")), "context.offset"),
        (lambda m: m["context"]["indicators"]["quic"].update(log_odds=1.0), "wrong sign"),
        (lambda m: m["context"]["indicators"].pop("quic"), "'quic' is missing"),
        (lambda m: m.update(evidence=[]), "evidence is empty"),
        (lambda m: m.update(alert_rates=[[float("nan"), 0.1]]), "no number"),
    ],
)
def test_a_manifest_that_does_not_fit_is_refused(folder: Path, edit: Any, problem: str) -> None:
    change(folder, edit)
    with pytest.raises(ModelError, match=problem):
        ModelFolder.load(folder)


def test_a_scorer_that_nobody_knows_is_refused(folder: Path) -> None:
    change(folder, lambda m: m.update(weights={"forest": 0.5, "oracle": 0.5}))
    with pytest.raises(ModelError, match=r"weights.oracle is no scorer, expected forest, significance, rules"):
        Scoring.load(folder)


def test_only_what_weighs_is_scored(folder: Path) -> None:
    change(folder, lambda m: m.update(weights={"forest": 1, "rules": 0}))
    assert set(Scoring.load(folder).scorers) == {"forest"}


def test_a_changed_forest_is_refused(folder: Path) -> None:
    content = bytearray((folder / FOREST).read_bytes())
    content[len(content) // 2] ^= 1
    (folder / FOREST).write_bytes(content)
    with pytest.raises(ModelError, match=r"beacon_forest.onnx: sha256 is .*, the manifest says"):
        ModelFolder.load(folder)


@pytest.mark.parametrize("name", [FOREST, MANIFEST])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError, match=name):
        ModelFolder.load(folder)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe"])
def test_a_broken_manifest_is_refused(folder: Path, content: bytes) -> None:
    (folder / MANIFEST).write_bytes(content)
    with pytest.raises(ModelError, match=MANIFEST):
        ModelFolder.load(folder)


def test_something_that_is_no_onnx_is_refused(folder: Path) -> None:
    model = ModelFolder.load(folder)
    broken = ModelFolder(model.path, model.manifest, b"not a model")
    with pytest.raises(ModelError, match="cannot load"):
        Forest(broken)


def test_onnx_equals_scikit_learn(tmp_path: Path) -> None:
    from sklearn.ensemble import RandomForestClassifier

    from zeek_beacons.features import MODEL_FEATURES
    from zeek_beacons.scoring.forest import inputs
    from zeek_beacons_lab.training.examples import collect
    from zeek_beacons_lab.training.forest import to_onnx

    examples = collect(600, 3, None, say=lambda _: None)
    matrix = inputs(examples.features)
    forest = RandomForestClassifier(50, min_samples_leaf=2, random_state=1).fit(matrix, examples.is_c2)
    # Rows on and around the thresholds: those of the training set, shuffled column by column.
    rng = np.random.default_rng(1)
    rows = np.stack([rng.choice(matrix[:, column], 10_000) for column in range(len(MODEL_FEATURES))], axis=1)
    import onnxruntime

    session = onnxruntime.InferenceSession(to_onnx(forest), providers=["CPUExecutionProvider"])
    votes = session.run(None, {session.get_inputs()[0].name: rows})[1][:, 1]
    np.testing.assert_allclose(votes, forest.predict_proba(rows)[:, 1], atol=1e-5)


@pytest.mark.usefixtures("size")
def test_training_again_gives_the_same_bytes(tmp_path: Path) -> None:
    from zeek_beacons_lab.training.forest import train

    for name in ("one", "two"):
        train(tmp_path / name, 400, 5, None, trees=12, say=lambda _: None)
    for name in (FOREST, GOLDEN, MANIFEST):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert ModelFolder.load(tmp_path / "one").golden is not None


def test_score_imports_no_scikit_learn(conn_log: Callable[..., Path], pair: Callable[..., dict[str, Any]]) -> None:
    log = conn_log([pair()])
    program = (
        "import sys; from zeek_beacons.cli import app\n"
        f"try: app(['score', {str(log)!r}])\n"
        "except SystemExit as e: assert not e.code, e.code\n"
        "heavy = {'sklearn', 'skl2onnx', 'onnx', 'matplotlib'} & sys.modules.keys(); assert not heavy, heavy"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def popular(scoring: Scoring) -> list[bool]:
    """Whether `www.big.com` and `www.wikipedia.org` are popular, which the small file and the shipped one know."""
    start = 60.0 * np.arange(20)
    pairs = Pairs.build(
        {"orig_h": "10.0.0.5", "resp": f"45.0.0.{n}", "resp_p": 443, "start": start, "dns_name": name, "dns_named": 20}
        for n, name in enumerate(("www.big.com", "www.wikipedia.org"))
    )
    context = score(pairs, scoring, Config()).context
    assert context is not None
    return [bool(value) for value in context[:, CODES.index("popular_name")] > 0]


def test_a_model_without_knowledge_says_that_the_shipped_one_is_used(folder: Path) -> None:
    assert Scoring.load().warnings == Scoring.load(folder).warnings == Scoring.rules_only().warnings == []
    for name in (KNOWLEDGE, KNOWLEDGE_MANIFEST):
        (folder / name).unlink()
    scoring = Scoring.load(folder)
    (warning,) = scoring.warnings
    assert warning.startswith(f"{folder / KNOWLEDGE} is missing")
    assert str(shipped_model() / KNOWLEDGE) in warning
    assert popular(scoring) == popular(Scoring.load()) == [False, True]


def test_a_model_goes_by_the_knowledge_in_its_folder(folder: Path) -> None:
    small.write(folder)
    assert Scoring.load(folder).warnings == []
    assert popular(Scoring.load(folder)) == [True, False]
    (folder / KNOWLEDGE).unlink()
    with pytest.raises(ModelError, match=f"{KNOWLEDGE}: cannot be read"):
        Scoring.load(folder)
