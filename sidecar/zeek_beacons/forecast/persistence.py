"""What stays above a threshold for several windows that follow each other in time, and the threshold itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.pairs import Bools, Floats, Ints

Scores = NDArray[np.float32]
TOGETHER = 12  # windows: what is above the threshold again so soon is the same alert
TAIL = (5, 200)  # fewest and most of the highest blocks that the tail is read from
SHARE = 0.1  # of all blocks, likewise


@dataclass(frozen=True, slots=True)
class Run:
    """Places of windows: where it begins, where it had lasted long enough, its last window."""

    begin: int
    told: int
    last: int


def held(score: Scores, window: Ints, lasting: int) -> Scores:
    """The smallest of the last `lasting` scores, (n, w); NaN where the windows do not follow each other in time."""
    found = np.full(score.shape, np.nan, np.float32)
    for place in range(lasting - 1, score.shape[1]):
        first = place - lasting + 1
        if window[place] - window[first] == lasting - 1:
            found[:, place] = score[:, first : place + 1].min(axis=1)
    return found


def runs(above: Bools, lasting: int) -> list[Run]:
    """Where a series alerts. `above`: (w,) windows at which it held above the threshold."""
    places = np.flatnonzero(above)
    if not len(places):
        return []
    breaks = np.flatnonzero(np.diff(places) > TOGETHER) + 1
    return [Run(int(part[0]) - lasting + 1, int(part[0]), int(part[-1])) for part in np.split(places, breaks)]


def surprising(above: Bools, lasting: int) -> Bools:
    """(n, w) windows that took part in holding above the threshold."""
    part = above.copy()
    for back in range(1, lasting):
        part[:, :-back] |= above[:, back:]
    return part


def threshold(calm: Scores, lasting: int, allowed: float) -> float:
    """The score that about `allowed` alerts reach in windows like these, (n, w), as `held` gives them.

    Blocks of `lasting` windows stand for alerts. Where fewer are allowed than one, their highest scores are carried on
    by an exponential tail, and never below what was seen. NaN without any block.
    """
    highest = _blocks(calm, lasting)
    if not len(highest):
        return np.nan
    if allowed >= len(highest):
        return float(np.nextafter(np.float32(highest[-1]), np.float32(-np.inf)))
    if allowed >= 1:
        return float(np.nextafter(highest[int(allowed)], np.float32(np.inf)))
    most = int(np.clip(SHARE * len(highest), *TAIL))
    top = highest[: min(most, len(highest))].astype(np.float64)
    scale = float((top - top[-1]).mean())
    beyond = float(top[-1]) + scale * np.log(len(top) / max(allowed, 1e-9))
    return float(np.nextafter(np.float32(max(beyond, float(top[0]))), np.float32(np.inf)))


def _blocks(calm: Scores, lasting: int) -> Floats:
    """The highest score of each block that has one, falling."""
    n, w = calm.shape
    padded = np.full((n, -(-w // lasting) * lasting), -np.inf, np.float32)
    padded[:, :w] = np.where(np.isnan(calm), -np.inf, calm)
    found = padded.reshape(n, -1, lasting).max(axis=2).ravel() if padded.size else np.zeros(0, np.float32)
    ordered: Floats = np.sort(found[np.isfinite(found)])[::-1]
    return ordered
