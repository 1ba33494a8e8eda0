"""What lists are made of. Times are seconds since the epoch; what is not known is None or "", never 0.

Names come from the network: whoever shows them escapes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A page of a list, and how many rows there are in all."""

    rows: tuple[T, ...]
    total: int


@dataclass(frozen=True, slots=True)
class PairRow:
    """A pair with its newest verdict."""

    id: str  # 16 hexadecimal digits, the same for the same key everywhere
    orig_h: str
    resp: str  # address or server name; of a group of pairs a text that begins with `group:`
    resp_p: int
    proto: str
    channel: str  # one of keys.CHANNELS
    addr: str  # the responder's newest address
    service: str
    name: str  # what the server is called, "" where it has no name
    kind: str  # one of verdicts.KINDS
    label: str  # one of verdicts.LABELS
    severity: str  # one of verdicts.SEVERITIES, also of a beacon that is kept quiet; "" where it is none
    level: int  # 1 to 4 where it alerts, else 0
    score: float | None  # 0 to 1; None where it was not scored
    probability: float | None  # the score where it is calibrated
    threshold: float  # what the score had to reach
    near_miss: bool  # just below the threshold, and nothing else keeps it from alerting
    suppressed: str  # one of verdicts.SUPPRESSIONS
    allowed_by: str  # `file:line: text` of the allow-list, where that keeps it quiet and is known
    sleep: float | None  # seconds
    jitter: float | None  # 0 to 1
    incident: str  # id of the incident that it alerts in, or last did; "" for none
    first_seen: float | None
    last_seen: float | None
    since: float | None  # when it first alerted
    judged: float | None  # when this verdict was made
    connections: int  # seen in all
    evidence: int  # connections held
    needed: int  # check-ins that a verdict on this kind of rhythm needs
    stopped: bool  # it alerts, and was not heard of for many sleeps
    model: str
    sensor: str
    spark: tuple[int, ...]  # connections held in 24 equal parts of the time from `spark_begin` to `last_seen`
    spark_begin: float | None


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """Pairs that are one finding."""

    id: str
    kind: str
    severity: str  # of its severest member
    level: int
    score: float | None  # of its head, the member with the highest score
    head: PairRow
    members: int  # pairs
    hosts: int
    servers: int
    connections: int
    began: float | None  # when its first member alerted
    first_seen: float | None
    last_seen: float | None
    stopped: bool  # all members have
    joined: tuple[str, ...]  # names of incidents that turned out to be this one
    summary: str  # a sentence
    sensors: tuple[str, ...] = ()  # that see its members


@dataclass(frozen=True, slots=True)
class IncidentDetail:
    """An incident with its members, the strongest first, at most `readmodel.incidents.MOST_MEMBERS`."""

    incident: IncidentRow
    members: tuple[PairRow, ...]


@dataclass(frozen=True, slots=True)
class HostRow:
    """An originator by combined risk: 1 - product of (1 - score) over the incidents that it is in."""

    host: str
    combined_risk: float
    beacons: int  # incidents that it is in
    pairs: int  # scored pairs that nothing keeps quiet
    severity: str  # of its severest beacon, "" for none
    level: int
    strongest: PairRow
    last_seen: float | None
    name: str  # by its newest lease or authentication, "" where not known
    user: str  # who authenticated from it last
    sensor: str = ""  # that sees its strongest pair


@dataclass(frozen=True, slots=True)
class AlertRow:
    """A pair that reached a level."""

    seq: int  # rises with each alert, is never given twice
    time: float  # when it was concluded
    id: str  # of the pair
    incident: str
    severity: str  # reached then
    level: int
    score: float | None
    orig_h: str
    resp: str
    resp_p: int
    proto: str
    channel: str
    addr: str
    summary: str  # the newest sentence on the pair, "" where it is not kept any more
    model: str
    sensor: str = ""


@dataclass(frozen=True, slots=True)
class LongPair:
    """A pair by how long its connections are open."""

    id: str  # of the pair by address
    orig_h: str
    addr: str
    resp_p: int
    proto: str
    service: str
    name: str
    longest: float  # seconds, of a single connection
    longest_start: float | None
    uid: str  # of that connection, "" where it is not known
    is_open: bool  # that connection was still open when last looked at
    day_sum: float  # seconds open within 24 hours, at most, connections added up
    connections: int
    bytes_out: float | None
    bytes_in: float | None
    severity: str  # by the longer of `longest` and `day_sum`, see lists.BANDS
    last_seen: float | None
    sensor: str = ""  # in a console over several sensors


@dataclass(frozen=True, slots=True)
class BelowGate:
    """Pairs that had too few connections to be scored, in sum, and those with most connections."""

    pairs: int
    hosts: int
    responders: int
    by_connections: Mapping[int, int]  # connections -> pairs
    top: tuple[PairRow, ...]


@dataclass(frozen=True, slots=True)
class About:
    """What a file is, and what is in it."""

    kind: str  # `history` or `result`
    path: str
    schema: int
    revision: str  # changes whenever the file does
    model: str
    calibrated: bool  # whether scores are probabilities
    profile: str
    threshold: float | None  # in force
    thresholds: Mapping[str, float]  # by profile
    written: float | None  # when it was last written to
    first_seen: float | None
    last_seen: float | None
    pairs: int
    scored: int
    beacons: int  # pairs that alert
    incidents: int
    near_misses: int
    suppressed: int
    hosts: int
    bytes: int
    last_alert: int  # seq of the newest alert, 0 for none
    summary: Mapping[str, Any] = field(default_factory=dict)  # of a result: its run_summary.json, input rows and all
    version: str = ""  # of the program that writes it
    config: str = ""  # digest of the settings that it judges by
