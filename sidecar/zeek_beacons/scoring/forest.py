"""The random forest, run by onnxruntime."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.errors import ModelError
from zeek_beacons.features import CATALOGUE, Features
from zeek_beacons.pairs import Floats
from zeek_beacons.scoring.model import ModelFolder
from zeek_beacons.scoring.one_output import one_output

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

# What the trees see where a feature is undefined: below the range of every feature, so that a split can set it apart.
MISSING = np.float32(-1e6)

_MODEL_COLUMNS = np.flatnonzero([feature.model for feature in CATALOGUE])


def inputs(features: Features) -> NDArray[np.float32]:
    """The model's input, (n, len(MODEL_FEATURES)): the same for training and for scoring."""
    matrix = features.matrix.take(_MODEL_COLUMNS, axis=1)
    np.copyto(matrix, MISSING, where=np.isnan(matrix))
    return matrix


def session_of(content: bytes, called: str, threads: int) -> InferenceSession:
    """An ONNX model, ready to run on so many threads (0: one a core). Raises ModelError, which names it."""
    # onnxruntime's wheels report to their maker, from the import on. A detector on a sensor calls nobody.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    import onnxruntime as ort  # not by those who only read what was scored

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    # A thread that waits for another one sleeps: what else there is to do needs its core.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime raises its own undocumented kinds
        raise ModelError(f"{called}: onnxruntime cannot load it: {error}") from error


class Forest:
    """Scores features with the forest of a model folder."""

    def __init__(self, model: ModelFolder, threads: int = 0) -> None:
        """`threads`: of onnxruntime, 0 for one a core. Raises ModelError where the file is no forest of ours."""
        self._session = session_of(one_output(model.forest) or model.forest, f"{model.path}: the forest", threads)
        given = self._session.get_inputs()
        width = len(_MODEL_COLUMNS)
        if len(given) != 1 or given[0].shape[-1] != width:
            raise ModelError(
                f"{model.path}: the forest takes {[i.shape for i in given]}, expected one input of {width}"
            )
        self._input = given[0].name
        self._output = self._session.get_outputs()[-1].name

    def score(self, features: Features) -> Floats:
        """Share of the trees' votes for beacon, (n,), 0 to 1."""
        if not len(features.matrix):
            return np.zeros(0)
        votes = self._session.run([self._output], {self._input: inputs(features)})[0]
        scores: Floats = np.clip(votes[:, -1].astype(np.float64), 0.0, 1.0)
        return scores
