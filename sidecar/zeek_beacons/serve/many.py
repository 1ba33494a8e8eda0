"""What a console over many sensors is made of: the fleet it asks, and the files of operators that it may write to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from zeek_beacons.errors import InputError
from zeek_beacons.fleet.fleet import Fleet
from zeek_beacons.fleet.named import SensorSource, sources, tokens
from zeek_beacons.fleet.remote import Bounds, RemoteModel, trust_of
from zeek_beacons.fleet.sensor import FileModel, Sensor
from zeek_beacons.operator_file import FILE_NAME
from zeek_beacons.operator_file.store import OperatorStore
from zeek_beacons.readmodel.database import find
from zeek_beacons.serve.settings import ServeConfig
from zeek_beacons.serve.surface import Shown, Surface


def fleet_of(own: ServeConfig) -> Fleet:
    """The sensors that the settings name. Raises ConfigError."""
    given = sources(own.source)
    keys = tokens(Path(own.source_tokens), [one.name for one in given]) if own.source_tokens else {}
    bounds = Bounds(own.source_seconds, own.source_megabytes * 1_000_000)
    trust = trust_of(own.source_ca, "source_ca") if any(one.place.startswith("https://") for one in given) else None

    def model(one: SensorSource) -> RemoteModel | FileModel:
        if one.is_url:
            return RemoteModel(one.name, one.place, keys.get(one.name, ""), trust, bounds)
        return FileModel(_file(one))

    sensors = [Sensor(one, model(one), own.source_rows, own.source_seconds) for one in given]
    return Fleet(sensors, own.source_rows, own.source_seconds)


def with_operators(surface: Surface) -> Surface:
    """The same, and for each file with an operator file beside it what writes to that one."""
    return replace(surface, operated=_operated(surface))


def _operated(surface: Surface) -> Mapping[str, Surface]:
    made = {}
    for source in sources(surface.settings.source):
        if source.is_url:
            continue
        file = _file(source)
        beside = file.with_name(FILE_NAME)
        if beside.is_file() and beside != surface.store.path:
            made[source.name] = replace(surface, model=Shown(file), store=OperatorStore(beside), fleet=None)
    return made


def _file(source: SensorSource) -> Path:
    try:
        return find(Path(source.place))
    except InputError:  # it may come later
        return Path(source.place)
