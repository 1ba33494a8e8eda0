"""Which benign rhythms a pair was held against, and why they do or do not fit: what lookalikes.py decides, told."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from zeek_beacons.features import Features
from zeek_beacons.pairs import Pairs
from zeek_beacons.scoring.lookalike_table import LookAlike
from zeek_beacons.scoring.lookalikes import addressed, behaves, calling, may_be_named, within_reach
from zeek_beacons.scoring.names import ServerNames

WEB = frozenset((80, 443))  # ports that bring no rhythm to mind by themselves


class HeldAgainst(NamedTuple):
    """One benign rhythm beside a pair."""

    code: str
    text: str
    fits: bool
    why: str


def considered(pairs: Pairs, features: Features, names: ServerNames) -> list[list[HeldAgainst]]:
    """For each pair the rhythms that its port or its server's name brings to mind, in the table's order."""
    found: list[list[HeldAgainst]] = [[] for _ in range(len(pairs))]
    has_name = may_be_named(pairs)
    called = [{*calling(name), *calling(told)} for name, told in zip(names.name, names.looked_up, strict=True)]
    for place, look in within_reach(pairs, has_name):
        rows = np.flatnonzero(addressed(pairs, look, has_name))
        if not len(rows):
            continue
        fits = behaves(pairs.take(rows), features.take(rows), look)
        for row, fit in zip(rows.tolist(), fits.tolist(), strict=True):
            by_name = not (look.names or look.labels) or place in called[row]
            if by_name or (look.ports and WEB.isdisjoint(look.ports)):
                found[row].append(HeldAgainst(look.code, look.text, by_name and fit, _why(look, by_name, fit)))
    return found


def _why(look: LookAlike, by_name: bool, fits: bool) -> str:
    what = "its port" if look.ports else "its server's name"
    if not by_name:
        return f"{what} is that of it, its server's name is not"
    if not fits:
        return f"{what} is that of it, its service, sizes or place are not"
    named = bool(look.names or look.labels)
    return "its server's name is that of it" if named else f"{what}, service, sizes and place are those of it"
