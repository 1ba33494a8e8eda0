"""Groups: pairs of one originator that may be one process which walks a list of servers, or of ports.

An implant that takes one of several servers at random leaves a Poisson process with each of them; only together they
are a timer. Two kinds of pairs are tried together: those with one port, protocol and service at several servers, and
those with one address, protocol and service at several ports. They must have the same sizes, a similar pace, and
overlap in time. Pairs are added as long as the union gets calmer, by the std / mean of the waits between its check-ins;
it is a group where it is far calmer than the calmest of its members. A group is then measured and scored like a pair.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np

from zeek_beacons.features import Features, extract
from zeek_beacons.features.checkins import FlatCheckins
from zeek_beacons.keys import CONN, DNS, HTTP, POLL
from zeek_beacons.knowledge import OPERATORS
from zeek_beacons.pairs import GROUP, OBSERVATION_COLUMNS, PAIR_COLUMNS, Bools, Floats, Ints, Pairs, observation_order
from zeek_beacons.scoring import Scoring
from zeek_beacons.scoring.judge import proven
from zeek_beacons.scoring.lookalikes import NONE, KnownRhythms
from zeek_beacons.scoring.names import ServerNames
from zeek_beacons.scoring.place import is_inbound
from zeek_beacons.verdicts import Verdicts

MOST = 8  # members of a group
COMPARED = 32  # pairs of one originator, port and service that are tried, those with most connections
LEAST_CONNECTIONS = 5  # of a member
LEAST_CHECKINS = 12  # of a group
SENT_ALIKE, RECEIVED_ALIKE = np.log10(1.05), np.log10(1.25)  # between the median sizes, in log10 of the bytes
PACE_ALIKE = 3.0  # the longer mean wait over the shorter, at most
OVERLAP = 0.5  # of the longer span
GAIN = 0.95  # times the std / mean so far that a further member must bring it to
CALMER = 0.6  # times the usual std / mean of its members, at most
TIMER = 0.15  # std / mean of three pairs and more that are one timer even if each of them is one, at most
LONGEST_LEFT = 0.05  # share of the waits between queries that are left out, the longest: an implant at work asks more
SLACK = 0.15  # by which a member alone may score higher: one of several timers in turn is a timer too, of another sleep


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """`k` groups of pairs of a batch."""

    pairs: Pairs  # k, each with the observations of all its members
    members: tuple[Ints, ...]  # k, positions in the batch, the member that began first first

    def __len__(self) -> int:
        return len(self.members)

    def take(self, index: Ints) -> Groups:
        """The groups at `index`."""
        return Groups(self.pairs.take(index), tuple(self.members[place] for place in index.tolist()))

    def latest(self, n: int) -> Groups:
        """The groups with their newest `n` observations each."""
        return Groups(self.pairs.latest(n), self.members)


def may_join(pairs: Pairs, names: ServerNames, look: KnownRhythms) -> Bools:
    """Which pairs may be members of a group, (n,): no known benign rhythm, no inbound one, no well-known name.

    What is asked of one web server is one pair already, and so is what is said inside one connection.

    A name is well known where it is popular, or its operator is, and the client does not claim it falsely.
    """
    known = (np.isfinite(names.rank) | ((names.name_tags & OPERATORS) != 0)) & ~names.false
    apart = ~np.isin(pairs.channel, (HTTP, POLL))
    may: Bools = ~known & (look.index == NONE) & ~is_inbound(pairs) & ~pairs.is_multicast & apart
    return may


def loud(groups: Groups, rhythm: Floats, scoring: Scoring) -> Groups:
    """The groups that are evidence, and of which no member alone scores SLACK higher. `rhythm`: of the pairs."""
    if not len(groups):
        return groups
    features = extract(groups.pairs)
    best = np.array([rhythm[members].max() for members in groups.members])
    tells = scoring.rhythm(scoring.score(features)) >= best - SLACK
    return groups.take(np.flatnonzero(tells & proven(features, scoring.evidence)))


def speaker(verdicts: Verdicts, members: Mapping[int, Ints]) -> Ints:
    """The row that speaks for each pair, (n,): its own, or that of the alerting group that it is a member of.

    `members`: by the row of their group.
    """
    rows = np.arange(len(verdicts))
    for group, of_group in members.items():
        if verdicts.alerts[group]:
            rows[of_group] = group
    return rows


def find(pairs: Pairs, features: Features, checkins: FlatCheckins, may_join: Bools) -> Groups:
    """The groups that the pairs of a batch form; no pair is in two. `features`, `checkins`: theirs.

    `may_join`: which pairs may be members, (n,).
    """
    rows = np.flatnonzero(may_join & (pairs.counts >= LEAST_CONNECTIONS) & (checkins.counts > 1) & ~_doubled(pairs))
    alike = _Alike.of(features, checkins)
    used: set[int] = set()
    found: list[Ints] = []
    for places in _buckets(pairs, rows):
        free = [place for place in places if place not in used]
        variation = _usual_variation if pairs.channel[places[0]] == DNS else _variation
        for members in _grown(np.array(free, dtype=np.int64), alike, variation):
            used.update(members)
            found.append(np.array(sorted(members, key=lambda one: (pairs.first_ts[one], one)), dtype=np.int64))
    return Groups(united(pairs, found), tuple(found))


def united(pairs: Pairs, groups: Sequence[Ints]) -> Pairs:
    """Each group of pairs as one pair, by the first of its members named in its id; (k,)."""
    heads = np.array([members[np.argmax(pairs.conns[members])] for members in groups], dtype=np.int64)
    columns: dict[str, Any] = {name: getattr(pairs, name)[heads] for name in PAIR_COLUMNS}
    rows = [_observations(pairs, members) for members in groups]
    columns["resp"] = np.array([identity(pairs, members) for members in groups], dtype=np.object_)
    for name in ("conns", "named", "dns_named"):
        columns[name] = np.array([getattr(pairs, name)[members].sum() for members in groups], columns[name].dtype)
    columns["first_ts"] = np.array([pairs.first_ts[members].min() for members in groups], dtype=np.float64)
    columns["resp_hosts"] = np.array([pairs.resp_hosts[members].max() for members in groups], dtype=np.float64)
    for name, count in (("server_name", "name_conns"), ("dns_name", "dns_named")):
        shared = [len(set(getattr(pairs, name)[members])) == 1 for members in groups]
        columns[name] = np.where(shared, columns[name], "")
        columns[count] = np.where(shared, [getattr(pairs, count)[members].sum() for members in groups], 0)
    offsets = np.zeros(len(groups) + 1, dtype=np.int64)
    np.cumsum([len(held) for held in rows], out=offsets[1:])
    every = np.concatenate([np.zeros(0, dtype=np.int64), *rows])
    columns |= {name: getattr(pairs, name)[every] for name in OBSERVATION_COLUMNS}
    return replace(pairs, offsets=offsets, **columns)


def identity(pairs: Pairs, members: Ints) -> str:
    """What a group is called in place of a responder: the same as long as the member that began first stays."""
    first = members[0]
    columns = (pairs.orig_h, pairs.resp, pairs.resp_p, pairs.proto, pairs.service, pairs.channel)
    key = [column[first] for column in columns]
    if key[-1] == CONN:  # as before there were others
        key.pop()
    return GROUP + hashlib.blake2b("\t".join(map(str, key)).encode(), digest_size=5).hexdigest()


def _observations(pairs: Pairs, members: Ints) -> Ints:
    """Where the observations of all members are, in their order."""
    rows = np.concatenate([np.arange(pairs.offsets[one], pairs.offsets[one + 1]) for one in members.tolist()])
    return rows[observation_order({name: getattr(pairs, name)[rows] for name in OBSERVATION_COLUMNS})]


def _doubled(pairs: Pairs) -> Bools:
    """Pairs whose connections another pair of the batch has too, (n,): of a name and its address one is a member.

    An address with several names is left to these. Of an address and the name of most of its connections, the one with
    more connections stays.
    """
    mixed = ~pairs.is_named & (pairs.named > 0)
    doubled = pairs.is_twin | (mixed & (2 * pairs.name_conns < pairs.conns))
    unsure = np.flatnonzero(mixed & ~doubled)
    if not len(unsure):
        return doubled
    named = np.flatnonzero(pairs.is_named)
    by_name = {key: row for row, key in zip(named.tolist(), _keys(pairs, named, pairs.resp), strict=True)}
    for row, key in zip(unsure.tolist(), _keys(pairs, unsure, pairs.server_name), strict=True):
        if key in by_name:
            other = by_name[key]
            doubled[row if pairs.conns[row] < pairs.conns[other] else other] = True
    return doubled


def _keys(pairs: Pairs, rows: Ints, name: Any) -> Iterator[tuple[Any, ...]]:
    columns = (pairs.orig_h, name, pairs.resp_p, pairs.proto, pairs.channel)
    return zip(*(column[rows].tolist() for column in columns), strict=True)


def _buckets(pairs: Pairs, rows: Ints) -> Iterator[list[int]]:
    """Positions of pairs that may be one process, two and more at a time: at several servers, then at several ports."""
    rows = rows[np.lexsort((pairs.resp_p[rows], pairs.resp[rows].astype(str), -pairs.conns[rows]))]
    columns = (pairs.orig_h, pairs.proto, pairs.service, pairs.channel)
    shared = list(zip(*(column[rows].tolist() for column in columns), strict=True))
    for name, other in (("resp_p", "resp"), ("addr", "resp_p")):
        buckets: dict[Hashable, dict[Hashable, int]] = defaultdict(dict)  # newer candidates of one pair count once
        ends = (getattr(pairs, column)[rows].tolist() for column in (name, other))
        for row, common, one, further in zip(rows.tolist(), shared, *ends, strict=True):
            buckets[common, one].setdefault(further, row)
        yield from (list(places.values())[:COMPARED] for places in buckets.values() if len(places) > 1)


_Measure = Callable[[Floats], float]  # how much the waits between ordered times vary


@dataclass(frozen=True, slots=True, eq=False)
class _Alike:
    """What pairs must agree in, (n,) each, and their check-ins."""

    checkins: FlatCheckins
    sent: Floats  # log10 of the median bytes, -1 where not known
    received: Floats
    first: Floats  # seconds
    last: Floats
    wait: Floats  # mean wait, seconds

    @classmethod
    def of(cls, features: Features, checkins: FlatCheckins) -> _Alike:
        """Of all pairs of a batch."""
        begins = np.minimum(checkins.begins, max(len(checkins.start) - 1, 0))
        ends = np.maximum(checkins.begins + checkins.counts - 1, 0)
        first, last = (checkins.start[at] if len(checkins.start) else at.astype(float) for at in (begins, ends))
        return cls(
            checkins=checkins,
            sent=np.nan_to_num(features.column("log_orig").astype(np.float64), nan=-1.0),
            received=np.nan_to_num(features.column("log_resp").astype(np.float64), nan=-1.0),
            first=first,
            last=last,
            wait=(last - first) / np.maximum(checkins.counts - 1, 1),
        )

    def among(self, places: Ints) -> Bools:
        """Which of `k` pairs are like which, (k, k); none is like itself."""
        sent, received, wait = (column[places] for column in (self.sent, self.received, self.wait))
        first, last = self.first[places], self.last[places]
        span = last - first
        both = np.minimum(last[:, None], last) - np.maximum(first[:, None], first)
        alike: Bools = (
            (np.abs(sent - sent[:, None]) <= SENT_ALIKE)
            & (np.abs(received - received[:, None]) <= RECEIVED_ALIKE)
            & (np.maximum(wait[:, None], wait) <= PACE_ALIKE * np.minimum(wait[:, None], wait))
            & (both >= OVERLAP * np.maximum(span[:, None], span))
        )
        np.fill_diagonal(alike, False)
        return alike

    def starts(self, one: int) -> Floats:
        """Starts of a pair's check-ins, seconds."""
        begin = int(self.checkins.begins[one])
        return self.checkins.start[begin : begin + int(self.checkins.counts[one])]


