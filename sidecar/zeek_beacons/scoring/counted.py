"""Findings that are told by counting, not by their rhythm: strobes, and connections that stay open for long.
And what the server explains of them, and of exchanges inside connections that stay open.

A strobe is a pair with more than one connection a second, on average over two hours or more: the newest connections
that are held cover minutes of it, so no features are computed on them. A long connection is open for
`Config.long_after` seconds or more; where its pair has a rhythm besides, that speaks for it.

Only what leaves the site is told of, and only where the server is not known for just that (`is_expected`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zeek_beacons.config import Config
from zeek_beacons.keys import CONN, POLL
from zeek_beacons.knowledge import OPERATORS, TAG_BIT, Knowledge, shipped_knowledge
from zeek_beacons.pairs import Bools, Bytes, Floats, Pairs
from zeek_beacons.scoring.names import ServerNames
from zeek_beacons.verdicts import BEACON, LONG, OWN_BEACON, SEVERITIES, STROBE, Verdicts

STROBE_RATE = 1.0  # connections a second that a strobe has more of
STROBE_SPAN = 7200.0  # seconds that it lasts, at least
SEVERITY = SEVERITIES.index("medium")  # counting says that it is there, not what it is

# Servers that are asked as often, or are held as long, by what they are for: name servers, clocks, mail; push services.
BUSY_PORTS = (25, 53, 123, 853)
HELD_PORTS = (5222, 5223, 5228, 5229, 5230)
POPULAR = 20_000.0  # rank of a name up to which a heartbeat is explained by it


def rate(pairs: Pairs) -> Floats:
    """Connections a second of each pair, (n,), from the first one ever seen to the newest; 0 where that is no time."""
    span = pairs.last_ts - pairs.first_ts
    known = span > 0
    return np.divide(pairs.conns, span, out=np.zeros(len(pairs)), where=known)


def longest(pairs: Pairs) -> Floats:
    """Duration of the longest connection that each pair holds, (n,), seconds; 0 where none is known."""
    found = np.zeros(len(pairs))
    owner = np.repeat(np.arange(len(pairs)), pairs.counts)
    np.maximum.at(found, owner, np.nan_to_num(pairs.duration))
    return found


def kinds(pairs: Pairs, config: Config) -> Bytes:
    """STROBE or LONG of the pairs that are such, OWN_BEACON of all others, (n,) index into KINDS."""
    outward = pairs.orig_local & ~pairs.resp_local & (pairs.channel == CONN)
    strobes = outward & (rate(pairs) > STROBE_RATE) & (pairs.last_ts - pairs.first_ts >= STROBE_SPAN)
    long = outward & (longest(pairs) >= config.long_after)
    return np.select([strobes, long], [STROBE, LONG], OWN_BEACON).astype(np.uint8)


def told(verdicts: Verdicts, counted: Bytes) -> Verdicts:
    """The verdicts with what was counted: of a long connection where its rhythm alone is no beacon. `counted`: (n,)."""
    rows = (counted == STROBE) | ((counted == LONG) & (verdicts.label != BEACON))
    if not rows.any():
        return verdicts
    return replace(
        verdicts,
        label=np.where(rows, BEACON, verdicts.label).astype(np.uint8),
        severity=np.where(rows, SEVERITY, verdicts.severity).astype(np.uint8),
        kind=np.where(rows, counted, verdicts.kind).astype(np.uint8),
    )


def is_expected(pairs: Pairs, counted: Bytes, known: Knowledge | None = None) -> Bools:
    """Which strobes, long connections and exchanges inside connections their server explains, (n,).

    By its port, or by a well-known name: one that is popular (of heartbeats among the first POPULAR), or whose operator
    is, that the client does not claim falsely, and behind which malware is not known to hide. Heartbeats are explained
    too where both ends belong to the site: services there keep in touch so. `counted`: as `kinds` has it, OWN_BEACON
    for what alerts by its rhythm.
    """
    beats = (counted == OWN_BEACON) & (pairs.channel == POLL)
    held = (counted == LONG) | beats
    busy = (counted == STROBE) & np.isin(pairs.resp_p, BUSY_PORTS)
    expected: Bools = busy | (held & np.isin(pairs.resp_p, HELD_PORTS)) | (beats & pairs.orig_local & pairs.resp_local)
    rows = np.flatnonzero(((counted == STROBE) | held) & ~expected)
    if len(rows):
        names = ServerNames.of(pairs.take(rows), known or shipped_knowledge())
        abused = (names.name_tags & TAG_BIT["trusted_site"]) != 0
        popular = names.rank <= np.where(beats[rows], POPULAR, np.inf)
        expected[rows] = (popular | ((names.name_tags & OPERATORS) != 0)) & ~names.false & ~abused
    return expected
