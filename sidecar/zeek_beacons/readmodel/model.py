"""The read model: one file, and what may be asked of it."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self, TypeVar, cast

from zeek_beacons.readmodel import assemble, incidents, lists, overview
from zeek_beacons.readmodel import hosts as host_lists
from zeek_beacons.readmodel.database import Database, find
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
from zeek_beacons.readmodel.sql import ALERTING, Chosen, Silence, index_for, pair_row, verdict_rows
from zeek_beacons.store.keys import number_of

EVERYTHING = Filter()
FIRST = Page()
HOUR = 3600.0
FRESH = 3.0  # seconds for which what takes a look at every pair is kept

T = TypeVar("T")


class ReadModel:
    """A history or a result, read-only. Threads may share it. It makes no file and holds no lock between calls.

    Every method raises InputError, with a sentence for people, where the file is gone, locked, broken or of another
    version; the next call looks at the file anew.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._database = Database(path)
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[str, float, Any]] = {}  # revision, until when, value

    @classmethod
    def open(cls, path: Path) -> Self:
        """A history, a `result.sqlite`, or a folder with one. Raises InputError where it cannot be read."""
        model = cls(find(path))
        model.revision()
        return model

    def close(self) -> None:
        """Ends the use of the file; another call opens it again."""
        self._database.close()

    def revision(self) -> str:
        """A short text that changes whenever the file's content does; cheap."""
        return self._database.ask(overview.revision)

    def about(self) -> About:
        """What the file is, and what is in it. Counts may be some seconds old."""
        size = self._database.size()
        return self._database.ask(lambda db: overview.about(db, self.path, size, self._recent(db, overview.extent)))

    def beacons(self, which: Filter = EVERYTHING, page: Page = FIRST) -> Listing[PairRow]:
        """Pairs that alert now: the severest first, then by falling score."""
        return self._database.ask(lambda db: lists.pairs(db, Chosen.of(which, ALERTING), page, Silence.of(db)))

    def pairs(self, which: Filter = EVERYTHING, page: Page = FIRST) -> Listing[PairRow]:
        """All pairs: those that alert first, the severest first, then by falling score.

        The total of all that there are may be some seconds old.
        """

        def ask(db: sqlite3.Connection) -> Listing[PairRow]:
            total = self._recent(db, overview.extent).pairs if which == EVERYTHING else None
            return lists.pairs(db, Chosen.of(which), page, Silence.of(db), index_for(db, which, page), total)

        return self._database.ask(ask)

    def pair(self, id: str) -> PairRow | None:  # noqa: A002
        """One pair."""
        number = number_of(id)
        if number is None:
            return None

        def ask(db: sqlite3.Connection) -> PairRow | None:
            rows = verdict_rows(db, "WHERE v.id = ?", (number,))
            return pair_row(rows[0], Silence.of(db)) if rows else None

        return self._database.ask(ask)

    def beacon(self, id: str) -> Beacon | None:  # noqa: A002
        """One pair in full, whether it alerts or not; None where there is none of this id."""
        number = number_of(id)
        if number is None:
            return None
        return self._database.ask(lambda db: assemble.beacon(db, number, Silence.of(db)))

    def below_gate(self, most: int = 20) -> BelowGate:
        """Pairs with too few connections to be scored, in sum."""
        return self._database.ask(lambda db: lists.below_gate(db, most, Silence.of(db)))

    def incidents(self, which: Filter = EVERYTHING, page: Page = FIRST) -> Listing[IncidentRow]:
        """Incidents with a member that alerts now and fits the filter, the severest first, then by falling score."""
        return self._database.ask(lambda db: incidents.incidents(db, which, page, Silence.of(db)))

    def incident(self, id: str) -> IncidentDetail | None:  # noqa: A002
        """One incident, found by any name it ever had; None where there is none."""
        if not id.isalnum():
            return None
        return self._database.ask(lambda db: incidents.one(db, id, Silence.of(db)))

    def hosts(self, which: Filter = EVERYTHING, page: Page = FIRST) -> Listing[HostRow]:
        """Originators of scored pairs by combined risk. Of the filter, host, text and severity are looked at.

        Which hosts there are may be some seconds old.
        """

        def ask(db: sqlite3.Connection) -> Listing[HostRow]:
            everyone = self._recent(db, host_lists.scored_hosts)
            return host_lists.hosts(db, everyone, which, page, Silence.of(db))

        return self._database.ask(ask)

    def alerts(self, after: int = 0, which: Filter = EVERYTHING, page: Page = FIRST) -> Listing[AlertRow]:
        """Pairs that reached a level, the newest first; `after`: only those of a higher seq."""
        return self._database.ask(lambda db: lists.alerts(db, which, after, page))

    def alerts_after(self, seq: int, most: int = 100) -> tuple[AlertRow, ...]:
        """The alerts that follow `seq`, the oldest first: what a stream of events sends next."""
        return self._database.ask(lambda db: lists.alerts_after(db, seq, most))

    def long_connections(
        self,
        min_duration: float = HOUR,
        which: Filter = EVERYTHING,
        page: Page = FIRST,
        by_sum: bool = False,
    ) -> Listing[LongPair]:
        """Pairs whose longest connection lasted `min_duration` seconds, longest first.

        `by_sum`: by what their connections of 24 hours add up to, in place of the longest one. Of the filter, host,
        responder, port, text and since are looked at.
        """
        return self._database.ask(lambda db: lists.long_connections(db, which, page, min_duration, by_sum))

    def _recent(self, db: sqlite3.Connection, question: Callable[[sqlite3.Connection], T]) -> T:
        """The answer to what takes a look at every pair; asked again FRESH seconds on, if the file has changed."""
        revision, now = overview.revision(db), time.monotonic()
        with self._lock:
            kept = self._kept.get(question.__name__)
        if kept is not None and (kept[0] == revision or now < kept[1]):
            return cast("T", kept[2])
        answer = question(db)
        with self._lock:
            self._kept[question.__name__] = revision, now + FRESH, answer
        return answer
