"""Every setting that changes results, with its default. Read once, passed down: file < environment < flag."""

from __future__ import annotations

import difflib
import hashlib
import ipaddress
import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from zeek_beacons.errors import ConfigError, SettingError
from zeek_beacons.locality import PRIVATE_NETS

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

S = TypeVar("S", bound="DataclassInstance")

PROFILES = ("conservative", "balanced", "sensitive")
DIRECTIONS = ("any", "from-local", "outbound", "inbound", "internal")

ENVIRONMENT = "ZEEK_BEACONS_"
# Variables that no settings file has: of the checkout's tests, which a developer may have set for all commands, and
# where and as whom lists ask another machine.
_OF_TESTS = (
    "CAPTURES",
    "FAULT_BACKEND",
    "FAULT_ROUNDS",
    "NEEDS_ATHERIS",
    "NEEDS_BROWSER",
    "NEEDS_SCHEMAS",
    "NEEDS_SPARK",
    "NEEDS_ZEEK",
)
NOT_SETTINGS = frozenset(f"{ENVIRONMENT}{name}" for name in (*_OF_TESTS, "TOKEN", "URL"))
OTHER_TABLES = ("sidecar", "alerts", "serve")  # of the settings file: read by whom they concern
TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True, slots=True)
class Config:
    """All settings, valid from creation on."""

    # Connections below which a pair is not scored: five gaps are the least that show a rhythm.
    min_connections: int = 5
    # Newest observations kept of each pair, the same number as the Zeek package's reservoir.
    max_observations: int = 512
    # Seconds after the end of an open TCP connection in which a mid-stream piece still continues it:
    # twice the longest keep-alive seen in practice (28 minutes).
    merge_gap: float = 3600.0
    # Which connections are looked at, by whether the two ends are local: see DIRECTIONS.
    direction: str = "any"
    # Networks that count as local.
    local_nets: tuple[str, ...] = PRIVATE_NETS
    # Seconds from which on a connection that stays open is told of, whatever its pair's rhythm.
    long_after: float = 86_400.0
    # Which of the model's thresholds makes an alert: see PROFILES.
    profile: str = "balanced"
    # Score from which a pair alerts, above 0 to 1, in place of the profile's threshold; 0: the profile's holds.
    threshold: float = 0.0
    # What columns of a CSV or Parquet file are, where their headings are not known: texts "field=column".
    map: tuple[str, ...] = ()
    # Files of indicators: plain lines, CSV, Zeek's Intel framework, MISP, STIX 2.1.
    intel: tuple[str, ...] = ()
    # Databases in MaxMind's format that tell an address's autonomous system and country.
    mmdb: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _at_least("min_connections", self.min_connections, 3)
        _at_least("max_observations", self.max_observations, 8)
        if self.max_observations > 1_000_000:
            raise SettingError("max_observations", f"is {self.max_observations}, expected at most 1000000")
        if self.min_connections > self.max_observations:
            raise SettingError(
                "min_connections", f"is {self.min_connections}, over max_observations ({self.max_observations})"
            )
        if not 0 <= self.merge_gap <= 86_400:
            raise SettingError("merge_gap", f"is {self.merge_gap}, expected 0 to 86400 seconds")
        if not self.long_after >= 60:
            raise SettingError("long_after", f"is {self.long_after}, expected at least 60 seconds")
        _one_of("direction", self.direction, DIRECTIONS)
        _one_of("profile", self.profile, PROFILES)
        if not 0 <= self.threshold <= 1:
            raise SettingError("threshold", f"is {self.threshold}, expected above 0 to 1, or 0 for the profile's")
        for text in self.map:
            if not all(part.strip() for part in (text.partition("=")[0], text.partition("=")[2])):
                raise SettingError("map", f"has {text!r}, expected field=column")
        for net in self.local_nets:
            try:
                ipaddress.ip_network(net)
            except ValueError as error:
                raise SettingError("local_nets", f"has {net!r}, which is not a subnet ({error})") from error

    @property
    def digest(self) -> str:
        """A short text that is the same for the same settings."""
        told = json.dumps(asdict(self), sort_keys=True)
        return hashlib.blake2b(told.encode(), digest_size=6).hexdigest()

    @classmethod
    def load(
        cls,
        file: Path | None = None,
        environ: Mapping[str, str] = os.environ,
        flags: Mapping[str, Any] | None = None,
    ) -> Self:
        """Settings from a TOML file, then `ZEEK_BEACONS_<NAME>` variables, then flags; None means not given."""
        given = {name: value for name, value in read_toml(file).items() if name not in OTHER_TABLES} if file else {}
        others = tuple(f"{ENVIRONMENT}{table.upper()}_" for table in OTHER_TABLES)
        refuse_unknown(
            cls, ENVIRONMENT, {name: value for name, value in environ.items() if not name.startswith(others)}
        )
        return layered(cls, str(file), given, ENVIRONMENT, environ, flags)


