"""A trained model as files: weights as safetensors, and a manifest with their hash. Nothing here runs what it reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from zeek_beacons.errors import ModelError
from zeek_beacons.forecast.windows import AGGREGATES, CALENDAR

WEIGHTS, MANIFEST = "model-weights.safetensors", "model-manifest.json"
VERSION = 1


def save(folder: Path, weights: Mapping[str, Any], shape: Mapping[str, Any], more: Mapping[str, Any]) -> None:
    """Writes weights and manifest."""
    data = save_tensors({name: tensor.contiguous() for name, tensor in weights.items()})
    manifest = {
        "version": VERSION,
        "shape": dict(shape),
        "aggregates": list(AGGREGATES),
        "calendar": list(CALENDAR),
        "sha256": {WEIGHTS: hashlib.sha256(data).hexdigest()},
        "made_with": {name: version(name) for name in ("torch", "transformers", "safetensors")},
        **more,
    }
    (folder / WEIGHTS).write_bytes(data)
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")


def load(folder: Path, shape: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Manifest and weights, where they are what they were when kept and fit this version. Raises ModelError."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        data = (folder / WEIGHTS).read_bytes()
        said = (manifest["version"], manifest["shape"], manifest["aggregates"], manifest["calendar"])
        digest, learned = manifest["sha256"][WEIGHTS], manifest["learned"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder}: holds no kept forecast model: {error}") from error
    if digest != hashlib.sha256(data).hexdigest():
        raise ModelError(f"{folder / WEIGHTS}: changed since it was kept: its SHA-256 is not that of {MANIFEST}")
    if said != (VERSION, dict(shape), list(AGGREGATES), list(CALENDAR)) or not isinstance(learned, dict):
        raise ModelError(f"{folder / MANIFEST}: made for other windows or another shape of model")
    return manifest, load_tensors(data)
