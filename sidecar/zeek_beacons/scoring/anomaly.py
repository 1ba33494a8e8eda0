"""How unlike benign pairs a pair is: an isolation forest on benign pairs, run by onnxruntime. Beside the verdict.

The forest's own figure means nothing by itself; the manifest beside it holds what benign pairs got that it did not
learn from, so that a pair's risk does not depend on the batch it stands in: the share of those that are less unlike.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from zeek_beacons.errors import ModelError
from zeek_beacons.features import MODEL_FEATURES, SCHEMA_VERSION, Features
from zeek_beacons.pairs import Floats
from zeek_beacons.scoring.forest import inputs, session_of

ANOMALY = "anomaly.onnx"
ANOMALY_MANIFEST = "anomaly.json"


@dataclass(frozen=True, slots=True, eq=False)
class Anomaly:
    """The isolation forest of a model folder."""

    session: Any
    benign: Floats  # figures of benign pairs that were left out, ascending

    @classmethod
    def load(cls, folder: Path) -> Self | None:
        """The forest of a model folder; None where the folder has none. Raises ModelError where it does not fit."""
        manifest = folder / ANOMALY_MANIFEST
        if not manifest.is_file():
            return None
        try:
            said = json.loads(manifest.read_text(encoding="utf-8"))
            content = (folder / ANOMALY).read_bytes()
            benign = np.array(said["benign"], dtype=np.float64)
            told = (said["sha256"], said["feature_schema"], tuple(said["features"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{manifest}: cannot be read: {error}") from error
        if told != (hashlib.sha256(content).hexdigest(), SCHEMA_VERSION, MODEL_FEATURES) or not len(benign):
            raise ModelError(f"{manifest}: does not fit {ANOMALY} or this program's features")
        return cls(session_of(content, str(folder / ANOMALY), threads=1), np.sort(benign))

    def risk(self, features: Features) -> Floats:
        """The share of benign pairs that are less unlike, (n,), 0 to 1."""
        if not len(features.matrix):
            return np.zeros(0)
        figure = self.figures(features)
        share: Floats = np.searchsorted(self.benign, figure, side="left") / len(self.benign)
        return share

    def figures(self, features: Features) -> Floats:
        """The forest's own figures, (n,): higher is more unlike."""
        given = {self.session.get_inputs()[0].name: inputs(features)}
        values = self.session.run([self.session.get_outputs()[-1].name], given)[0]
        figures: Floats = -np.asarray(values, dtype=np.float64).reshape(-1)
        return figures
