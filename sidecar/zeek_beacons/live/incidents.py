"""Incidents of a running sidecar: the rules of `zeek_beacons.incidents`, held against what has alerted before.

An incident is named after the first of its members that alerted, and keeps that name whoever joins later. Where a later
alert shows two incidents to be one, the older name stays. What was joined is never parted again.

All of it is in memory, bounded by MOST_MEMBERS; the history keeps it over restarts. A new alert is compared with those
in the same buckets, never with all.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from zeek_beacons.incidents import Member, age, buckets_of, identity, together
from zeek_beacons.keys import Key

MOST_MEMBERS = 20_000  # beyond, those that have not alerted for longest are forgotten
COMPARED = 32  # newest members of a bucket that a new alert is held against
MOST_JOINED = 16  # names of incidents taken in that are remembered of an incident
TOLD = 50  # newest members that a sentence is made from


@dataclass(slots=True)
class Incident:
    """One that some pair alerted in."""

    began: float  # when its first member alerted, wall clock
    members: dict[Key, None] = field(default_factory=dict)  # those that alerted last at the end
    joined: tuple[str, ...] = ()  # names of incidents that turned out to be this one, the newest at the end


@dataclass(frozen=True, slots=True)
class Place:
    """Where an alert belongs."""

    incident: str
    joined: tuple[str, ...]  # see Incident
    news: tuple[str, ...]  # of these, those that turned out so with this alert
    others: tuple[Member, ...]  # further members, the newest TOLD of them, the newest first
    total: int  # further members in all


@dataclass(frozen=True, slots=True)
class StoredMember:
    """A member as the history has it."""

    incident: str
    member: Member


@dataclass(slots=True)
class IncidentChanges:
    """What the history must learn."""

    members: dict[Key, StoredMember] = field(default_factory=dict)
    incidents: dict[str, tuple[float, tuple[str, ...]]] = field(default_factory=dict)  # began, joined
    renamed: list[tuple[str, str]] = field(default_factory=list)  # old name and new one, in order


class LiveIncidents:
    """All that have alerted, by incident."""

    def __init__(self, most: int = MOST_MEMBERS) -> None:
        self._most = most
        self._members: OrderedDict[Key, StoredMember] = OrderedDict()  # those that alerted last at the end
        self._buckets: defaultdict[Hashable, dict[Key, None]] = defaultdict(dict)
        self._incidents: dict[str, Incident] = {}
        self._changes = IncidentChanges()

    def __len__(self) -> int:
        return len(self._incidents)

    def resume(
        self, members: Iterable[StoredMember], incidents: dict[str, tuple[float, tuple[str, ...]]], now: float
    ) -> None:
        """What an earlier run knew, the members that alerted last at the end."""
        for stored in members:
            if stored.incident not in self._incidents:
                began, joined = incidents.get(stored.incident, (now, ()))
                self._incidents[stored.incident] = Incident(began, joined=joined)
            self._put(stored.member, stored.incident)
        self._forget()

    def of(self, key: Key) -> str | None:
        """The incident of a pair that has alerted."""
        stored = self._members.get(key)
        return None if stored is None else stored.incident

    def place(self, alerts: Sequence[Member], now: float) -> dict[Key, Place]:
        """Where the alerts of a batch belong, by key."""
        newest = {alert.key: alert for alert in alerts}
        held = {key: self._members[key].member for key in self._neighbours(newest.values()) if key not in newest}
        compared = [*newest.values(), *held.values()]
        groups: defaultdict[int, list[Member]] = defaultdict(list)
        for number, member in zip(together(compared), compared, strict=True):
            groups[number].append(member)
        news: dict[str, tuple[str, ...]] = {}
        for group in groups.values():
            alerting = [member for member in group if member.key in newest]
            if alerting:
                name, taken = self._name(group, alerting, now)
                news[name] = (*news.pop(name, ()), *taken, *(one for old in taken for one in news.pop(old, ())))
                for member in alerting:
                    self._put(member, name)
        self._note(newest)
        places = {key: self._place(key, news) for key in newest}
        self._forget()
        return places

    def take_changes(self) -> IncidentChanges:
        """What has changed since the last call."""
        taken, self._changes = self._changes, IncidentChanges()
        return taken

    def _neighbours(self, alerts: Iterable[Member]) -> Iterator[Key]:
        """Keys of the members that the alerts are held against: the newest COMPARED in each bucket of each alert.

        A key comes once for every bucket it shares with an alert. An alert's own earlier self may be among them.
        """
        for alert in alerts:
            for bucket in buckets_of(alert):
                yield from islice(reversed(self._buckets.get(bucket, {})), COMPARED)

    def _name(self, group: Sequence[Member], alerting: Sequence[Member], now: float) -> tuple[str, tuple[str, ...]]:
        """The incident of members that belong together, and the names of those that it takes in."""
        known = {stored.incident for member in group if (stored := self._members.get(member.key)) is not None}
        if not known:
            name = identity(min(alerting, key=age).key)
            self._incidents.setdefault(name, Incident(now))
            return name, ()
        oldest, *others = sorted(known, key=lambda name: (self._incidents[name].began, name))
        for other in others:
            self._take_in(oldest, other)
        return oldest, tuple(others)

    def _take_in(self, name: str, other: str) -> None:
        taken, incident = self._incidents.pop(other), self._incidents[name]
        incident.joined = (*incident.joined, *taken.joined, other)[-MOST_JOINED:]
        for key in taken.members:
            self._members[key] = StoredMember(name, self._members[key].member)
            incident.members[key] = None
        self._changes.incidents.pop(other, None)
        self._changes.renamed.append((other, name))

    def _put(self, member: Member, name: str) -> None:
        key = member.key
        if key in self._members:
            self._remove(key)
        self._members[key] = StoredMember(name, member)
        self._incidents[name].members[key] = None
        for bucket in buckets_of(member):
            self._buckets[bucket][key] = None

    def _remove(self, key: Key) -> None:
        stored = self._members.pop(key)
        del self._incidents[stored.incident].members[key]
        for bucket in buckets_of(stored.member):
            del self._buckets[bucket][key]
            if not self._buckets[bucket]:
                del self._buckets[bucket]

    def _note(self, keys: Iterable[Key]) -> None:
        for key in keys:
            stored = self._members[key]
            incident = self._incidents[stored.incident]
            self._changes.members[key] = stored
            self._changes.incidents[stored.incident] = (incident.began, incident.joined)

    def _place(self, key: Key, news: dict[str, tuple[str, ...]]) -> Place:
        name = self._members[key].incident
        incident = self._incidents[name]
        others = (other for other in reversed(incident.members) if other != key)
        told = tuple(self._members[other].member for other in islice(others, TOLD))
        return Place(name, incident.joined, news.get(name, ()), told, len(incident.members) - 1)

    def _forget(self) -> None:
        while len(self._members) > self._most:
            key = next(iter(self._members))
            name = self._members[key].incident
            self._remove(key)
            if not self._incidents[name].members:
                del self._incidents[name]