def _grown(places: Ints, alike: _Alike, variation: _Measure) -> Iterator[list[int]]:
    """The groups among these pairs, those with most connections first; none of the pairs in two."""
    pairwise = alike.among(places)
    free = np.ones(len(places), dtype=np.bool_)
    for seed in np.flatnonzero(pairwise.any(axis=1)).tolist():
        if not free[seed]:
            continue
        free[seed] = False
        near = places[pairwise[seed] & free].tolist()
        members = _around(int(places[seed]), near, alike, variation) if near else []
        if members:
            free &= ~np.isin(places, members)
            yield members


def _around(seed: int, near: list[int], alike: _Alike, variation: _Measure) -> list[int]:
    """The group around a pair, from others like it; empty where no union of them is a clearly calmer process."""
    starts = {one: alike.starts(one) for one in (seed, *near)}
    for members in (_grow(seed, near, starts, variation), _trim([seed, *near][:MOST], starts, variation)):
        if len(members) > 1 and _is_process([starts[one] for one in members], variation):
            return members
    return []


def _grow(seed: int, near: list[int], starts: Mapping[int, Floats], variation: _Measure) -> list[int]:
    """Adds to a pair one after the other that makes the union calmest, as long as it gets calmer by it."""
    members, times, calm, left = [seed], starts[seed], variation(starts[seed]), list(near)
    while left and len(members) < MOST:
        unions = [_union([times, starts[one]]) for one in left]
        variations = [variation(union) for union in unions]
        best = int(np.argmin(variations))
        if not variations[best] <= GAIN * calm:
            break
        calm, times = variations[best], unions[best]
        members.append(left.pop(best))
    return members


