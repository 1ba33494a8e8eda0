"""Incidents: alerting pairs that are one finding. Pure functions, the same for logs and for a running sidecar.

Two pairs that both come from outside, or both do not, belong together where one of these holds of the two alone,
whatever else is in the batch:

1. twins: one originator, port and protocol; a name, and an address whose connections carried that name, or that is the
   name's newest address and got most of its named connections from it, or that was looked up by it;
2. a proxy and what is behind it: a local address on a proxy's port, and a name that its originator reaches there, which
   makes most of the proxy's connections or has its sleep;
3. ports of one server: one originator and address; without names, or under one registered domain, or a name and an
   address without one whose sleeps agree;
4. a rotation: one originator, port, protocol and service, no name or one registered domain, and sleeps that agree; or
   most connections failed, as where a list of dead servers is tried;
5. one server of several hosts: the same name, or the same public address, port and protocol;
6. a group, see groups.py, and its members;
7. queries under a domain: with the connections to the resolver that carry them, and with whatever else one originator
   does under that registered domain.

An incident is all that hangs together so. Names of different domains never join by their rhythm, nor over an address
that several names share: many timers of one host are alike.
"""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, TypeAlias

import numpy as np

from zeek_beacons.called import called
from zeek_beacons.keys import CONN, DNS, Key, key_text
from zeek_beacons.knowledge import registered_domain
from zeek_beacons.pairs import STATE_CODE, Floats, Ints, Pairs, is_group
from zeek_beacons.verdicts import FROM_OUTSIDE, OWN_BEACON, Verdicts

PROXY_PORTS = frozenset((1080, 3128, 3129, 8000, 8008, 8080, 8081, 8088, 8118, 8888, 9090))
SLEEPS_AGREE = 1.15  # the longer over the shorter, at most
MOSTLY = 0.5  # share of failed connections from which on a server counts as dead
SEVERAL = "*"  # in place of a name: connections carried some, none of them at least half of all

# What documentation and tests have in place of public addresses, though Zeek counts it as local (RFC 5737, RFC 3849).
_EXAMPLES = ("192.0.2.", "198.51.100.", "203.0.113.", "2001:db8:")

# By code of a connection's state.
_NO_ANSWER = np.isin(np.arange(256), [STATE_CODE[name] for name in ("S0", "REJ", "RSTOS0", "SH", "RSTRH")])
_RESET = np.isin(np.arange(256), [STATE_CODE[name] for name in ("RSTO", "RSTR")])


class Member(NamedTuple):
    """What is known of an alerting pair where incidents are formed. Times in seconds, NaN where not known."""

    orig_h: str
    resp: str
    resp_p: int
    proto: str
    addr: str
    service: str
    name: str  # what its server is called, see called.py
    conns: int
    named: int
    local: bool  # whether its responder belongs to the site
    first_ts: float
    sleep: float
    failed: float  # share of connections that nobody answered, 0 to 1
    kind: int  # index into KINDS
    score: float  # 0 where it has none: what is told by counting
    group: str = ""  # what its group is called, or itself where it is one; "" where it is in none that alerts
    channel: str = CONN

    @property
    def key(self) -> Key:
        """Key of the pair."""
        return (*self[:4], self.channel)

    @property
    def is_named(self) -> bool:
        """Whether the responder is a server name."""
        return self.resp != self.addr and not self.is_group

    @property
    def is_group(self) -> bool:
        """Whether it stands for several pairs."""
        return is_group(self.resp)

    @property
    def domain(self) -> str:
        """Registered domain of its name; empty where it has none, SEVERAL where connections carried other names."""
        name = self.name
        return (registered_domain(name) or name) if name else SEVERAL if self.named else ""


@dataclass(frozen=True, slots=True, eq=False)
class Incidents:
    """The incidents of a batch of `n` pairs: the highest head first, in each the head first, then by falling score."""

    ids: tuple[str, ...]
    rows: tuple[Ints, ...]  # places of their members in the batch
    members: tuple[tuple[Member, ...], ...]
    of: Ints  # (n,) which incident a pair belongs to, -1 where it does not alert

    def __len__(self) -> int:
        return len(self.ids)