def read_toml(file: Path) -> dict[str, Any]:
    """The content of a settings file. Raises ConfigError."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: not valid TOML: {error}") from error


def layered(
    cls: type[S],
    file: str,
    given: Mapping[str, Any],
    prefix: str,
    environ: Mapping[str, str],
    flags: Mapping[str, Any] | None,
) -> S:
    """An instance of a settings class: `given` by the file < variables with this prefix < flags that are not None.

    Every field has a default, and its type is the default's. The class raises SettingError for a value it refuses.
    Raises ConfigError, which names setting and source.
    """
    kinds = {field.name: type(getattr(cls(), field.name)) for field in fields(cls)}
    layers: list[tuple[str, str, Any]] = [(name, file, value) for name, value in given.items()]
    layers += [
        (name, f"{prefix}{name.upper()}", environ[f"{prefix}{name.upper()}"])
        for name in kinds
        if f"{prefix}{name.upper()}" in environ
    ]
    layers += [(name, "command line", value) for name, value in (flags or {}).items() if value is not None]
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for name, source, value in layers:
        try:
            values[name], sources[name] = _convert(kinds, name, value), source
        except ConfigError as error:
            raise ConfigError(f"{error} ({source})") from error
    try:
        return replace(cls(), **values)
    except SettingError as error:
        given_by = sources.get(error.setting)
        raise ConfigError(f"{error} ({given_by})" if given_by else str(error)) from error


def refuse_unknown(cls: type[S], prefix: str, environ: Mapping[str, str]) -> None:
    """Refuses a variable with this prefix that is no setting, as a file's unknown setting is. Raises ConfigError."""
    known = [f"{prefix}{field.name.upper()}" for field in fields(cls)]
    unknown = sorted(name for name in environ if name.startswith(prefix) and name not in {*known, *NOT_SETTINGS})
    if unknown:
        near = difflib.get_close_matches(unknown[0], known, 1, 0.0)[0]
        raise ConfigError(f"{unknown[0]} is no setting; the nearest one is {near} (unset it, or rename it)")


def _convert(kinds: Mapping[str, type], name: str, value: Any) -> Any:
    if name not in kinds:
        raise ConfigError(f"unknown setting {name!r}, expected one of {', '.join(kinds)}")
    kind = kinds[name]
    if kind is tuple:
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, (list, tuple)) or not all(isinstance(part, str) for part in parts):
            raise ConfigError(f"{name} is {value!r}, expected a list of texts")
        return tuple(part.strip() for part in parts)
    if kind is bool:
        truth = TRUTHS.get(str(value).lower())
        if truth is None:
            raise ConfigError(f"{name} is {value!r}, expected true or false")
        return truth
    try:
        converted = kind(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise ConfigError(f"{name} is {value!r}, expected {kind.__name__}") from error
    if isinstance(value, bool) or (isinstance(value, float) and converted != value and value == value):
        raise ConfigError(f"{name} is {value!r}, expected {kind.__name__}")
    return converted


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise SettingError(name, f"is {value}, expected at least {least}")


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise SettingError(name, f"is {value!r}, expected one of {', '.join(known)}")
