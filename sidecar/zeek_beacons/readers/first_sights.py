"""When a server was first seen at this site, as a trait of its pairs: by the earliest of the pairs that are judged."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from zeek_beacons.pairs import Pairs, Strings
from zeek_beacons.traits import with_first_sight


def first_sights(pairs: Pairs, least: int) -> Strings:
    """The column `Pairs.traits`, (n,), of pairs of `least` connections with the first sight of their servers."""
    traits = pairs.traits.copy()
    judged = np.flatnonzero((pairs.conns >= least) & (pairs.counts > 0))
    servers = pa.array(pairs.resp[judged], type=pa.string()).dictionary_encode()
    server = servers.indices.to_numpy()
    first = np.full(len(servers.dictionary), np.inf)
    np.minimum.at(first, server, pairs.first_ts[judged])
    for row, seen in zip(judged.tolist(), first[server].tolist(), strict=True):
        traits[row] = with_first_sight(traits[row], seen)
    return traits
