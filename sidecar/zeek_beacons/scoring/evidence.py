"""How many check-ins a rhythm needs before a verdict is more than a guess."""

from __future__ import annotations

import numpy as np

from zeek_beacons.pairs import Floats, Ints

# Rows (jitter up to, check-ins needed), by rising jitter; the last row holds for everything above.
EvidenceTable = tuple[tuple[float, int], ...]

# Without a model: what the interpretable rules need, rounded up from `zeek-beacons train`'s own table.
DEFAULT_EVIDENCE: EvidenceTable = ((0.1, 6), (0.3, 10), (1.0, 20))


def needed(jitter: Floats, table: EvidenceTable) -> Ints:
    """Check-ins needed for a verdict at this jitter (0 to 1; NaN, no rhythm, counts as the widest), (n,)."""
    limits = np.array([limit for limit, _ in table])
    counts = np.array([count for _, count in table], dtype=np.int64)
    row = np.searchsorted(limits, np.nan_to_num(jitter, nan=np.inf))
    return counts[np.minimum(row, len(counts) - 1)]
