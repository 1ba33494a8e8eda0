"""Address pairs that the pair by name speaks for, and those that hide behind it.

Where every connection to an address carried one server name, both pairs say the same and one of them is quiet. But any
client can claim any name: one that its host is busy with makes a beacon's check-ins a small part of that name's pair,
which has no rhythm then. So an address speaks for itself where nobody but the client says that the name is its own, the
name has other connections beside and is no beacon, and the address is one from the balanced threshold on.
"""

from __future__ import annotations

import numpy as np

from zeek_beacons.keys import Key
from zeek_beacons.pairs import Bools, Ints, Pairs
from zeek_beacons.verdicts import BEACON, Verdicts


def spoken_for(pairs: Pairs, verdicts: Verdicts, confirmed: Bools, usual: float) -> Bools:
    """Pairs that another one speaks for, (n,). `confirmed`: whose name somebody else than the client says, (n,)."""
    spoken = pairs.is_twin
    loud = [row for row in loud_twins(pairs, verdicts, usual).tolist() if not confirmed[row]]
    if not loud:
        return spoken
    named = _by_name(pairs)
    for row, key in zip(loud, _names(pairs, np.array(loud)), strict=True):
        other = named.get(key, -1)
        if other >= 0 and verdicts.label[other] != BEACON and pairs.conns[other] > pairs.conns[row]:
            spoken[row] = False
    return spoken


def loud_twins(pairs: Pairs, verdicts: Verdicts, usual: float) -> Ints:
    """Rows of address pairs that would alert but for the pair by name. `usual`: the threshold of `balanced`."""
    loud = pairs.is_twin & (pairs.resp == pairs.addr) & (verdicts.label == BEACON)
    return np.flatnonzero(loud & (np.nan_to_num(verdicts.score) >= usual))


def missing_names(pairs: Pairs, rows: Ints) -> list[Key]:
    """The pairs by name that speak for these rows and are not in the batch."""
    named = _by_name(pairs)
    return [key for key in dict.fromkeys(_names(pairs, rows)) if key not in named]


def _by_name(pairs: Pairs) -> dict[Key, int]:
    rows = np.flatnonzero(pairs.is_named)
    return dict(zip(pairs.keys(rows), rows.tolist(), strict=True))


def _names(pairs: Pairs, rows: Ints) -> list[Key]:
    """The keys of the pairs by name that these have too."""
    names = pairs.server_name[rows].tolist()
    return [(key[0], name, *key[2:]) for key, name in zip(pairs.keys(rows), names, strict=True)]
