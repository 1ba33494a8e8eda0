"""Rows of channels other than connections -> `Pairs`, by the rules that hold for connections: every row counts, the
newest of each pair are held.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.config import Config
from zeek_beacons.pairs import (
    OBSERVATION_COLUMNS,
    Bools,
    Bytes,
    Floats,
    Ints,
    Pairs,
    Strings,
    observation_order,
    round_time,
)
from zeek_beacons.readers.addresses import has_direction
from zeek_beacons.readers.owners import Owners, left_out

_Numbered: TypeAlias = tuple[str, str, int, str, int]  # originator, responder, port, protocol; tenure of the originator

MOST_PENDING = 2_000_000  # rows held before those that no pair keeps are let go
MOST_PAIRS = 1_000_000  # of a channel; rows of further ones are left out, and counted


@dataclass(frozen=True, slots=True, eq=False)
class ChannelRows:
    """Observations of one channel, columns (n,)."""

    orig_h: Strings  # canonical
    resp: Strings  # as the pair is called
    resp_p: Ints
    proto: Strings  # one of pairs.PROTOS
    addr: Strings  # of the server, resolver or proxy, canonical
    service: Strings
    start: Floats  # seconds
    duration: Floats  # seconds, NaN where not known
    orig_bytes: Floats  # NaN where not known
    resp_bytes: Floats
    state: Bytes  # index into pairs.STATES

    def __len__(self) -> int:
        return len(self.resp_p)

    def take(self, index: NDArray[Any]) -> Self:
        """The rows at positions, or of a mask."""
        return type(self)(*(getattr(self, one.name)[index] for one in fields(self)))


class ChannelCollector:
    """Takes the rows of one channel in whatever order, gives its pairs."""

    def __init__(
        self,
        config: Config,
        channel: str,
        is_local: Callable[[str], bool],
        begin: float | None = None,
        until: float | None = None,
        owners: Owners | None = None,
    ) -> None:
        """`begin`, `until`: the time that counts, seconds. Only what has the direction asked for is taken.

        `owners`: who had which address; connections under several of its cards are no pair.
        """
        self.left_out = 0  # rows of pairs beyond MOST_PAIRS
        self.notes: list[str] = []  # what else is to tell, as a reader found
        self._most = config.max_observations
        self.channel = channel
        self._is_local = is_local
        self._direction = config.direction if config.local_nets else "any"
        self._begin = -np.inf if begin is None else begin
        self._until = np.inf if until is None else until
        self._owners = owners if owners is not None and owners.has_changes else None
        self._numbers: dict[_Numbered, int] = {}
        self._conns = np.zeros(0, dtype=np.int64)
        self._first = np.zeros(0)
        self._pending: list[tuple[Ints, ChannelRows]] = []
        self._held = 0

    def take(self, rows: ChannelRows) -> None:
        """Counts rows, and holds the newest of each pair."""
        rows = rows.take(self.wanted(rows))
        numbers = self._numbers
        columns = (rows.orig_h.tolist(), rows.resp.tolist(), rows.resp_p.tolist(), rows.proto.tolist())
        keys = zip(*columns, self._tenures(rows).tolist(), strict=True)
        of = np.fromiter((self._number(key, numbers) for key in keys), dtype=np.int64, count=len(rows))
        if (of < 0).any():
            self.left_out += int((of < 0).sum())
            rows, of = rows.take(of >= 0), of[of >= 0]
        more = len(numbers) - len(self._conns)
        self._conns = np.append(self._conns, np.zeros(more, dtype=np.int64)) + np.bincount(of, minlength=len(numbers))
        self._first = np.append(self._first, np.full(more, np.inf))
        np.minimum.at(self._first, of, round_time(rows.start))
        self._pending.append((of, rows))
        self._held += len(rows)
        if self._held > MOST_PENDING:
            self._pending = [self._newest()]
            self._held = len(self._pending[0][0])

    def pairs(self, site: Pairs | None = None) -> Pairs:
        """The batch of all pairs, by key. `site`: pairs by connection, which know what is known of the site."""
        if not self._numbers:
            return Pairs.empty()
        of, rows = self._newest()
        counts = np.bincount(of, minlength=len(self._numbers))
        offsets = np.concatenate(([0], np.cumsum(counts)))
        orig_h, resp, resp_p, proto, tenure = (_column(values) for values in zip(*self._numbers, strict=True))
        last = offsets[1:] - 1
        addr = rows.addr[last]
        made = Pairs.of(
            orig_h=orig_h,
            resp=resp,
            resp_p=resp_p.astype(np.int64),
            proto=proto,
            channel=_column([self.channel] * len(orig_h)),
            addr=addr,
            service=rows.service[last],
            server_name=_column([""] * len(orig_h)),
            conns=self._conns,
            named=np.zeros(len(orig_h), dtype=np.int64),
            orig_local=self._local(orig_h),
            resp_local=self._local(addr),
            first_ts=self._first,
            resp_hosts=_hosts_of(resp, orig_h),
            site_hosts=np.full(len(orig_h), _known(site, "site_hosts")),
            site_tls_named=np.full(len(orig_h), _known(site, "site_tls_named")),
            offsets=offsets,
            start=round_time(rows.start),
            duration=round_time(rows.duration),
            orig_bytes=rows.orig_bytes,
            resp_bytes=rows.resp_bytes,
            state=rows.state,
        )
        return made.take(np.array(self._standing(made, tenure.tolist()), dtype=np.int64))

    def wanted(self, rows: ChannelRows) -> Bools:
        """Which rows have the direction and lie in the time that count, (n,)."""
        wanted: Bools = (rows.start >= self._begin) & (rows.start < self._until)
        if self._direction == "any":
            return wanted
        return wanted & has_direction(self._direction, self._local(rows.orig_h), self._local(rows.addr))

    def _tenures(self, rows: ChannelRows) -> Ints:
        if self._owners is None:
            return np.zeros(len(rows), dtype=np.int64)
        return self._owners.tenures_of(rows.orig_h, rows.start)

    def _standing(self, made: Pairs, tenure: Sequence[int]) -> list[int]:
        """The pairs that stand, by key: of those of one key the one with most rows, of equal ones the latest tenure."""
        keys, conns = made.keys(), made.conns.tolist()
        order = sorted(range(len(keys)), key=lambda row: (keys[row], conns[row], tenure[row]))
        stand = [
            row for row, after in zip(order, [*order[1:], -1], strict=True) if after < 0 or keys[row] != keys[after]
        ]
        if len(stand) < len(order):
            gone = set(order) - set(stand)
            self.notes += left_out(len({keys[row] for row in gone}), sum(conns[row] for row in gone))
        return stand

    def _number(self, key: _Numbered, numbers: dict[_Numbered, int]) -> int:
        known = numbers.get(key)
        if known is None:
            if len(numbers) >= MOST_PAIRS:
                return -1
            known = numbers[key] = len(numbers)
        return known

    def _newest(self) -> tuple[Ints, ChannelRows]:
        """The newest rows of each pair in the order of observations, by the pair's number."""
        of = np.concatenate([one for one, _ in self._pending])
        rows = ChannelRows(
            *(np.concatenate([getattr(one, field.name) for _, one in self._pending]) for field in fields(ChannelRows))
        )
        order = observation_order({name: getattr(rows, name) for name in OBSERVATION_COLUMNS})
        order = order[np.argsort(of[order], kind="stable")]
        sorted_of = of[order]
        behind = np.searchsorted(sorted_of, sorted_of, side="right")
        order = order[behind - np.arange(len(order)) <= self._most]
        return of[order], rows.take(order)

    def _local(self, hosts: Strings) -> Bools:
        known = {host: self._is_local(host) for host in set(hosts.tolist())}
        return np.fromiter((known[host] for host in hosts), dtype=np.bool_, count=len(hosts))


def _column(values: Iterable[Any]) -> Strings:
    listed = list(values)
    column = np.empty(len(listed), dtype=np.object_)
    column[:] = listed
    return column


def _hosts_of(resp: Strings, orig_h: Strings) -> Floats:
    """Distinct originators of each pair's responder."""
    hosts: dict[str, set[str]] = {}
    for server, host in zip(resp.tolist(), orig_h.tolist(), strict=True):
        hosts.setdefault(server, set()).add(host)
    return np.fromiter((len(hosts[server]) for server in resp), dtype=np.float64, count=len(resp))


def _known(site: Pairs | None, fact: str) -> float:
    """A fact of the site that all its pairs share; NaN where there is none."""
    return float(getattr(site, fact)[0]) if site is not None and len(site) else float("nan")
