"""Pairs that are on an indicator list: what that changes of their verdicts.

A beacon on a list is one level severer. What is no beacon stays none: lists are old, and servers are shared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from zeek_beacons.knowledge.indicators import IndicatorLists
from zeek_beacons.pairs import Ints, Pairs
from zeek_beacons.verdicts import SEVERITIES, Verdicts

SEVEREST = len(SEVERITIES) - 1


def listed(pairs: Pairs, members: Mapping[int, Ints], lists: IndicatorLists) -> dict[int, str]:
    """How each pair is on a list, or on one that Zeek's Intel framework has, by row.

    A group is where one of its members is. `members`: rows by group.
    """
    found = lists.hits(pairs)
    for row in np.flatnonzero(pairs.intel != "").tolist():
        found.setdefault(row, f"in Zeek's Intel framework as {pairs.intel[row]}")
    for group, rows in members.items() if found else ():
        hit = next((found[row] for row in rows.tolist() if row in found), "")
        if hit:
            found.setdefault(group, hit)
    return found


def severer(verdicts: Verdicts, found: Mapping[int, str]) -> Verdicts:
    """The verdicts with each beacon among these rows one level severer, the severest at most."""
    if not found:
        return verdicts
    severity = verdicts.severity.copy()
    rows = np.array(sorted(found), dtype=np.int64)
    beacons = rows[severity[rows] > 0]
    severity[beacons] = np.minimum(severity[beacons] + 1, SEVEREST)
    return replace(verdicts, severity=severity)


def lent(found: Mapping[int, str], members: Mapping[int, Ints], speaker: Ints) -> dict[int, str]:
    """The same, where a pair that a group speaks for and that is on no list says what the group is."""
    told = dict(found)
    for group, rows in members.items():
        if group in found:
            for row in rows.tolist():
                if speaker[row] == group:
                    told.setdefault(row, f"together with a server {found[group]}")
    return told
