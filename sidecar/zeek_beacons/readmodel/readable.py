"""What pages and API ask, whoever answers: one file, another machine, or many sensors."""

from __future__ import annotations

from typing import Protocol

from zeek_beacons.readmodel.detail import Beacon
from zeek_beacons.readmodel.filters import Filter, Page
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


class Readable(Protocol):
    """As `ReadModel` answers. Every method raises InputError where what is asked cannot be read."""

    def about(self) -> About:
        """What it is, and what is in it."""
        ...

    def beacons(self, which: Filter = ..., page: Page = ...) -> Listing[PairRow]:
        """Pairs that alert now, the worst first."""
        ...

    def pairs(self, which: Filter = ..., page: Page = ...) -> Listing[PairRow]:
        """All pairs."""
        ...

    def pair(self, id: str) -> PairRow | None:  # noqa: A002
        """One pair."""
        ...

    def beacon(self, id: str) -> Beacon | None:  # noqa: A002
        """One pair in full."""
        ...

    def below_gate(self, most: int = ...) -> BelowGate:
        """Pairs with too few connections to be scored, in sum."""
        ...

    def incidents(self, which: Filter = ..., page: Page = ...) -> Listing[IncidentRow]:
        """Incidents with a member that alerts now and fits the filter."""
        ...

    def incident(self, id: str) -> IncidentDetail | None:  # noqa: A002
        """One incident, found by any name it ever had."""
        ...

    def hosts(self, which: Filter = ..., page: Page = ...) -> Listing[HostRow]:
        """Originators by combined risk."""
        ...

    def alerts(self, after: int = ..., which: Filter = ..., page: Page = ...) -> Listing[AlertRow]:
        """Pairs that reached a level, the newest first."""
        ...

    def alerts_after(self, seq: int, most: int = ...) -> tuple[AlertRow, ...]:
        """The alerts that follow `seq`, the oldest first."""
        ...

    def long_connections(
        self, min_duration: float = ..., which: Filter = ..., page: Page = ..., by_sum: bool = ...
    ) -> Listing[LongPair]:
        """Pairs whose longest connection lasted `min_duration` seconds."""
        ...
