"""What console, API and terminal ask: a history or a `result.sqlite`, opened read-only, as plain values."""

from zeek_beacons.readmodel.detail import (
    Beacon,
    CheckinMarks,
    Considered,
    GapFit,
    HeldObservations,
    HourCounts,
    VerdictChange,
    WeighedReason,
)
from zeek_beacons.readmodel.filters import Filter, Page
from zeek_beacons.readmodel.model import ReadModel
from zeek_beacons.readmodel.plain import plain
from zeek_beacons.readmodel.rows import (
    About,
    AlertRow,
    BelowGate,
    HostRow,
    IncidentDetail,
    IncidentRow,
    Listing,
    LongPair,
    PairRow,
)

__all__ = [
    "About",
    "AlertRow",
    "Beacon",
    "BelowGate",
    "CheckinMarks",
    "Considered",
    "Filter",
    "GapFit",
    "HeldObservations",
    "HostRow",
    "HourCounts",
    "IncidentDetail",
    "IncidentRow",
    "Listing",
    "LongPair",
    "Page",
    "PairRow",
    "ReadModel",
    "VerdictChange",
    "WeighedReason",
    "plain",
]
