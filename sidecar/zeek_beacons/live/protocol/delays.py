"""How long verdicts take, as a histogram that only grows: what a monitoring system can take the difference of."""

from __future__ import annotations

import bisect
from collections.abc import Iterable
from typing import Any

# Seconds. A batch waits 0.02 s and is scored in a few hundredths; over 10 s something is wrong.
BOUNDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class DelayHistogram:
    """Counts delays by the first of BOUNDS that they do not exceed, the last place for those beyond all."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self._sum = 0.0

    def add(self, delays: Iterable[float]) -> None:
        """Counts these delays, in seconds."""
        for delay in delays:
            self._counts[bisect.bisect_left(BOUNDS, delay)] += 1
            self._sum += delay

    def state(self) -> dict[str, Any]:
        """As plain data: the bounds, the delays counted between them, and the sum of all in seconds."""
        return {"bounds": list(BOUNDS), "counts": list(self._counts), "sum": self._sum}
