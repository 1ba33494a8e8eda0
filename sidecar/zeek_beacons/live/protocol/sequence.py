"""The sequence numbers of one Zeek node's candidates: which came, which came twice, and which are missing."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field

GRACE = 2.0  # seconds that a missing candidate may still take
MOST_MISSING = 10_000  # gaps wider than this are asked for at once


class Seen(enum.Enum):
    """What a sequence number means."""

    NEW = enum.auto()
    LATE = enum.auto()
    DUPLICATE = enum.auto()


@dataclass(slots=True)
class NodeProgress:
    """The numbers of one node and boot, which count up by one from 1; 0 stands for none seen."""

    highest: int = 0
    fresh: bool = True  # nothing was seen since Zeek was asked for everything unanswered: a jump is no gap
    gaps: int = 0  # numbers that never came
    active: float = 0.0  # when something of this node last moved
    asked: float = 0.0  # when it was last asked for what it says is unanswered
    _missing: set[int] = field(default_factory=set)
    _lowest_missing: int = 0  # where a gap was too wide to be listed
    _due: float = 0.0

    def see(self, seq: int, now: float) -> Seen:
        """A candidate with this number came."""
        self.active = now
        if seq in self._missing:
            self._missing.discard(seq)
            return Seen.LATE
        if seq <= self.highest:
            return Seen.DUPLICATE
        self._reach(seq - 1, now)
        self.highest = seq
        return Seen.NEW

    def expect(self, seq: int, now: float) -> None:
        """The node says that it used this number: everything up to it should be here, or come soon."""
        if seq > self.highest and not self.fresh:
            self._reach(seq, now)
            self.highest = seq

    def overdue(self, now: float) -> int | None:
        """The first missing number, once, when it is too late for it to come."""
        if not (self._missing or self._lowest_missing) or now < self._due:
            return None
        self.gaps += len(self._missing)
        first = min(self._missing | ({self._lowest_missing} - {0}))
        self._forget()
        return first

    def restart(self) -> None:
        """Zeek was asked for everything unanswered; what is missing will come under new numbers."""
        self._forget()
        self.fresh = True

    def _forget(self) -> None:
        self._missing.clear()
        self._lowest_missing = 0

    def _reach(self, seq: int, now: float) -> None:
        """Everything after `highest` up to `seq` is missing, unless nothing was followed before."""
        width = seq - self.highest
        if width > 0 and not self.fresh:
            if not self._missing and not self._lowest_missing:
                self._due = now + GRACE
            if width + len(self._missing) > MOST_MISSING:
                self.gaps += width
                self._lowest_missing = self._lowest_missing or self.highest + 1
            else:
                self._missing.update(range(self.highest + 1, seq + 1))
        self.fresh = False
