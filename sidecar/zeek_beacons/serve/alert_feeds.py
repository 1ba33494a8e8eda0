"""What `/api/v1/events` tells, of one history or of many sensors: each look gives what is new since the one before."""

from __future__ import annotations

import heapq
import re
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from zeek_beacons.errors import BeaconsError
from zeek_beacons.fleet.fleet import Fleet
from zeek_beacons.readmodel import Page, plain
from zeek_beacons.serve.surface import Surface

LARGEST = 2**62
_PLACE = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,39})=([0-9]{1,18})")


class FeedEvent(NamedTuple):
    """One event. `id`: where a client that comes back goes on."""

    id: str
    name: str
    data: Any


class AlertFeed(Protocol):
    """Looks for what is new. Used by one stream."""

    def look(self) -> Sequence[FeedEvent]:
        """What is new, the oldest first; nothing where nobody can be read now."""


class OneHistory:
    """The alerts of the history that is shown, from a seq on; None: from the newest on."""

    def __init__(self, surface: Surface, after: int | None) -> None:
        self._surface, self._after = surface, _newest(surface) if after is None else after

    def look(self) -> Sequence[FeedEvent]:
        """The alerts that follow."""
        try:
            if self._after is None:
                self._after = _newest(self._surface) or 0
            found = self._surface.model().alerts_after(min(max(self._after, 0), LARGEST))
        except BeaconsError:
            return ()  # the file is gone or locked, and may come back
        if found:
            self._after = found[-1].seq
        return [FeedEvent(str(one.seq), "alert", plain(one)) for one in found]


class ManySensors:
    """The alerts of all sensors, of each from a seq on; where that is not known, from what was last read of it on."""

    def __init__(self, fleet: Fleet, after: dict[str, int]) -> None:
        self._fleet, self._after = fleet, {name: seq for name, seq in after.items() if name in fleet.sensors}
        for name, newest in fleet.newest_alerts().items():
            self._after.setdefault(name, newest)

    def look(self) -> Sequence[FeedEvent]:
        """The alerts that follow, by time; `skipped` where a sensor has more than are taken from one."""
        due: dict[str, int] = {}
        for name, newest in self._fleet.newest_alerts().items():
            if newest < self._after.setdefault(name, newest):
                self._after[name] = 0  # another history has begun there
            if newest > self._after[name]:
                due[name] = self._after[name]
        events: list[FeedEvent] = []
        found = self._fleet.alerts_since(due) if due else {}
        for sensor, told in found.items():
            if told.total > len(told.rows):
                events.append(self._event("skipped", {"sensor": sensor, "alerts": told.total - len(told.rows)}))
        for one in heapq.merge(*(reversed(told.rows) for told in found.values()), key=lambda row: row.time):
            self._after[one.sensor] = one.seq
            events.append(self._event("alert", plain(one)))
        return events

    def _event(self, name: str, data: Any) -> FeedEvent:
        return FeedEvent(",".join(f"{sensor}={seq}" for sensor, seq in sorted(self._after.items())), name, data)


def feed(surface: Surface, last_event_id: str) -> AlertFeed:
    """What follows an event, or from now on. Raises ValueError where the id is none of ours."""
    if surface.fleet is None:
        return OneHistory(surface, int(last_event_id) if last_event_id else None)
    places = [_PLACE.fullmatch(one) for one in last_event_id.split(",")] if last_event_id else []
    if None in places:
        raise ValueError("no places of sensors")
    return ManySensors(surface.fleet, {one[1]: int(one[2]) for one in places if one is not None})


def _newest(surface: Surface) -> int | None:
    """The seq of the newest alert; None where that cannot be told."""
    try:
        found = surface.model().alerts(page=Page(limit=1)).rows
    except BeaconsError:
        return None
    return found[0].seq if found else 0
