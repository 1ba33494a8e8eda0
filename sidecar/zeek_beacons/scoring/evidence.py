"""How many check-ins a rhythm needs before a verdict is more than a guess.

The wider the jitter, the easier plain chance looks like it. For a sleep `s` shortened by up to `j`, a Poisson process
of mean gap `m` puts one gap into `[s(1-j), s]` with probability `exp(-s(1-j)/m) - exp(-s/m)`, at most `p(j)` over all
`m`. `k` gaps in a row fit with probability `p(j)**k`; evidence is enough where that falls below `CHANCE`, with two
gaps spent on choosing `s` and `j`.
"""

from __future__ import annotations

import math

import numpy as np

from zeek_beacons.pairs import Floats, Ints

# Rows (jitter up to, check-ins needed), by rising jitter; the last row holds for everything above.
EvidenceTable = tuple[tuple[float, int], ...]

CHANCE = 1e-3  # of one pair; how sure the finding is, the score says
JITTERS = (0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def chance_of_gap(jitter: float) -> float:
    """p(j): the most that a Poisson process can put between `s(1-j)` and `s`, jitter in (0, 1)."""
    if not 0 < jitter < 1:
        raise ValueError(f"jitter is {jitter}, expected between 0 and 1")
    # The maximum over m, where the derivative vanishes: s/m = -ln(1-j)/j.
    pace = -math.log1p(-jitter) / jitter
    return math.exp(-pace * (1 - jitter)) - math.exp(-pace)


def chance_table(chance: float = CHANCE) -> EvidenceTable:
    """The check-ins needed by jitter class."""
    gaps = [math.ceil(math.log(chance) / math.log(chance_of_gap(jitter))) + 2 for jitter in JITTERS]
    return tuple((jitter, count + 1) for jitter, count in zip(JITTERS, gaps, strict=True))


def needed(jitter: Floats, table: EvidenceTable) -> Ints:
    """Check-ins needed for a verdict at this jitter (0 to 1; NaN, no rhythm, counts as the widest), (n,)."""
    limits = np.array([limit for limit, _ in table])
    counts = np.array([count for _, count in table], dtype=np.int64)
    row = np.searchsorted(limits, np.nan_to_num(jitter, nan=np.inf))
    return counts[np.minimum(row, len(counts) - 1)]