def find(pairs: Pairs, verdicts: Verdicts, groups: Mapping[int, Ints] | None = None) -> Incidents:
    """The incidents that the alerting pairs of a batch form. `groups`: row of a group -> rows of its members."""
    rows = np.flatnonzero(verdicts.alerts)
    members = members_at(pairs, verdicts, rows, groups)
    of_member = together(members)
    grouped: dict[int, list[int]] = defaultdict(list)
    for place in ranked(members):
        grouped[of_member[place]].append(place)
    incidents = list(grouped.values())
    of = np.full(len(pairs), -1, dtype=np.int64)
    for number, places in enumerate(incidents):
        of[rows[places]] = number
    return Incidents(
        tuple(identity(min((members[place] for place in places), key=age).key) for places in incidents),
        tuple(rows[places] for places in incidents),
        tuple(tuple(members[place] for place in places) for places in incidents),
        of,
    )


def members_at(pairs: Pairs, verdicts: Verdicts, rows: Ints, groups: Mapping[int, Ints] | None = None) -> list[Member]:
    """What is known of the pairs at some rows, which must alert. `groups`: see `find`."""
    group = np.full(len(pairs), "", dtype=np.object_)
    for row, members in (groups or {}).items():
        group[[row, *members]] = pairs.resp[row] if verdicts.alerts[row] else ""
    columns = [getattr(pairs, name)[rows].tolist() for name in ("orig_h", "resp", "resp_p", "proto", "addr", "service")]
    columns += [called(pairs).name[rows].tolist(), pairs.conns[rows].tolist(), pairs.named[rows].tolist()]
    columns += [pairs.resp_local[rows].tolist(), pairs.first_ts[rows].tolist()]
    columns += [verdicts.sleep[rows].tolist(), failed_share(pairs, rows).tolist()]
    columns += [verdicts.kind[rows].tolist(), np.nan_to_num(verdicts.score[rows]).tolist(), group[rows].tolist()]
    columns += [pairs.channel[rows].tolist()]
    return list(map(Member._make, zip(*columns, strict=True)))


def failed_share(pairs: Pairs, rows: Ints) -> Floats:
    """Share of the connections held of some pairs that nobody answered, or that were reset without a byte back."""
    chosen = pairs.take(rows)
    silent = np.nan_to_num(chosen.resp_bytes) == 0
    failed = _NO_ANSWER[chosen.state] | (silent & _RESET[chosen.state])
    owner = np.repeat(np.arange(len(rows)), chosen.counts)
    share: Floats = np.bincount(owner, failed, len(rows)) / np.maximum(chosen.counts, 1)
    return share


def identity(key: Key) -> str:
    """The id of the incident that began with this pair: 10 hexadecimal digits."""
    return hashlib.blake2b(key_text(key).encode(), digest_size=5).hexdigest()


def age(member: Member) -> tuple[float, Key]:
    """Orders members by when they began."""
    return (math.inf if math.isnan(member.first_ts) else member.first_ts), member.key


def ranked(members: Sequence[Member]) -> list[int]:
    """Places of the members by falling score; of equal ones groups first, then by key."""
    return sorted(
        range(len(members)),
        key=lambda place: (-members[place].score, not members[place].is_group, members[place].key),
    )


def together(members: Sequence[Member]) -> list[int]:
    """For each member the number of its incident. What is joined does not depend on their order."""
    sets = _DisjointSets(len(members))
    buckets: dict[Hashable, list[int]] = defaultdict(list)
    for place, member in enumerate(members):
        for bucket in buckets_of(member):
            buckets[bucket].append(place)
    for bucket, places in buckets.items():
        if len(places) > 1:
            for one, other in _LINKS[bucket[0]](members, places):  # type: ignore[index]
                sets.join(one, other)
    return [sets.find(place) for place in range(len(members))]


def buckets_of(member: Member) -> list[Hashable]:
    """Where others are that a member may belong to: two that share no bucket are never joined directly."""
    orig_h, resp, resp_p, proto, _ = member.key
    # Tunnels, and what is told by counting, belong to the beacons that they are of.
    kind, domain = FROM_OUTSIDE if member.kind == FROM_OUTSIDE else OWN_BEACON, member.domain
    found: list[Hashable] = [("server", kind, orig_h, member.addr)]
    name = member.name
    if name:
        found.append(("twin", kind, orig_h, name, resp_p, proto))
    if member.is_named:
        found.append(("same name", kind, resp))
    elif domain != SEVERAL:
        found.append(("same address", kind, resp, resp_p, proto, name))
    if domain != SEVERAL:
        if not math.isnan(member.sleep):
            found.append(("rotation", kind, orig_h, resp_p, proto, member.service, domain))
        if member.failed > MOSTLY:
            found.append(("dead servers", kind, orig_h, resp_p, proto, domain))
    if domain not in ("", SEVERAL):
        found.append(("domain", kind, orig_h, domain))
    if member.group:
        found.append(("group", kind, orig_h, member.group))
    return found