def _trim(members: list[int], starts: Mapping[int, Floats], variation: _Measure) -> list[int]:
    """Takes from pairs the one without which the rest is calmest, as long as it gets calmer by it."""
    members, calm = list(members), variation(_union([starts[one] for one in members]))
    while len(members) > 2:
        variations = [variation(_union([starts[one] for one in members if one != other])) for other in members]
        best = int(np.argmin(variations))
        if not variations[best] <= GAIN * calm:
            break
        calm = variations[best]
        members.pop(best)
    return members


def _is_process(members: Sequence[Floats], variation: _Measure) -> bool:
    """Whether the union of check-ins is far calmer than most members, or timers that take turns."""
    times = _union(members)
    calm, usual = variation(times), median([variation(one) for one in members])
    return len(times) >= LEAST_CHECKINS and (calm < CALMER * usual or (len(members) > 2 and calm < TIMER))


def _union(members: Sequence[Floats]) -> Floats:
    times = np.concatenate(members)
    times.sort(kind="stable")
    return times


def _variation(times: Floats) -> float:
    """Standard deviation over mean of the waits between ordered times."""
    return _spread(times[1:] - times[:-1])


def _usual_variation(times: Floats) -> float:
    """The same without the longest LONGEST_LEFT of the waits."""
    waits = np.sort(times[1:] - times[:-1], kind="stable")
    return _spread(waits[: len(waits) - int(LONGEST_LEFT * len(waits))])


def _spread(waits: Floats) -> float:
    mean = np.add.reduce(waits) / len(waits)
    away = waits - mean
    away *= away
    return float(np.sqrt(np.add.reduce(away) / len(waits)) / mean) if mean > 0 else np.inf
