"""Many sensors, asked as if they were one file: each question goes to all that can be read, at once."""

from __future__ import annotations

import heapq
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from zeek_beacons.errors import ConfigError, InputError
from zeek_beacons.fleet import merge
from zeek_beacons.fleet.named import parted, told_apart
from zeek_beacons.fleet.row import SensorRow
from zeek_beacons.fleet.sensor import Sensor, first
from zeek_beacons.readmodel import (
    About,
    AlertRow,
    Beacon,
    BelowGate,
    Filter,
    HostRow,
    IncidentDetail,
    IncidentRow,
    Listing,
    LongPair,
    Page,
    PairRow,
)
from zeek_beacons.readmodel.incidents import MOST_MEMBERS
from zeek_beacons.readmodel.model import EVERYTHING, FIRST
from zeek_beacons.readmodel.readable import Readable
from zeek_beacons.store.keys import packed

INTERVAL = 10.0  # seconds between looks at each sensor

T = TypeVar("T")
R = TypeVar("R")


class Fleet:
    """All sensors. Threads may share it. Pairs are called `SENSOR~ID`; what cannot be read is left out, see `unread`.

    Raises InputError where no sensor can be read, or none that is asked for.
    """

    def __init__(self, sensors: Sequence[Sensor], rows: int, patience: float, interval: float = INTERVAL) -> None:
        self.sensors = {one.name: one for one in sensors}
        self._rows, self._patience, self._interval = rows, patience, interval
        self._ended = threading.Event()

    def start(self) -> None:
        """Looks at all sensors, and from then on again and again."""
        self.look()
        for sensor in self.sensors.values():
            threading.Thread(target=self._keep_looking, args=(sensor,), daemon=True).start()

    def look(self) -> None:
        """Looks at all sensors at once."""
        looks = [threading.Thread(target=one.look, daemon=True) for one in self.sensors.values()]
        for one in looks:
            one.start()
        for one in looks:
            one.join(2 * self._patience)

    def close(self) -> None:
        """Looks no more."""
        self._ended.set()

    def unread(self) -> tuple[SensorRow, ...]:
        """Sensors that cannot be read."""
        return tuple(row for row in self.rows(time.time()) if row.unread_since is not None)

    def rows(self, now: float) -> tuple[SensorRow, ...]:
        """How each sensor is, by name."""
        rows = [self.sensors[name].row(now) for name in sorted(self.sensors)]
        differ = {
            name: merge.drifting({row.name: str(getattr(row, name) or "") for row in rows})
            for name in ("version", "model", "config", "profile", "threshold")
        }
        return tuple(
            replace(row, drift=tuple(name for name, those in differ.items() if row.name in those)) for row in rows
        )

    def about(self) -> About:
        """All of them in sum, as last looked at."""
        found = [one.health.about for one in self.sensors.values() if one.is_read]
        told = [about for about in found if about is not None]
        if not told:
            raise self._nobody("")
        names = ("pairs", "scored", "beacons", "near_misses", "suppressed", "hosts", "bytes")
        return About(
            kind="fleet",
            path=f"{len(self.sensors)} sensor{'' if len(self.sensors) == 1 else 's'}",
            schema=min(one.schema for one in told),
            revision="-".join(one.revision for one in told),
            model=Counter(one.model for one in told).most_common(1)[0][0],
            calibrated=all(one.calibrated for one in told),
            profile=Counter(one.profile for one in told).most_common(1)[0][0],
            threshold=min((one.threshold for one in told if one.threshold is not None), default=None),
            thresholds={},
            written=max((one.written for one in told if one.written is not None), default=None),
            first_seen=min((one.first_seen for one in told if one.first_seen is not None), default=None),
            last_seen=max((one.last_seen for one in told if one.last_seen is not None), default=None),
            incidents=len({whole for (name, _), whole in self._together().items() if self.sensors[name].is_read}),
            last_alert=0,
            **{name: sum(getattr(one, name) for one in told) for name in names},
        )

    def beacons(self, which: Filter = EVERYTHING, page: Page = FIRST) -> Listing[PairRow]:
        """Pairs that alert now, once for each sensor that sees them."""
        return self._pairs(which, page, lambda model, own, part: model.beacons(own, part))

    def pairs(self, which: Filter = EVERYTHING, page: Page = FIRST) -> Listing[PairRow]:
        """All pairs, once for each sensor that sees them."""
        return self._pairs(which, page, lambda model, own, part: model.pairs(own, part))

    def pair(self, id: str) -> PairRow | None:  # noqa: A002
        """One pair; by an id without a sensor the worst of all sensors."""
        sensor, own = parted(id)
        found = self._all(lambda model: model.pair(own), sensor)
        rows = [merge.of_sensor(row, one.name) for one, row in found if row is not None]
        return min(rows, key=merge.worst_first, default=None)

    def beacon(self, id: str) -> Beacon | None:  # noqa: A002
        """One pair in full; by an id without a sensor the worst of all sensors."""
        sensor, own = parted(id)
        found = [(one, told) for one, told in self._all(lambda model: model.beacon(own), sensor) if told is not None]
        if not found:
            return None
        seen_by, beacon = min(found, key=lambda one: merge.worst_first(one[1].row))
        incident = beacon.incident
        if incident is not None:
            whole = self._together().get((seen_by.name, incident.id))
            name, sensors = (whole.id, whole.sensors) if whole else (incident.id, (seen_by.name,))
            head = merge.of_sensor(incident.head, seen_by.name)
            incident = replace(incident, id=name, sensors=sensors, head=head)
        return replace(
            beacon,
            row=merge.of_sensor(beacon.row, seen_by.name),
            incident=incident,
            members=tuple(merge.of_sensor(row, seen_by.name) for row in beacon.members),
        )

    def below_gate(self, most: int = 20) -> BelowGate:
        """Pairs with too few connections to be scored, in sum over the sensors."""
        found = self._all(lambda model: model.below_gate(most))
        counts: Counter[int] = Counter()
        for _, one in found:
            counts.update(one.by_connections)
        top = [merge.of_sensor(row, sensor.name) for sensor, one in found for row in one.top]
        top.sort(key=lambda row: (-row.connections, row.id))
        return BelowGate(
            pairs=sum(one.pairs for _, one in found),
            hosts=sum(one.hosts for _, one in found),
            responders=sum(one.responders for _, one in found),
            by_connections=dict(sorted(counts.items())),
            top=tuple(top[:most]),
        )

    def incidents(self, which: Filter = EVERYTHING, page: Page = FIRST) -> Listing[IncidentRow]:
        """Incidents, each told once, with all that any sensor sees of it: those of which some sensor's part fits.

        The total counts an incident once as far as it is known that its parts are one: of a filtered list, those up to
        this page.
        """
        found = self._lists(which, page, lambda model, own, part: model.incidents(own, part))
        together = self._together()
        rows: defaultdict[merge.FleetIncident, dict[merge.Part, IncidentRow]] = defaultdict(dict)
        for sensor, told in found:
            for row in told.rows:
                part = sensor, row.id
                rows[together.get(part, merge.FleetIncident(row.id, (part,)))][part] = row
        ranked = sorted(
            rows, key=lambda one: (*min((-row.level, -(row.score or 0.0)) for row in rows[one].values()), one.id)
        )
        seen = [set(parts) for parts in rows.values()]
        if which == EVERYTHING:
            told_of = {sensor for sensor, _ in found}
            seen = [{part for part in one.parts if part[0] in told_of} for one in set(together.values())]
        total = sum(told.total for _, told in found) - sum(len(parts) - 1 for parts in seen if parts)
        shown = {one: rows[one] for one in _part(ranked, page)}
        self._complete(shown)
        alerting = self._alerting()
        return Listing(tuple(merge.merged(one, parts, alerting) for one, parts in shown.items()), total)

    def _complete(self, rows: Mapping[merge.FleetIncident, dict[merge.Part, IncidentRow]]) -> None:
        """Adds the parts that stand further down in their sensors' lists, or do not fit a filter."""
        missing: defaultdict[str, dict[str, merge.FleetIncident]] = defaultdict(dict)
        for one, parts in rows.items():
            for sensor, own in set(one.parts) - parts.keys():
                missing[sensor][own] = one
        for sensor, wholes in missing.items():
            names = list(wholes)
            try:
                ((_, details),) = self._all(lambda model, names=names: list(map(model.incident, names)), sensor)  # type: ignore[misc]
            except InputError:
                continue  # the sensor remembers it
            for own, detail in zip(names, details, strict=True):
                if detail is not None and detail.incident.level:
                    rows[wholes[own]][sensor, own] = detail.incident

    def incident(self, id: str) -> IncidentDetail | None:  # noqa: A002
        """One incident with the members that each sensor sees, by any name that it has anywhere."""
        together, told = self._together(), self._told(id, "")
        wholes = [whole for part, whole in together.items() if part in told or whole.id == id]
        if not told and not wholes:
            return None
        whole = min(wholes, key=lambda one: one.id != id, default=merge.FleetIncident(id, tuple(sorted(told))))
        for sensor, own in whole.parts:
            if (sensor, own) not in told and self.sensors[sensor].is_read:
                told |= self._told(own, sensor)
        told = {part: found for part, found in told.items() if part in whole.parts}
        if not told:
            return None
        lists = [[merge.of_sensor(row, part[0]) for row in found.members] for part, found in sorted(told.items())]
        members = tuple(islice(heapq.merge(*lists, key=merge.worst_first), MOST_MEMBERS))
        rows = {part: found.incident for part, found in told.items()}
        return IncidentDetail(merge.merged(whole, rows, self._alerting()), members)

    def hosts(self, which: Filter = EVERYTHING, page: Page = FIRST) -> Listing[HostRow]:
        """Originators by combined risk, once for each sensor that sees them."""

        def told(row: HostRow, sensor: str) -> HostRow:
            return replace(row, sensor=sensor, strongest=merge.of_sensor(row.strongest, sensor))

        def riskiest_first(row: HostRow) -> tuple[object, ...]:
            return (-row.combined_risk, -(row.strongest.score or 0.0), packed(row.host))

        found = self._lists(which, page, lambda model, own, part: model.hosts(own, part))
        return _page(found, told, riskiest_first, page)

    def alerts(self, after: int = 0, which: Filter = EVERYTHING, page: Page = FIRST) -> Listing[AlertRow]:
        """Pairs that reached a level, the newest first. `seq` counts by sensor, and so does `after`."""
        if after and not which.sensor:
            raise ConfigError("after counts by sensor: name one by sensor=NAME")

        def told(row: AlertRow, sensor: str) -> AlertRow:
            return replace(row, id=told_apart(sensor, row.id), sensor=sensor)

        found = self._lists(which, page, lambda model, own, part: model.alerts(after, own, part))
        return _page(found, told, lambda row: (-row.time,), page)

    def alerts_after(self, seq: int, most: int = 100) -> tuple[AlertRow, ...]:
        """None: a seq counts by sensor, see `alerts_since`."""
        return ()

    def newest_alerts(self) -> dict[str, int]:
        """The seq of each sensor's newest alert, as last looked at; without those that were never read."""
        about = {name: one.health.about for name, one in self.sensors.items()}
        return {name: told.last_alert for name, told in about.items() if told is not None}

    def alerts_since(self, after: Mapping[str, int]) -> dict[str, Listing[AlertRow]]:
        """What follows a seq of each of these sensors, the newest first, of those that can be read now."""
        until = time.monotonic() + self._patience
        asked = [
            (self.sensors[name], self.sensors[name].ask(partial(self._since, seq)))
            for name, seq in after.items()
            if self.sensors[name].is_read
        ]
        found = {}
        for sensor, future in asked:
            with suppress(InputError):  # the sensor remembers it
                told = sensor.answer(future, until)
                rows = tuple(replace(row, id=told_apart(sensor.name, row.id), sensor=sensor.name) for row in told.rows)
                found[sensor.name] = Listing(rows, told.total)
        return found

    def _since(self, seq: int, model: Readable) -> Listing[AlertRow]:
        return first(lambda page: model.alerts(seq, EVERYTHING, page), FIRST, self._rows)

    def long_connections(
        self, min_duration: float = 3600.0, which: Filter = EVERYTHING, page: Page = FIRST, by_sum: bool = False
    ) -> Listing[LongPair]:
        """Pairs by how long their connections are open, once for each sensor that sees them."""

        def told(row: LongPair, sensor: str) -> LongPair:
            return replace(row, id=told_apart(sensor, row.id), sensor=sensor)

        def longest_first(row: LongPair) -> tuple[object, ...]:
            return (-(row.day_sum if by_sum else row.longest),)

        found = self._lists(
            which, page, lambda model, own, part: model.long_connections(min_duration, own, part, by_sum)
        )
        return _page(found, told, longest_first, page)

    def _pairs(
        self, which: Filter, page: Page, ask: Callable[[Readable, Filter, Page], Listing[PairRow]]
    ) -> Listing[PairRow]:
        found = self._lists(which, page, ask)
        rows = merge.in_order([[merge.of_sensor(row, name) for row in told.rows] for name, told in found], page)
        return Listing(_part(rows, page), sum(told.total for _, told in found))

    def _lists(
        self, which: Filter, page: Page, ask: Callable[[Readable, Filter, Page], Listing[R]]
    ) -> list[tuple[str, Listing[R]]]:
        """The rows up to the end of a page, of each sensor."""
        self._reachable(page)
        own = replace(which, sensor="")
        wanted = page.offset + page.limit
        found = self._all(lambda model: first(lambda part: ask(model, own, part), page, wanted), which.sensor)
        return [(sensor.name, told) for sensor, told in found]

    def _all(self, question: Callable[[Readable], T], only: str = "") -> list[tuple[Sensor, T]]:
        """The answers of all sensors that can be read, or of one."""
        self._known(only)
        chosen = [one for one in self.sensors.values() if one.is_read and only in ("", one.name)]
        until = time.monotonic() + self._patience
        asked = [(one, one.ask(question)) for one in chosen]
        answers = []
        for sensor, future in asked:
            try:
                answers.append((sensor, sensor.answer(future, until)))
            except InputError:
                continue  # the sensor remembers it
        if not answers:
            raise self._nobody(only)
        return answers

    def _told(self, id: str, sensor: str) -> dict[merge.Part, IncidentDetail]:  # noqa: A002
        """An incident as each sensor tells of it, or one."""
        try:
            found = self._all(lambda model: model.incident(id), sensor)
        except InputError:
            if not sensor:
                raise
            return {}
        return {(one.name, detail.incident.id): detail for one, detail in found if detail is not None}

    def _known(self, sensor: str) -> None:
        if sensor and sensor not in self.sensors:
            raise ConfigError(f"sensor is {sensor[:40]!r}, expected one of {', '.join(sorted(self.sensors))}")

    def _reachable(self, page: Page) -> None:
        if page.offset + page.limit > self._rows:
            raise ConfigError(f"a console over several sensors shows the first {self._rows} rows of a list: filter it")

    def _nobody(self, only: str) -> InputError:
        if only:
            return InputError(only, self.sensors[only].health.problem or "was not read yet")
        return InputError(f"{len(self.sensors)} sensors", "none of them can be read; the page of sensors says why")

    def _together(self) -> dict[merge.Part, merge.FleetIncident]:
        """Which incidents are one, by what was last seen to alert, also where a sensor cannot be read now."""
        return merge.incidents({one.name: one.health.alerting for one in self.sensors.values()})

    def _alerting(self) -> Mapping[merge.Part, Sequence[PairRow]]:
        found: defaultdict[merge.Part, list[PairRow]] = defaultdict(list)
        for one in self.sensors.values():
            for row in one.health.alerting:
                found[one.name, row.incident].append(row)
        return found

    def _keep_looking(self, sensor: Sensor) -> None:
        while not self._ended.wait(self._interval):
            sensor.look()


def _page(
    found: Sequence[tuple[str, Listing[R]]],
    told: Callable[[R, str], R],
    key: Callable[[R], tuple[Any, ...]],
    page: Page,
) -> Listing[R]:
    """A page of lists that are each in the order of `key`."""
    lists = [[told(row, name) for row in rows.rows] for name, rows in found]
    return Listing(_part(heapq.merge(*lists, key=key), page), sum(rows.total for _, rows in found))


def _part(rows: Iterable[R], page: Page) -> tuple[R, ...]:
    return tuple(islice(rows, page.offset, page.offset + page.limit))
