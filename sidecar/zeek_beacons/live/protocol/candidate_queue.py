"""The queue of candidates that wait to be scored. It is bounded, and decides what goes first when it is full."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

from zeek_beacons.live.protocol.messages import Candidate, PairKey


@dataclass(frozen=True, slots=True)
class QueueBounds:
    """What may wait: candidates, and observations in all of them (about 40 bytes each)."""

    candidates: int = 10_000
    observations: int = 1_000_000


class CandidateQueue:
    """First in, first out. Beyond its bounds the oldest candidate that a newer one of its pair replaces goes first."""

    def __init__(self, bounds: QueueBounds) -> None:
        self.bounds = bounds
        self._waiting: OrderedDict[int, tuple[Candidate, float]] = OrderedDict()  # with when it came, by arrival
        self._newest: dict[PairKey, int] = {}
        self._replaced: OrderedDict[int, None] = OrderedDict()  # arrivals with a newer candidate of their pair behind
        self._arrivals = 0
        self._observations = 0

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def half_empty(self) -> bool:
        """Whether there is room again for what was dropped."""
        return len(self) * 2 <= self.bounds.candidates and self._observations * 2 <= self.bounds.observations

    def add(self, candidate: Candidate, now: float) -> tuple[list[Candidate], list[Candidate]]:
        """Takes a candidate in. Returns what had to go for it: those that a newer one replaces, and the others."""
        self._arrivals += 1
        earlier = self._newest.get(candidate.key)
        if earlier is not None:
            self._replaced[earlier] = None
        self._newest[candidate.key] = self._arrivals
        self._waiting[self._arrivals] = candidate, now
        self._observations += candidate.observations
        replaced: list[Candidate] = []
        lost: list[Candidate] = []
        while self._is_over():
            if self._replaced:
                replaced.append(self._remove(next(iter(self._replaced)))[0])
            else:
                lost.append(self._remove(next(iter(self._waiting)))[0])
        return replaced, lost

    def take(self, most: int) -> list[tuple[Candidate, float]]:
        """The oldest candidates, at most so many, out of the queue, each with when it came."""
        return [self._remove(next(iter(self._waiting))) for _ in range(min(most, len(self)))]

    def _is_over(self) -> bool:
        over = len(self) > self.bounds.candidates or self._observations > self.bounds.observations
        return over and len(self) > 1

    def _remove(self, arrival: int) -> tuple[Candidate, float]:
        candidate, came = self._waiting.pop(arrival)
        self._observations -= candidate.observations
        self._replaced.pop(arrival, None)
        if self._newest.get(candidate.key) == arrival:
            del self._newest[candidate.key]
        return candidate, came
