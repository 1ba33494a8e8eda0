"""The classifier of a model folder: ONNX, and a manifest that says what it is and how its figures are read.

Anything that does not match is refused. The pair model beside it is not touched and not needed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.classify.columns import FEATURES, SCHEMA
from zeek_beacons.errors import ModelError
from zeek_beacons.pairs import Floats, Ints
from zeek_beacons.scoring.forest import session_of

CLASSIFIER = "classifier.onnx"
CLASSIFIER_MANIFEST = "classifier.json"
VERSION = 1
CLASSES = ("normal", "scan", "recon", "brute_force", "c2")
NORMAL = 0
_LEAST = 1e-7  # a probability below is taken for this one


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """A checked classifier, ready to run."""

    session: Any
    temperature: float  # by which log-odds are divided; above 1: the model was too sure
    thresholds: Mapping[str, float]  # of each class but normal: from which probability a connection is of it
    host_thresholds: Mapping[str, float]  # the same where a host's connections are counted together
    host_false_shares: Mapping[str, float]  # which share of normal connections, left out in training, reaches those
    identity: str
    training: Mapping[str, Any]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads it from a model folder. Raises ModelError where it is missing, changed, or made for another program."""
        path = folder / CLASSIFIER_MANIFEST
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            content = (folder / CLASSIFIER).read_bytes()
        except (OSError, ValueError) as error:
            raise ModelError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
        try:
            told = (said["version"], said["schema"], tuple(said["features"]), tuple(said["classes"]))
            digest, temperature = said["sha256"], float(said["temperature"])
            levels, host_levels, host_shares = (
                {name: float(said[field][name]) for name in CLASSES[1:]}
                for field in ("thresholds", "host_thresholds", "host_false_shares")
            )
            training = dict(said["training"])
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"{path}: not a classifier's manifest: {error!r}") from error
        if told != (VERSION, SCHEMA, FEATURES, CLASSES):
            raise ModelError(f"{path}: version, features or classes differ from this program's; train it anew")
        if hashlib.sha256(content).hexdigest() != digest:
            raise ModelError(f"{folder / CLASSIFIER}: the manifest's sha256 is of another file")
        shares = (*levels.values(), *host_levels.values(), *host_shares.values())
        if not (0.01 <= temperature <= 100 and all(0 <= level <= 1 for level in shares)):
            raise ModelError(f"{path}: temperature, thresholds or false shares are out of range")
        session = session_of(content, str(folder / CLASSIFIER), threads=0)
        if session.get_inputs()[0].shape[-1] != len(FEATURES):
            raise ModelError(f"{folder / CLASSIFIER}: takes another number of columns than {len(FEATURES)}")
        return cls(session, temperature, levels, host_levels, host_shares, digest[:12], training)

    def probabilities(self, inputs: NDArray[np.float32]) -> Floats:
        """The calibrated chance of each class, (n, len(CLASSES)), rows add up to 1."""
        if not len(inputs):
            return np.zeros((0, len(CLASSES)))
        given = {self.session.get_inputs()[0].name: inputs}
        raw = self.session.run([self.session.get_outputs()[-1].name], given)[0]
        return cooled(np.asarray(raw, dtype=np.float64), self.temperature)

    def classes(self, probabilities: Floats) -> Ints:
        """The class of each row: the likeliest one among those that reach their thresholds, else normal."""
        return decided(probabilities, self.thresholds)


def cooled(probabilities: Floats, temperature: float) -> Floats:
    """Probabilities whose log-odds are divided by the temperature."""
    logs = np.log(np.clip(probabilities, _LEAST, 1.0)) / temperature
    shares: Floats = np.exp(logs - logs.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


def decided(probabilities: Floats, thresholds: Mapping[str, float]) -> Ints:
    """See `Classifier.classes`."""
    levels = np.array([thresholds[name] for name in CLASSES[1:]])
    found = probabilities[:, 1:]
    reached = np.where(found >= levels, found, -1.0)
    best = reached.argmax(axis=1)
    return np.where(reached.max(axis=1) >= 0, best + 1, NORMAL)
