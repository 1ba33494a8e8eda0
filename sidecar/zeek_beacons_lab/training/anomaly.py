"""Makes the anomaly model: an isolation forest on benign pairs, and what benign pairs left out get from it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import skl2onnx
import sklearn
from numpy.typing import NDArray
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score

from zeek_beacons.features import MODEL_FEATURES, SCHEMA_VERSION
from zeek_beacons.files import staged
from zeek_beacons.pairs import Ints
from zeek_beacons.scoring.anomaly import ANOMALY, ANOMALY_MANIFEST
from zeek_beacons.scoring.forest import inputs
from zeek_beacons_lab.training.examples import OF_BENIGN, Examples, Say, collect

TREES, SAMPLES = 64, 256
LEFT_OUT = 0.3  # share of the benign pairs that is not learned from
QUANTILES = 201  # of their figures, kept in the manifest
DIGITS = 6


def make(output: Path, pairs: int, seed: int, captures: Path | None, say: Say = print) -> Path:
    """Trains on synthetic benign pairs, and those of captures where given, and writes to the folder `output`.

    Raises InputError, OutputError.
    """
    examples = collect(pairs, seed, captures, say)
    rows = np.flatnonzero(examples.role == OF_BENIGN)
    shuffled = np.random.default_rng(seed).permutation(rows)
    out, learned = np.split(shuffled, [int(LEFT_OUT * len(rows))])
    matrix = inputs(examples.features)
    forest = IsolationForest(n_estimators=TREES, max_samples=min(SAMPLES, len(learned)), random_state=seed)
    forest.fit(matrix[learned])
    content = _onnx(forest)
    figures = np.quantile(-forest.decision_function(matrix[out]), np.linspace(0, 1, QUANTILES))
    say(f"{len(learned)} benign pairs learned from, {len(out)} left out")
    manifest = {
        "sha256": hashlib.sha256(content).hexdigest(),
        "feature_schema": SCHEMA_VERSION,
        "features": list(MODEL_FEATURES),
        "benign": np.round(figures, DIGITS).tolist(),
        "training": {
            "command": f"python -m zeek_beacons_lab anomaly -o MODEL --pairs {pairs} --seed {seed}"
            + (" --captures FOLDER" if captures else ""),
            "benign_pairs": len(learned),
            "left_out": len(out),
            "roc_auc_c2_against_benign_left_out": _auc(forest, matrix, examples, out),
            "versions": {"scikit-learn": sklearn.__version__, "skl2onnx": skl2onnx.__version__},
        },
    }
    say(json.dumps(manifest["training"]))
    with staged(output) as folder:
        (folder / ANOMALY).write_bytes(content)
        (folder / ANOMALY_MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return output / ANOMALY


def _auc(forest: IsolationForest, matrix: NDArray[np.float32], examples: Examples, out: Ints) -> float:
    """How well the figure alone ranks C2 above benign pairs that were left out."""
    c2 = np.flatnonzero(examples.is_c2)
    rows = np.concatenate([c2, out])
    return round(float(roc_auc_score(np.arange(len(rows)) < len(c2), -forest.decision_function(matrix[rows]))), 4)


def _onnx(forest: IsolationForest) -> bytes:
    kind = FloatTensorType([None, len(MODEL_FEATURES)])
    model = skl2onnx.to_onnx(forest, initial_types=[("features", kind)], target_opset={"": 17, "ai.onnx.ml": 3})
    model.graph.name = "anomaly"
    content: bytes = model.SerializeToString(deterministic=True)
    return content
