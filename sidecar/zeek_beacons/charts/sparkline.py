"""A sparkline: how busy a pair was over its time, in the height of a line of text."""

from __future__ import annotations

import numpy as np

from zeek_beacons.charts.svg import chart, clean, number, path
from zeek_beacons.pairs import Floats

WIDTH, HEIGHT = 120, 24
MOST = 40  # bars


def sparkline(counts: Floats, what: str = "check-ins over time") -> str:
    """Counts of equal stretches of time, the oldest first, as bars."""
    heights = together(clean(counts, 0.0, 1e12), MOST)
    most = heights.max() if len(heights) else 0.0
    if not most:
        return chart("sparkline", WIDTH, HEIGHT, what, "none known", [])
    step = WIDTH / len(heights)
    wide = max(step - 1, 0.5)
    tall = np.where(heights > 0, np.maximum(heights / most * (HEIGHT - 2), 2.0), 0.0)
    bars = (
        f"M{number(place * step)} {HEIGHT}v-{number(height)}h{number(wide)}v{number(height)}z"
        for place, height in enumerate(tall.tolist())
        if height
    )
    quiet = int((heights == 0).sum())
    told = f"busiest {heights.max():.0f}, {quiet} of {len(heights)} parts silent"
    return chart("sparkline", WIDTH, HEIGHT, what, told, [path(bars, "mark")])


def together(counts: Floats, most: int) -> Floats:
    """The counts, neighbours added up until there are at most `most`."""
    each = -(-len(counts) // most)
    if each <= 1:
        return counts
    padded = np.concatenate([counts, np.zeros(-len(counts) % each)])
    added: Floats = padded.reshape(-1, each).sum(axis=1)
    return added
