"""The longest connection of each pair among those that its reservoir has let go, where it was long."""

from __future__ import annotations

import numpy as np

from zeek_beacons.readers.columns import PairRows

LEAST = 600.0  # seconds; shorter ones are nothing to remember


class LongGone:
    """By number of the pair, start (microseconds) and duration (seconds) of its longest connection that is gone."""

    def __init__(self) -> None:
        self.longest: dict[int, tuple[int, float]] = {}

    def let_go(self, rows: PairRows) -> None:
        """These are not held any more. Of pairs by name nothing is remembered: the same ones go by address."""
        rows = rows.take((rows.duration >= LEAST) & ~rows.by_name)
        order = np.lexsort((-rows.start_us, rows.duration, rows.pair))
        last = order[np.flatnonzero(np.diff(rows.pair[order], append=-1))]
        columns = (rows.pair[last].tolist(), rows.start_us[last].tolist(), rows.duration[last].tolist())
        for pair, start_us, duration in zip(*columns, strict=True):
            if duration > self.longest.get(pair, (0, 0.0))[1]:
                self.longest[pair] = start_us, duration
