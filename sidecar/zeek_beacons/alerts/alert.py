"""What every sink says of one incident: made once, kept as JSON until each sink has it, the same in all of them."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Mapping
from dataclasses import Field, asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from types import NoneType
from typing import Any, Self

from zeek_beacons.reports.facts import PairFacts
from zeek_beacons.verdicts import KINDS, SEVERITIES

VERSION = 1  # of the JSON
BEACON, STOPPED = EVENTS = ("beacon", "stopped")
LONGEST = 2000  # characters of one text
LARGEST = 2**63  # number
# What a field of this annotation is in JSON, beside the lists of texts.
_JSON_KINDS: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "int | None": (int, NoneType),
    "float": (int, float),
    "float | None": (int, float, NoneType),
}


@dataclass(frozen=True, slots=True)
class Alert:
    """An incident that reached a level, or that stopped, told by one of its pairs. Texts are printable, on one line."""

    event: str  # one of EVENTS
    time: float  # when it was concluded, seconds since the epoch
    incident: str
    kind: str  # as verdicts.KINDS
    severity: str  # as verdicts.SEVERITIES, never empty
    level: int  # 1 to 4: the severity
    score: float | None  # 0 to 1
    sleep: float | None  # seconds
    jitter: float | None  # 0 to 1
    summary: str
    orig_h: str
    resp: str  # address or server name
    resp_p: int
    proto: str
    channel: str  # one of keys.CHANNELS
    addr: str  # the responder's address
    service: str
    model: str
    facts: PairFacts
    reasons: tuple[str, ...] = ()
    pairs: int = 1  # of the incident
    id: str = field(default="", init=False)  # the same wherever the same is told of the same connections

    def __post_init__(self) -> None:
        for one in fields(self):
            object.__setattr__(self, one.name, _clean(getattr(self, one.name)))
        cleaned = {one.name: _clean(getattr(self.facts, one.name)) for one in fields(self.facts)}
        object.__setattr__(self, "facts", replace(self.facts, **cleaned))
        told = (self.event, self.incident, str(self.level), self.facts.last_seen)
        object.__setattr__(self, "id", hashlib.blake2b("\t".join(told).encode(), digest_size=16).hexdigest())

    @property
    def when(self) -> datetime:
        """When it was concluded."""
        return datetime.fromtimestamp(self.time, UTC)

    @property
    def title(self) -> str:
        """What it is, in a few words without names from the network."""
        return f"{'C2 beacon stopped' if self.event == STOPPED else 'C2 beacon'} ({self.severity})"

    @property
    def server(self) -> str:
        """The responder's name where one is known, else its address."""
        return self.facts.name or self.resp

    def as_dict(self) -> dict[str, Any]:
        """Plain data, the facts beside the rest; what is not known is None."""
        told = asdict(self)
        facts: dict[str, Any] = told.pop("facts")
        return {"v": VERSION, "id": told.pop("id")} | told | facts

    def to_json(self) -> str:
        """The same as one line of JSON, ASCII."""
        return json.dumps(self.as_dict(), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The alert that `to_json` wrote, without facts that came later. Raises ValueError where the text is none."""
        try:
            given = json.loads(text)
            told = {one.name: _checked(one, given) for one in fields(PairFacts) if one.name in given}
            own = {one.name: _checked(one, given) for one in fields(cls) if one.init and one.name != "facts"}
            made = cls(facts=PairFacts(**told), **own)
            made._check()
        except (KeyError, TypeError, OverflowError, OSError, RecursionError) as error:
            raise ValueError(f"no alert of this version: {error}") from error
        return made

    def _check(self) -> None:
        """Raises ValueError, OverflowError or OSError where a value is none that a format could tell."""
        if self.event not in EVENTS or self.kind not in KINDS or self.severity not in SEVERITIES[1:]:
            raise ValueError(f"no alert of this version: {self.event}, {self.kind}, {self.severity}")
        if not 1 <= self.level < len(SEVERITIES):
            raise ValueError(f"no alert of this version: level {self.level}")
        for moment in (self.when.isoformat(), self.facts.first_seen, self.facts.last_seen):
            milliseconds(moment)


def stopped(alert: Alert, now: float, quiet: str) -> Alert:
    """The alert that the same incident has stopped. `quiet`: for how long nothing was seen, in words."""
    return replace(alert, event=STOPPED, time=now, summary=f"no check-in for {quiet}: {alert.summary}")


def present(told: Mapping[str, Any]) -> dict[str, Any]:
    """A tree of plain data without what is None, "" or empty."""
    kept = {name: present(value) if isinstance(value, Mapping) else value for name, value in told.items()}
    return {name: value for name, value in kept.items() if value not in (None, "", {}, [], ())}


def is_address(text: str) -> bool:
    """Whether a text is an IP address, the only thing that fields for one take."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def milliseconds(iso: str) -> int | None:
    """A time of the facts as milliseconds since the epoch; None where it is not known."""
    return round(1000 * datetime.fromisoformat(iso).timestamp()) if iso else None


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return "".join(c if c.isprintable() else "?" for c in value[:LONGEST])
    return tuple(map(_clean, value)) if isinstance(value, tuple) else value


def _checked(one: Field[Any], given: Mapping[str, Any]) -> Any:
    """A field's value in the JSON. Raises KeyError where it is missing, ValueError where it is of another kind."""
    value = given[one.name]
    if one.type == "tuple[str, ...]" and isinstance(value, list) and all(isinstance(text, str) for text in value):
        return tuple(value)
    if isinstance(value, bool) or not isinstance(value, _JSON_KINDS.get(str(one.type), ())):
        raise ValueError(f"no alert of this version: {one.name}")
    if isinstance(value, (int, float)) and not abs(value) <= LARGEST:
        raise ValueError(f"no alert of this version: {one.name} is out of range")
    return value
