"""The model folder: ONNX files and the manifest that says what they are, what they need, and how to read them.

Nothing but ONNX, JSON and plain arrays is ever loaded. Anything that does not match is refused.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from zeek_beacons.config import PROFILES
from zeek_beacons.errors import ModelError
from zeek_beacons.features import MODEL_FEATURES, SCHEMA_VERSION
from zeek_beacons.files import shipped_models
from zeek_beacons.scoring.calibration import Calibration, is_calibration
from zeek_beacons.scoring.context_term import CODES, INDICATORS, ContextTerm
from zeek_beacons.scoring.evidence import EvidenceTable
from zeek_beacons.scoring.site import AlertRates

MANIFEST = "manifest.json"
MANIFEST_VERSION = 3
FOREST = "beacon_forest.onnx"
GOLDEN = "golden.npz"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a model is: the forest's file and features, thresholds by profile, the evidence it needs, its origin."""

    forest_sha256: str
    features: tuple[str, ...]
    feature_schema: int
    thresholds: Mapping[str, float]
    weights: Mapping[str, float]  # of the scorers in the fusion, by name, together 1
    evidence: EvidenceTable
    calibration: Calibration  # of the fused score
    alert_rates: AlertRates
    training: Mapping[str, Any]  # command, seed, data, versions, out-of-bag figures
    version: int = MANIFEST_VERSION
    golden_sha256: str | None = None  # see golden.py; None for a model without
    context: ContextTerm | None = None  # None for a model that scores the rhythm alone

    def to_json(self) -> str:
        """The manifest as it lies beside the model; the same manifest gives the same bytes."""
        content = {
            "version": self.version,
            "forest": {"file": FOREST, "sha256": self.forest_sha256},
            **({"golden": {"file": GOLDEN, "sha256": self.golden_sha256}} if self.golden_sha256 else {}),
            "feature_schema": self.feature_schema,
            "features": list(self.features),
            "thresholds": dict(self.thresholds),
            "weights": dict(self.weights),
            **({"context": _plain(self.context)} if self.context else {}),
            "evidence": [list(row) for row in self.evidence],
            "alert_rates": [list(row) for row in self.alert_rates],
            "calibration": [list(knot) for knot in self.calibration],
            "training": self.training,
        }
        return json.dumps(content, indent=2) + "\n"

    @classmethod
    def from_json(cls, text: str, path: Path) -> Self:
        """Reads and checks a manifest. Raises ModelError naming the field that is wrong."""
        try:
            content = json.loads(text)
            manifest = cls(
                forest_sha256=content["forest"]["sha256"],
                features=tuple(content["features"]),
                feature_schema=content["feature_schema"],
                thresholds={profile: float(content["thresholds"][profile]) for profile in PROFILES},
                weights={str(name): float(weight) for name, weight in content["weights"].items()},
                evidence=tuple((float(jitter), int(needed)) for jitter, needed in content["evidence"]),
                calibration=tuple((float(score), float(chance)) for score, chance in content["calibration"]),
                alert_rates=tuple((float(score), float(rate)) for score, rate in content["alert_rates"]),
                training=content["training"],
                version=content["version"],
                golden_sha256=content["golden"]["sha256"] if "golden" in content else None,
                context=_context(content["context"]) if "context" in content else None,
            )
        except KeyError as error:
            raise ModelError(f"{path}: field {error} is missing") from error
        except (TypeError, ValueError, AttributeError) as error:
            raise ModelError(f"{path}: not a model manifest: {error}") from error
        manifest._check(path)
        return manifest

    def _check(self, path: Path) -> None:
        if self.version != MANIFEST_VERSION:
            raise ModelError(f"{path}: version is {self.version}, this program reads {MANIFEST_VERSION}")
        if self.feature_schema != SCHEMA_VERSION:
            raise ModelError(
                f"{path}: feature_schema is {self.feature_schema}, this program computes {SCHEMA_VERSION}; "
                "train the model anew with `python -m zeek_beacons_lab train`"
            )
        if self.features != MODEL_FEATURES:
            raise ModelError(f"{path}: features differ from this program's: {_first_difference(self.features)}")
        if not self.evidence:
            raise ModelError(f"{path}: evidence is empty")
        if not np.isfinite([number for row in (*self.evidence, *self.alert_rates) for number in row]).all():
            raise ModelError(f"{path}: evidence or alert_rates hold what is no number")
        if not np.isfinite(list(self.weights.values())).all():
            raise ModelError(f"{path}: weights are {dict(self.weights)}, expected numbers")
        if any(weight < 0 for weight in self.weights.values()) or abs(sum(self.weights.values()) - 1) > 1e-9:
            raise ModelError(f"{path}: weights are {dict(self.weights)}, expected numbers that add up to 1")
        if not is_calibration(self.calibration):
            raise ModelError(
                f"{path}: calibration is {self.calibration}, expected pairs that rise from (0, 0) to (1, 1)"
            )
        for profile, threshold in self.thresholds.items():
            if not 0 <= threshold <= 1:
                raise ModelError(f"{path}: thresholds.{profile} is {threshold}, expected 0 to 1")


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A checked model: the manifest and the bytes of the files it vouches for."""

    path: Path
    manifest: Manifest
    forest: bytes
    golden: bytes | None = None  # see golden.py

    @property
    def identity(self) -> str:
        """A short name for this very model, for logs and verdicts."""
        return self.manifest.forest_sha256[:12]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Reads a model folder. Raises ModelError when a file is missing, changed, or made for another program."""
        path = folder / MANIFEST
        try:
            manifest = Manifest.from_json(path.read_text(encoding="utf-8"), path)
            forest = (folder / FOREST).read_bytes()
            golden = (folder / GOLDEN).read_bytes() if manifest.golden_sha256 else None
        except OSError as error:
            raise ModelError(f"{error.filename}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise ModelError(f"{path}: not UTF-8 text") from error
        _check_digest(folder / FOREST, forest, manifest.forest_sha256)
        if golden is not None:
            _check_digest(folder / GOLDEN, golden, manifest.golden_sha256)
        return cls(folder, manifest, forest, golden)


def shipped_model() -> Path:
    """The folder of the model that comes with this package."""
    return shipped_models()


def _plain(context: ContextTerm) -> dict[str, Any]:
    """The context term as the manifest shows it: each weight with what it means."""
    return {
        "offset": context.offset,
        "slope": context.slope,
        "indicators": {
            one.code: {"log_odds": round(one.sign * context.weights[one.code], 4), "means": one.meaning}
            for one in INDICATORS
        },
    }


def _context(content: Mapping[str, Any]) -> ContextTerm:
    """Reads it back. Raises KeyError, TypeError, ValueError."""
    odds = {one.code: one.sign * float(content["indicators"][one.code]["log_odds"]) for one in INDICATORS}
    wrong = [*(set(content["indicators"]) - set(CODES)), *(code for code, weight in odds.items() if not weight >= 0)]
    if wrong:
        raise ValueError(f"context.indicators.{wrong[0]} is not one of this program's, or has the wrong sign")
    offset, slope = float(content["offset"]), float(content["slope"])
    if not np.isfinite([offset, slope, *odds.values()]).all() or slope <= 0:
        raise ValueError(f"context.offset is {offset}, context.slope {slope}: expected numbers, the slope above 0")
    return ContextTerm(offset, slope, odds)


def _check_digest(path: Path, content: bytes, expected: str | None) -> None:
    digest = hashlib.sha256(content).hexdigest()
    if digest != expected:
        raise ModelError(f"{path}: sha256 is {digest[:12]}…, the manifest says {str(expected)[:12]}…")


def _first_difference(features: Sequence[str]) -> str:
    for position, (found, expected) in enumerate(zip(features, MODEL_FEATURES, strict=False)):
        if found != expected:
            return f"number {position} is {found!r}, expected {expected!r}"
    return f"{len(features)} features, expected {len(MODEL_FEATURES)}"
