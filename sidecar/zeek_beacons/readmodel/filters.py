"""What lists are asked for: which rows, in which order, how many."""

from __future__ import annotations

import ipaddress
import math
from dataclasses import dataclass

from zeek_beacons.errors import ConfigError
from zeek_beacons.store.keys import packed
from zeek_beacons.verdicts import KINDS, LABELS, SEVERITIES

MOST = 1000  # rows of a page
SORTS = ("score", "last_seen", "first_seen", "since", "connections", "sleep", "orig_h", "resp")
LONGEST = 255  # characters of a text that is searched for


@dataclass(frozen=True, slots=True)
class Filter:
    """Which pairs. All that is given must hold. Raises ConfigError (a message for people) for impossible values."""

    host: str = ""  # originator: an address, or a range such as 10.0.0.0/8
    resp: str = ""  # responder: an address, a range, a name, or `*.example.com`
    port: int | None = None
    severity: str = ""  # this one or a higher one
    kind: str = ""
    label: str = ""
    since: float | None = None  # last seen then or later
    min_score: float | None = None
    suppressed: bool | None = None
    incident: str = ""
    text: str = ""  # part of an address, a name or a service
    sensor: str = ""  # that sees the pair

    def __post_init__(self) -> None:
        for name, value, known in (
            ("severity", self.severity, SEVERITIES[1:]),
            ("kind", self.kind, KINDS),
            ("label", self.label, LABELS),
        ):
            if value and value not in known:
                raise ConfigError(f"{name} is {value!r}, expected one of {', '.join(known)}")
        if self.min_score is not None and not 0 <= self.min_score <= 1:
            raise ConfigError(f"min_score is {self.min_score}, expected 0 to 1")
        for name in ("host", "resp", "incident", "text", "sensor"):
            if len(getattr(self, name)) > LONGEST:
                raise ConfigError(f"{name} has {len(getattr(self, name))} characters, expected at most {LONGEST}")
            if "\0" in getattr(self, name) or _is_no_text(getattr(self, name)):
                raise ConfigError(f"{name} holds a character that no name has")
        if self.since is not None and not math.isfinite(self.since):
            raise ConfigError(f"since is {self.since}, expected a time")
        if self.port is not None and not 0 <= self.port <= 65_535:
            raise ConfigError(f"port is {self.port}, expected 0 to 65535")
        for name, given in (("host", self.host), ("resp", self.resp if "/" in self.resp else "")):
            try:
                span(given or "0.0.0.0")  # noqa: S104
            except ValueError as error:
                raise ConfigError(f"{name} is {given!r}, expected an address or a range such as 10.0.0.0/8") from error


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list, and its order. Raises ConfigError for impossible values."""

    offset: int = 0
    limit: int = 50
    sort: str = ""  # one of SORTS; "": worst first
    descending: bool = True

    def __post_init__(self) -> None:
        if self.offset < 0:
            raise ConfigError(f"offset is {self.offset}, expected 0 or more")
        if not 1 <= self.limit <= MOST:
            raise ConfigError(f"limit is {self.limit}, expected 1 to {MOST}")
        if self.sort and self.sort not in SORTS:
            raise ConfigError(f"sort is {self.sort!r}, expected one of {', '.join(SORTS)}")


def span(text: str) -> tuple[bytes, bytes]:
    """The first and the last address of a range, or of a single address, packed. Raises ValueError."""
    net = ipaddress.ip_network(text, strict=False)
    return packed(str(net.network_address)), packed(str(net.broadcast_address))


def _is_no_text(text: str) -> bool:
    """Whether it holds half a character, which no file can."""
    return any("\ud800" <= c <= "\udfff" for c in text)
