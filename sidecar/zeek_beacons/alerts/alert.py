"""What every sink says of one incident: made once, kept as JSON until each sink has it, the same in all of them."""

from __future__ import annotations

import hashlib
import ipaddress
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, Self

from zeek_beacons.reports.facts import PairFacts

VERSION = 1  # of the JSON
BEACON, STOPPED = EVENTS = ("beacon", "stopped")
LONGEST = 2000  # characters of one text


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
            told = {one.name: _tuple(given[one.name]) for one in fields(PairFacts) if one.name in given}
            own = {one.name: _tuple(given[one.name]) for one in fields(cls) if one.init and one.name != "facts"}
            return cls(facts=PairFacts(**told), **own)
        except (KeyError, TypeError) as error:
            raise ValueError(f"no alert of this version: {error}") from error


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


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
