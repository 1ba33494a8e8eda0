"""Alerts that Zeek has not confirmed yet, when to repeat them, and which notices came of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import TypeVar

from zeek_beacons.live.protocol.messages import Noticed, PairKey, Verdict

K = TypeVar("K")
V = TypeVar("V")

REPEAT_AFTER = 5.0  # seconds until an alert is sent again; doubles each time
REPEAT_AT_MOST = 60.0
MOST_AT_ONCE = 100
MOST_PAIRS = 20_000


@dataclass(slots=True)
class _Waiting:
    verdict: Verdict
    due: float
    delay: float


class PendingAlerts:
    """One alert a pair: the newest of its highest level."""

    def __init__(self) -> None:
        self.forgotten = 0  # alerts given up unconfirmed because there were too many
        self._waiting: OrderedDict[PairKey, _Waiting] = OrderedDict()
        self._confirmed: OrderedDict[PairKey, int] = OrderedDict()
        self._noticed: OrderedDict[Hashable, int] = OrderedDict()  # levels by incident, or pair where Zeek knows none
        self._joined: OrderedDict[str, str] = OrderedDict()  # incidents that turned out to be another one

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, verdict: Verdict, now: float) -> bool:
        """An alert is being sent. Returns whether its level is new for the pair."""
        for name in verdict.joined:
            self._join(name, verdict.incident)
        known = self._confirmed.get(verdict.key, 0)
        waiting = self._waiting.get(verdict.key)
        if waiting is not None:
            known = max(known, waiting.verdict.level)
            if verdict.level >= waiting.verdict.level:
                waiting.verdict = verdict
        elif verdict.level > known:
            self._waiting[verdict.key] = _Waiting(verdict, now + REPEAT_AFTER, REPEAT_AFTER)
            if len(self._waiting) > MOST_PAIRS:
                self._waiting.popitem(last=False)
                self.forgotten += 1
        return verdict.level > known

    def _join(self, name: str, incident: str) -> None:
        if self._joined.get(name) == incident:
            return
        _keep(self._joined, name, incident)
        level = self._noticed.pop(name, 0)
        if level > self._noticed.get(incident, 0):
            _keep(self._noticed, incident, level)

    def is_new_notice(self, noticed: Noticed) -> bool:
        """Whether this confirms a notice that no earlier confirmation told of."""
        told = self._joined.get(noticed.incident, noticed.incident) or noticed.key
        if noticed.level <= self._noticed.get(told, 0):
            return False
        _keep(self._noticed, told, noticed.level)
        return True

    def confirm(self, key: PairKey, level: int) -> bool:
        """Zeek has noticed this level. Returns whether that is news."""
        waiting = self._waiting.get(key)
        if waiting is not None and waiting.verdict.level <= level:
            del self._waiting[key]
        if level <= self._confirmed.get(key, 0):
            return False
        _keep(self._confirmed, key, level)
        return True

    def due(self, now: float) -> list[Verdict]:
        """The alerts to repeat now."""
        due = [waiting for waiting in self._waiting.values() if waiting.due <= now][:MOST_AT_ONCE]
        for waiting in due:
            waiting.delay = min(2 * waiting.delay, REPEAT_AT_MOST)
            waiting.due = now + waiting.delay
            name = self._joined.get(waiting.verdict.incident)
            if name is not None:
                waiting.verdict = replace(waiting.verdict, incident=name)
        return [waiting.verdict for waiting in due]

    def repeat_soon(self, now: float) -> None:
        """A new connection: whatever was sent before may be lost."""
        for waiting in self._waiting.values():
            waiting.due, waiting.delay = now + 1.0, REPEAT_AFTER


def _keep(table: OrderedDict[K, V], key: K, value: V) -> None:
    """Puts an entry at the end of a table that holds MOST_PAIRS."""
    table[key] = value
    table.move_to_end(key)
    if len(table) > MOST_PAIRS:
        table.popitem(last=False)
