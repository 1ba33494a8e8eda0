"""What is one thing where several sensors tell of it. Pure functions.

Pairs, hosts and alerts are told by each sensor that sees them. Incidents are told once: two of them are one where they
have the same name, or where both have a member with the same key that the two sensors saw in overlapping times; and an
incident is all that hangs together so. It is named after its member that alerted first.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TypeVar

from zeek_beacons.fleet.named import told_apart
from zeek_beacons.readmodel import IncidentRow, PairRow
from zeek_beacons.readmodel.filters import Page
from zeek_beacons.store.keys import packed
from zeek_beacons.verdicts import SEVERITIES

MOST_JOINED = 32  # names that an incident is said to have had

Part = tuple[str, str]  # a sensor, and what an incident is called there
K = TypeVar("K", bound=Hashable)


@dataclass(frozen=True, slots=True)
class FleetIncident:
    """One incident: what it is called here, and its parts, in order."""

    id: str
    parts: tuple[Part, ...]

    @property
    def sensors(self) -> tuple[str, ...]:
        """Those that see it."""
        return tuple(sorted({sensor for sensor, _ in self.parts}))


def incidents(alerting: Mapping[str, Sequence[PairRow]]) -> dict[Part, FleetIncident]:
    """Which incidents are one, by each of their parts. `alerting`: the pairs that alert, by sensor."""
    members: defaultdict[Part, list[PairRow]] = defaultdict(list)
    by_name: defaultdict[str, list[Part]] = defaultdict(list)
    by_pair: defaultdict[str, list[tuple[Part, PairRow]]] = defaultdict(list)
    for sensor, rows in alerting.items():
        for row in rows:
            if row.incident:
                part = sensor, row.incident
                if part not in members:
                    by_name[row.incident].append(part)
                members[part].append(row)
                by_pair[row.id].append((part, row))
    same = [(parts[0], part) for parts in by_name.values() for part in parts[1:]]
    for seen in by_pair.values():
        same += [(a, b) for (a, one), (b, other) in combinations(seen, 2) if overlap(one, other)]
    made = {}
    for parts in _together(members, same):
        _, name = min((began(members[part]), part[1]) for part in parts)
        incident = FleetIncident(name, tuple(sorted(parts)))
        made.update(dict.fromkeys(parts, incident))
    return made


def overlap(one: PairRow, other: PairRow) -> bool:
    """Whether two sensors saw a pair at the same time, as far as is known."""
    ends = (one.first_seen, one.last_seen, other.first_seen, other.last_seen)
    if any(end is None for end in ends):
        return False
    first, last, other_first, other_last = (end or 0.0 for end in ends)
    return first <= other_last and other_first <= last


def began(rows: Iterable[PairRow]) -> float:
    """When the first of them alerted; infinite where that is not known."""
    return min((math.inf if row.since is None else row.since for row in rows), default=math.inf)


def merged(
    incident: FleetIncident, rows: Mapping[Part, IncidentRow], alerting: Mapping[Part, Sequence[PairRow]]
) -> IncidentRow:
    """The one row of an incident, from those of some of its parts. What several sensors see alert counts once."""
    parts = sorted(rows)
    strongest = min(parts, key=lambda part: (-rows[part].level, -(rows[part].score or 0.0), part))
    head, told = rows[strongest], [rows[part] for part in parts]
    known = [alerting.get(part, ()) for part in parts]
    level = max(one.level for one in told)
    names = {name for one in told for name in (one.id, *one.joined)} - {incident.id}
    return replace(
        head,
        id=incident.id,
        severity=SEVERITIES[level],
        level=level,
        head=of_sensor(head.head, strongest[0]),
        members=_once([one.members for one in told], [{row.id for row in one} for one in known]),
        hosts=_once([one.hosts for one in told], [{row.orig_h for row in one} for one in known]),
        servers=_once([one.servers for one in told], [{row.addr for row in one} for one in known]),
        connections=sum(one.connections for one in told),
        began=_least(one.began for one in told),
        first_seen=_least(one.first_seen for one in told),
        last_seen=max((one.last_seen for one in told if one.last_seen is not None), default=None),
        stopped=all(one.stopped for one in told),
        joined=tuple(sorted(names))[:MOST_JOINED],
        sensors=incident.sensors,
    )


def of_sensor(row: PairRow, sensor: str) -> PairRow:
    """A pair as it is told here: by which sensor, and called so that no other sensor's is called the same."""
    return replace(row, id=told_apart(sensor, row.id), sensor=sensor)


def worst_first(row: PairRow) -> tuple[object, ...]:
    """Orders pairs as lists do that are asked for no order."""
    return (-row.level, row.score is None, -(row.score or 0.0))


def in_order(lists: Iterable[Sequence[PairRow]], page: Page) -> Iterator[PairRow]:
    """Pairs of several lists, each in the order that a page asks for, in that order; what is not known at the end."""
    if not page.sort:
        return heapq.merge(*lists, key=worst_first)

    def rank(row: PairRow) -> tuple[object, ...]:
        value = packed(row.orig_h) if page.sort == "orig_h" else getattr(row, page.sort)
        is_known = value is not None
        return (is_known if page.descending else not is_known, *((value,) if is_known else ()))

    return heapq.merge(*lists, key=rank, reverse=page.descending)


def drifting(values: Mapping[str, str]) -> set[str]:
    """Sensors whose value is not the one that more than half of them have: all of them where there is none such.

    What is not known, "", neither counts nor differs.
    """
    known = {name: value for name, value in values.items() if value}
    if not known:
        return set()
    value, number = Counter(known.values()).most_common(1)[0]
    return {name for name, one in known.items() if one != value or 2 * number <= len(known)}


def _together(parts: Iterable[Part], same: Iterable[tuple[Part, Part]]) -> Iterator[list[Part]]:
    """Parts that hang together over pairs of them that are the same."""
    root = {part: part for part in parts}

    def find(part: Part) -> Part:
        while root[part] != part:
            root[part] = root[root[part]]
            part = root[part]
        return part

    for one, other in same:
        root[find(one)] = find(other)
    found: defaultdict[Part, list[Part]] = defaultdict(list)
    for part in root:
        found[find(part)].append(part)
    yield from found.values()


def _once(numbers: Sequence[int], known: Sequence[set[K]]) -> int:
    """How many there are in all, where `known` of each are told and the same ones count once."""
    twice = sum(map(len, known)) - len(set().union(*known))
    return max(*numbers, sum(numbers) - twice) if len(numbers) > 1 else numbers[0]


def _least(times: Iterable[float | None]) -> float | None:
    return min((time for time in times if time is not None), default=None)
