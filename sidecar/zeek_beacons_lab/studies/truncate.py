"""Pairs with fewer connections than they have: for what can be known early, and for classes of equal length."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zeek_beacons.pairs import OBSERVATION_COLUMNS, Ints, Pairs


def shortened(pairs: Pairs, counts: Ints) -> Pairs:
    """The first `counts` (n,) connections of each pair, none of them more than it has."""
    offsets = np.concatenate([[0], np.cumsum(counts)])
    rows = np.repeat(pairs.offsets[:-1] - offsets[:-1], counts) + np.arange(offsets[-1])
    kept = {name: getattr(pairs, name)[rows] for name in OBSERVATION_COLUMNS}
    conns, named = np.minimum(pairs.conns, counts), np.minimum(pairs.named, counts)
    return replace(pairs, offsets=offsets, conns=conns, named=named, **kept)