Links: TypeAlias = Iterator[tuple[int, int]]


def _all(members: Sequence[Member], places: list[int]) -> Links:
    """All of a bucket belong together."""
    return pairwise(places)


def _public(members: Sequence[Member], places: list[int]) -> Links:
    """All of them, where their address is public: local ones are everybody's servers."""
    first = members[places[0]]
    local = first.local and not first.addr.startswith(_EXAMPLES)
    return iter(()) if local else _all(members, places)


def _asked(members: Sequence[Member], places: list[int]) -> Links:
    """Queries under a domain and all else under it."""
    queries = [place for place in places if members[place].channel == DNS]
    return ((queries[0], place) for place in places if queries)


def _rotation(members: Sequence[Member], places: list[int]) -> Links:
    """Those whose sleeps agree: what agrees at all agrees with its neighbour by size."""
    ordered = sorted(places, key=lambda place: members[place].sleep)
    for one, other in pairwise(ordered):
        if agree(members[one].sleep, members[other].sleep):
            yield one, other


def _server(members: Sequence[Member], places: list[int]) -> Links:
    """What one originator does with one address: twins, ports and a proxy."""
    by_domain: dict[str, int] = {}
    at_port: dict[tuple[int, str], int] = {}
    bare: list[int] = []  # addresses without a name
    for place in places:
        member = members[place]
        if not member.is_named and member.channel != DNS:
            at_port[member.resp_p, member.proto] = place
        if member.domain == "":
            bare.append(place)
        if member.domain != SEVERAL:
            yield by_domain.setdefault(member.domain, place), place
    bare.sort(key=lambda place: members[place].sleep)
    known = [place for place in bare if not math.isnan(members[place].sleep)]
    sleeps = [members[place].sleep for place in known]
    proxies = [place for (port, _), place in at_port.items() if port in PROXY_PORTS and members[place].local]
    for place in places:
        member = members[place]
        carrier = at_port.get((member.resp_p, member.proto)) if member.channel == DNS else None
        if carrier is not None:
            yield carrier, place
        if member.is_named:
            twin = at_port.get((member.resp_p, member.proto))
            if twin is not None and _speaks_for(member, members[twin]):
                yield twin, place
            for proxy in proxies:
                if _is_behind(member, members[proxy]):
                    yield proxy, place
        if member.domain not in ("", SEVERAL):
            for near in _nearest(sleeps, member.sleep):
                yield known[near], place


def _speaks_for(named: Member, address: Member) -> bool:
    """Whether a name and its newest address are twins."""
    return address.named > 0 and address.name in ("", named.resp) and 2 * named.conns > address.named


def _is_behind(named: Member, proxy: Member) -> bool:
    """Whether a name reached at a proxy is what the proxy's own rhythm comes from."""
    return 2 * named.conns > proxy.conns or agree(named.sleep, proxy.sleep)


def _nearest(sleeps: list[float], sleep: float) -> list[int]:
    """Places of the sleeps next to this one that agree with it."""
    if math.isnan(sleep):
        return []
    at = bisect_left(sleeps, sleep)
    return [near for near in (at - 1, at) if 0 <= near < len(sleeps) and agree(sleeps[near], sleep)]


def agree(one: float, other: float) -> bool:
    """Whether two sleeps may be one; never where one is not known."""
    return 0 < max(one, other) <= SLEEPS_AGREE * min(one, other)


_LINKS: dict[str, Callable[[Sequence[Member], list[int]], Links]] = {
    "server": _server,
    "twin": _all,
    "same name": _all,
    "same address": _public,
    "rotation": _rotation,
    "dead servers": _all,
    "group": _all,
    "domain": _asked,
}


class _DisjointSets:
    """Numbers 0 to n - 1 in sets that can be joined; a set is known by its smallest number."""

    def __init__(self, n: int) -> None:
        self._up = list(range(n))

    def find(self, one: int) -> int:
        """The smallest number of its set."""
        up = self._up
        while up[one] != one:
            up[one] = up[up[one]]
            one = up[one]
        return one

    def join(self, one: int, other: int) -> None:
        """Makes one set of two."""
        one, other = self.find(one), self.find(other)
        self._up[max(one, other)] = min(one, other)
