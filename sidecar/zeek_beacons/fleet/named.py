"""What sensors are called, and what their pairs are called in a console over several of them: `NAME~ID`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib import parse

from zeek_beacons.errors import ConfigError, SettingError
from zeek_beacons.files import secret_text

BETWEEN = "~"
MOST = 200  # sensors
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")
_GIVEN = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,39})=(.+)")
_SCHEMES = ("http://", "https://")


@dataclass(frozen=True, slots=True)
class SensorSource:
    """Where a sensor is read: `place` is a file, a folder with one, or the address of its `serve`."""

    name: str
    place: str

    @property
    def is_url(self) -> bool:
        """Whether another `serve` is asked."""
        return self.place.startswith(_SCHEMES)


def sources(given: Sequence[str]) -> list[SensorSource]:
    """From texts `[NAME=]URL|FILE`. Raises SettingError."""
    found = [_source(text) for text in given]
    if len(found) > MOST:
        raise SettingError("source", f"has {len(found)} sensors, expected at most {MOST}")
    names = [one.name for one in found]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise SettingError("source", f"has two sensors called {twice}: give them names, NAME=URL or NAME=FILE")
    return found


def _source(text: str) -> SensorSource:
    named = _GIVEN.fullmatch(text)
    source = SensorSource(named[1], named[2]) if named else SensorSource(_named_after(text), text)
    parts = parse.urlsplit(source.place)
    if source.is_url and (not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment):
        raise SettingError("source", f"has {_without_user(text)!r}, expected [NAME=]https://HOST:PORT")
    if not source.is_url and "://" in source.place:
        raise SettingError("source", f"has {_without_user(text)!r}, expected http:// or https://, or a file")
    if not _NAME.fullmatch(source.name):
        raise SettingError("source", f"has {text!r}, which gives no name; say NAME={text}")
    return source


def _named_after(place: str) -> str:
    """The machine of an address; of a file its folder, since most histories are called the same."""
    if place.startswith(_SCHEMES):
        parts = parse.urlsplit(place)
        return (parts.hostname or "").replace(":", "-").strip("-")
    path = Path(place)
    return path.absolute().parent.name if path.suffix in (".db", ".sqlite") else path.absolute().name


def _without_user(text: str) -> str:
    """An address without what may be a password."""
    return re.sub(r"//[^/]*@", "//...@", text)


def tokens(file: Path, names: Sequence[str]) -> Mapping[str, str]:
    """Tokens by sensor, from a file with lines `NAME=TOKEN` that only its owner may read. Raises ConfigError."""
    found = {}
    for number, line in enumerate(secret_text(file).splitlines(), 1):
        name, _, token = map(str.strip, line.partition("="))
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if name not in names:
            raise ConfigError(f"{file}:{number}: {name[:40]!r} is no sensor, expected one of {', '.join(names)}")
        if not token.isascii() or not token.isprintable() or not token:
            raise ConfigError(f"{file}:{number}: expected NAME=TOKEN")
        found[name] = token
    return found


def told_apart(sensor: str, id: str) -> str:  # noqa: A002
    """What a sensor's pair is called here."""
    return f"{sensor}{BETWEEN}{id}"


def parted(id: str) -> tuple[str, str]:  # noqa: A002
    """Sensor and own id of a pair; the sensor is "" where the id names none."""
    sensor, _, own = id.rpartition(BETWEEN)
    return sensor, own
