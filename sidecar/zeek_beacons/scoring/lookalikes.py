"""Which pairs a known benign rhythm explains. The table of them is lookalike_table.py.

A look-alike needs more than a port: the sizes that its protocol has, the service as Zeek recognised it, a responder on
the same network, other hosts that go there too, or a server name of its own. What fits is told with the verdict. One
known by its protocol does not alert. One known by a name, which a client can claim, does not alert below the
conservative threshold; where a second witness confirms the name (see names.py), it does not alert at all, unless
malware is known to hide behind that very site.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.features import Features
from zeek_beacons.knowledge import TAG_BIT
from zeek_beacons.pairs import Bools, Floats, Ints, Pairs, Strings
from zeek_beacons.scoring.lookalike_table import LOOK_ALIKES, LookAlike
from zeek_beacons.scoring.names import ServerNames

NONE = -1
LONGEST = 253  # bytes of a name, RFC 1035
PACKETS = 0.9  # share of the sizes that must be whole packets


@dataclass(frozen=True, slots=True, eq=False)
class KnownRhythms:
    """The look-alikes of `n` pairs."""

    index: NDArray[np.int16]  # (n,) into LOOK_ALIKES, NONE for none
    proven: Bools  # (n,) whether it rests on more than what the client itself says

    def quiet(self, score: Floats, certain: float) -> Bools:
        """Which pairs do not alert for it, (n,); `certain`: the score from which a mere name is no excuse."""
        kept: Bools = self.proven | ((self.index != NONE) & (score < certain))
        return kept


def find(pairs: Pairs, features: Features, names: ServerNames) -> KnownRhythms:
    """The first look-alike that each pair fits. `features` and `names` are those of `pairs`."""
    index = np.full(len(pairs), NONE, dtype=np.int16)
    proven = np.zeros(len(pairs), dtype=np.bool_)
    own = _Named.of(names)
    has_name = may_be_named(pairs)
    for place, look in reversed(within_reach(pairs, has_name)):
        rows = np.flatnonzero(addressed(pairs, look, has_name))
        called, confirmed = own.called(rows, place)
        rows, confirmed = rows[called], confirmed[called]
        if not len(rows):
            continue
        fits = behaves(pairs.take(rows), Features(features.matrix[rows]), look)
        index[rows[fits]] = place
        proven[rows[fits]] = confirmed[fits]
    return KnownRhythms(index, proven)


@dataclass(frozen=True, slots=True, eq=False)
class _Named:
    """The names of `n` pairs."""

    claims: _Stated  # what is claimed, or looked up where nothing was claimed
    looked_up: _Stated
    confirmed: Bools  # (n,)
    abused: Bools  # (n,) a site that implants are known to talk through

    @classmethod
    def of(cls, names: ServerNames) -> Self:
        abused = (names.name_tags & TAG_BIT["trusted_site"]) != 0
        return cls(_Stated.of(names.name), _Stated.of(names.looked_up), names.confirmed, abused)

    def called(self, rows: NDArray[np.int64], place: int) -> tuple[Bools, Bools]:
        """Which of these rows have a name that a look-alike states, if it states any; and which rest on more."""
        look = LOOK_ALIKES[place]
        if not (look.names or look.labels):
            return np.ones(len(rows), dtype=np.bool_), np.full(len(rows), look.certain)
        claimed, told = self.claims.by(rows, place), self.looked_up.by(rows, place)
        # A first label says what a server is for, not whose it is: anybody has a mail server.
        witnessed = (told | (claimed & self.confirmed[rows])) & ~self.abused[rows]
        return claimed | told, witnessed & bool(look.names)


@dataclass(frozen=True, slots=True, eq=False)
class _Stated:
    """Names of `n` pairs, `k` different ones, each of which is looked at once."""

    number: Ints  # (n,) which of the different ones
    look_alikes: Bools  # (k, len(LOOK_ALIKES)) that state it

    @classmethod
    def of(cls, names: Strings) -> Self:
        listed = names.tolist()
        number = {name: place for place, name in enumerate(dict.fromkeys(listed))}
        stated = np.zeros((len(number), len(LOOK_ALIKES)), dtype=np.bool_)
        for name, place in number.items():
            stated[place, calling(name)] = True
        return cls(np.fromiter(map(number.__getitem__, listed), np.int64, len(listed)), stated)

    def by(self, rows: NDArray[np.int64], place: int) -> Bools:
        """Which of these rows' names a look-alike states."""
        stated: Bools = self.look_alikes[self.number[rows], place]
        return stated


