"""Alerts that Zeek has not confirmed yet, and when to repeat them."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from zeek_beacons.live.protocol.messages import PairKey, Verdict

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

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, verdict: Verdict, now: float) -> bool:
        """An alert is being sent. Returns whether its level is new for the pair."""
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

    def confirm(self, key: PairKey, level: int) -> bool:
        """Zeek has noticed this level. Returns whether that is news."""
        waiting = self._waiting.get(key)
        if waiting is not None and waiting.verdict.level <= level:
            del self._waiting[key]
        if level <= self._confirmed.get(key, 0):
            return False
        self._confirmed[key] = level
        self._confirmed.move_to_end(key)
        if len(self._confirmed) > MOST_PAIRS:
            self._confirmed.popitem(last=False)
        return True

    def due(self, now: float) -> list[Verdict]:
        """The alerts to repeat now."""
        due = [waiting for waiting in self._waiting.values() if waiting.due <= now][:MOST_AT_ONCE]
        for waiting in due:
            waiting.delay = min(2 * waiting.delay, REPEAT_AT_MOST)
            waiting.due = now + waiting.delay
        return [waiting.verdict for waiting in due]

    def repeat_soon(self, now: float) -> None:
        """A new connection: whatever was sent before may be lost."""
        for waiting in self._waiting.values():
            waiting.due, waiting.delay = now + 1.0, REPEAT_AFTER
