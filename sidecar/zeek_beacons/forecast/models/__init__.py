"""The forecasters by name: one file each, imported only when it is asked for."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from zeek_beacons.errors import ConfigError
from zeek_beacons.forecast.models.forecaster import Forecaster

MODELS = {
    "light": "zeek_beacons.forecast.models.light:SeasonalQuantiles",
    "transformer": "zeek_beacons.forecast.models.transformer:Transformer",
}


def load(name: str, seed: int, trained: Path | None = None) -> Forecaster:
    """A forecaster that has learned nothing yet, or what lies in a folder. Raises ConfigError, ModelError.

    ConfigError also where what it needs is not installed.
    """
    if name not in MODELS:
        raise ConfigError(f"--model is {name!r}, expected one of {', '.join(MODELS)}")
    if trained is not None and name != "transformer":
        raise ConfigError(f"--trained: model {name} learns anew in every run")
    module, kind = MODELS[name].split(":")
    try:
        made: Forecaster = getattr(import_module(module), kind)(*([seed] if trained is None else [seed, trained]))
    except ModuleNotFoundError as error:
        raise ConfigError(f"--model {name}: {error.name} is missing, pip install 'zeek-beacons[forecast]'") from error
    return made
