"""What queries under a domain are for: to look servers up, or to talk to the domain's own name server.

Most look-ups are followed by connections, which tell more than they do. To talk over DNS the name server of the domain
must be one's own, which that of a popular domain or of a large operator is not.

A tunnel carries data in the names that a client asks for, however regular that is.
What carries data asks for another name each time, and for long ones, since 255 bytes of a name are all that fits into a
query (RFC 1035). People and programs ask for few names of a domain, and for short ones. So it is told by the different
names alone: a long name that is asked for again and again is none.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from zeek_beacons.keys import DNS
from zeek_beacons.knowledge import OPERATORS, TAG_BIT
from zeek_beacons.pairs import Bools, Pairs
from zeek_beacons.readers.dns_asked import MOST_NAMES
from zeek_beacons.scoring.lookalikes import NONE, KnownRhythms
from zeek_beacons.scoring.names import ServerNames
from zeek_beacons.verdicts import BEACON, NOT_SUPPRESSED, SEVERITIES, TUNNEL, Verdicts

LEAST_NAMES = 100  # different ones of one domain, by one client
LEAST_LENGTH = 40.0  # characters of a name, on average
QUERIES = 4  # for a connection, at most, where names are looked up for it: A, AAAA and HTTPS, and some again
AGAIN = 4  # times that each name is asked for, at least, where nothing is carried in names
ANYBODYS = TAG_BIT["dynamic_dns"] | TAG_BIT["shared_suffix"]
SEVERITY = SEVERITIES.index("high")


def are_look_ups(pairs: Pairs, names: ServerNames) -> Bools:
    """Which queries are not for the domain's own name server, (n,), and tell nothing of themselves. `names`: theirs.

    Nor are those for the addresses of a few names again and again: resolvers keep such answers to themselves.
    """
    few = (pairs.names_asked < MOST_NAMES) & (AGAIN * pairs.names_asked <= pairs.conns)
    again = few & (pairs.for_addresses >= pairs.conns)
    looks_up: Bools = (QUERIES * pairs.connected >= pairs.conns) | again | _of_others(pairs, names)
    return looks_up


def _of_others(pairs: Pairs, names: ServerNames) -> Bools:
    """Queries under a domain that no implant's name server can be the one of, (n,)."""
    known = np.isfinite(names.rank) | ((names.name_tags & OPERATORS) != 0)
    others: Bools = (pairs.channel == DNS) & known & ((names.name_tags & ANYBODYS) == 0)
    return others


def are_tunnels(pairs: Pairs, names: ServerNames, look: KnownRhythms) -> Bools:
    """Which pairs carry data in names, (n,). `names` and `look` are theirs.

    Not a list that is asked over DNS, nor a popular domain: the servers of content networks have long names, too.
    """
    many = (pairs.channel == DNS) & (pairs.names_asked >= LEAST_NAMES)
    long = pairs.names_length >= LEAST_LENGTH * np.nan_to_num(pairs.names_asked)
    return np.asarray(many & long & ~_of_others(pairs, names) & (look.index == NONE), dtype=np.bool_)


def found(verdicts: Verdicts, tunnels: Bools) -> Verdicts:
    """The verdicts with tunnels as findings of their own, whatever their rhythm is like. `tunnels`: (n,)."""
    if not tunnels.any():
        return verdicts
    return replace(
        verdicts,
        label=np.where(tunnels, BEACON, verdicts.label).astype(np.uint8),
        severity=np.where(tunnels, np.maximum(verdicts.severity, SEVERITY), verdicts.severity).astype(np.uint8),
        suppressed=np.where(tunnels, NOT_SUPPRESSED, verdicts.suppressed).astype(np.uint8),
        kind=np.where(tunnels, TUNNEL, verdicts.kind).astype(np.uint8),
    )