def calling(name: str) -> list[int]:
    """The look-alikes that state a server name, as places in LOOK_ALIKES."""
    if not name or len(name) > LONGEST:
        return []
    name = name.lower()
    found = [place for part in _parents(name) for place in _BY_NAME.get(part, ())]
    label = name.split(".")[0]
    return found + [place for place, labels in _BY_LABEL.items() if label.startswith(labels)]


def _by_name() -> dict[str, list[int]]:
    found: defaultdict[str, list[int]] = defaultdict(list)
    for place, look in enumerate(LOOK_ALIKES):
        for name in look.names:
            found[name].append(place)
    return dict(found)


_BY_NAME = _by_name()
_BY_LABEL = {place: look.labels for place, look in enumerate(LOOK_ALIKES) if look.labels}


def _parents(name: str) -> Iterator[str]:
    """The name and every domain above it."""
    while name:
        yield name
        name = name.partition(".")[2]


def may_be_named(pairs: Pairs) -> Bools:
    """Pairs whose server may have a name, by cheap comparisons, (n,)."""
    may: Bools = (pairs.server_name != "") | (pairs.dns_name != "") | (pairs.cert_valid == 1) | pairs.is_named
    return may


def within_reach(pairs: Pairs, has_name: Bools) -> list[tuple[int, LookAlike]]:
    """The look-alikes that some pair may be addressed to, each with its place: most have no port that a batch has."""
    ports, protos, channels = set(pairs.resp_p.tolist()), set(pairs.proto.tolist()), set(pairs.channel.tolist())
    may_be_called = bool(has_name.any())
    return [
        (place, look)
        for place, look in enumerate(LOOK_ALIKES)
        if (not look.proto or look.proto in protos)
        and (not look.channel or look.channel in channels)
        and (not look.ports or not ports.isdisjoint(look.ports))
        and (may_be_called or not (look.names or look.labels))
    ]


def addressed(pairs: Pairs, look: LookAlike, has_name: Bools) -> Bools:
    """Pairs to the right port, with a name (`has_name`) where one is stated, by cheap comparisons, (n,)."""
    fits = np.ones(len(pairs), dtype=np.bool_)
    if look.proto:
        fits &= pairs.proto == look.proto
    if look.channel:
        fits &= pairs.channel == look.channel
    if look.ports:
        fits &= np.isin(pairs.resp_p, look.ports)
    if look.names or look.labels:
        fits &= has_name
    return fits


def behaves(pairs: Pairs, features: Features, look: LookAlike) -> Bools:
    """Pairs whose service, sizes and company are as stated.

    An unknown size fits no stated one, unless a name or a recognised service is stated as well: many logs hold these
    and no sizes.
    """
    fits = np.ones(len(pairs), dtype=np.bool_)
    if look.services:
        fits &= np.array([bool(set(look.services) & set(seen.lower().split(","))) for seen in pairs.service], bool)
    sent, received = _bytes(features.column("log_orig")), _bytes(features.column("log_resp"))
    unknown_fits = bool(look.names or look.labels or look.services)
    for known, (least, most) in ((sent, look.sent), (received, look.received)):
        if (least, most) != (0.0, np.inf):
            fits &= (known >= least - 0.5) & (known <= most + 0.5) | (np.isnan(known) & unknown_fits)
    if look.same_sent:
        fits &= features.column("orig_near_median") >= look.same_sent
    if look.gap != np.inf:
        fits &= features.column("median_gap") <= look.gap
    if look.inside:
        fits &= pairs.resp_local
    if look.packet:
        fits &= _whole_packets(pairs, look.packet)
    if look.shared > 1 or look.addresses:
        is_shared = (pairs.resp_hosts >= look.shared) & (look.shared > 1)
        fits &= is_shared | np.isin(pairs.addr.astype(str), look.addresses)
    return fits


def _whole_packets(pairs: Pairs, size: int) -> Bools:
    """Pairs of which nearly all known sizes, at least three, are whole multiples of `size`."""
    both = np.stack([pairs.orig_bytes, pairs.resp_bytes])
    owner = np.repeat(np.arange(len(pairs)), pairs.counts)
    known = np.bincount(owner, np.isfinite(both).sum(axis=0), len(pairs))
    whole = np.bincount(owner, (both % size == 0).sum(axis=0), len(pairs))
    fits: Bools = (known >= 3) & (whole >= PACKETS * known)
    return fits


def _bytes(logarithm: NDArray[np.float32]) -> Floats:
    median: Floats = 10.0 ** logarithm.astype(np.float64) - 1
    return median
