"""All that is known of one pair. Times are seconds since the epoch; what is not known is None."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from zeek_beacons.readmodel.rows import IncidentRow, PairRow
from zeek_beacons.reports.facts import PairFacts


@dataclass(frozen=True, slots=True)
class WeighedReason:
    """Why a pair scores as it does; in order, what speaks most for a beacon first."""

    code: str
    text: str
    value: float | None
    contribution: float | None  # to the score; negative: speaks against a beacon
    about: str  # `rhythm`, or `server` for what is known of the server (the context)


@dataclass(frozen=True, slots=True)
class Considered:
    """A benign rhythm that the pair was held against, since its port or name is that of one."""

    code: str
    text: str
    fits: bool
    why: str  # what fits, or does not


@dataclass(frozen=True, slots=True)
class HeldObservations:
    """The newest connections, by start; all columns are equally long."""

    start: tuple[float, ...]
    duration: tuple[float | None, ...]
    orig_bytes: tuple[float | None, ...]
    resp_bytes: tuple[float | None, ...]
    state: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckinMarks:
    """The check-ins that the held connections form, by start; all columns are equally long."""

    time: tuple[float, ...]
    connections: tuple[int, ...]
    bytes_out: tuple[float | None, ...]
    bytes_in: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class GapFit:
    """The law that fits the waits between check-ins best (features/jitter.py)."""

    law: str  # one of features.JITTER_KINDS
    sleep: float  # seconds
    jitter: float  # 0 to 1
    low: float  # edges of a uniform law, seconds
    high: float
    middle: float  # median of single beats, seconds
    mean: float  # of a Gaussian, seconds
    std: float
    core_share: float  # of all waits that are single beats, 0 to 1
    gaps: tuple[float, ...]  # waits between check-ins, seconds, in order of time


@dataclass(frozen=True, slots=True)
class HourCounts:
    """Connections by hour over months; hours without any are left out."""

    hours: tuple[int, ...]  # hours since the epoch, rising
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class VerdictChange:
    """What was concluded from this time on."""

    time: float
    label: str
    severity: str
    level: int
    score: float | None
    incident: str
    model: str


@dataclass(frozen=True, slots=True)
class Beacon:
    """A pair in full. Of one that neither alerts nor nearly does, `facts` is None and texts are empty."""

    row: PairRow
    summary: str  # the sentence
    facts: PairFacts | None
    reasons: tuple[WeighedReason, ...]
    scorers: Mapping[str, float | None]  # score by scorer; `rules` beside those that were fused
    considered: tuple[Considered, ...]
    checkins: CheckinMarks
    observations: HeldObservations
    fit: GapFit | None
    stretch: tuple[float, float] | None  # begin and end of what speaks for the pair; None: all of it
    hours: HourCounts
    changes: tuple[VerdictChange, ...]  # the oldest first
    incident: IncidentRow | None
    members: tuple[PairRow, ...]  # other pairs of its incident, the strongest first
    uids: tuple[str, ...]  # of its newest connections, the newest first
