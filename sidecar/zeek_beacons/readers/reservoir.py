"""Connections in batches -> Pairs: the part that all readers of single connections share.

Holds at most `max_observations` of each pair plus a bounded number of rows not yet sorted in, whatever the length
of the input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.config import Config
from zeek_beacons.locality import locality
from zeek_beacons.pairs import (
    MICROSECONDS,
    PROTOS,
    STATE_CODE,
    Bools,
    Floats,
    Ints,
    Pairs,
    round_time,
)
from zeek_beacons.readers.addresses import Intern, address, has_direction, server_name
from zeek_beacons.readers.answers import NOT_KNOWN
from zeek_beacons.readers.arrow_parse import possible
from zeek_beacons.readers.columns import IN, WHOLE, Batch, Connections, PairRows, joined
from zeek_beacons.readers.files import BadLine
from zeek_beacons.readers.halves import flows, fold
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.readers.log_context import LogContext
from zeek_beacons.readers.long_gone import LongGone
from zeek_beacons.readers.merge import ALONE, TCP, end_us, five_tuples, is_midstream, may_be_piece, merge
from zeek_beacons.readers.owners import left_out
from zeek_beacons.readers.pair_table import PairTable, Spelled, by_pair_and_start
from zeek_beacons.readers.traits import no_traits
from zeek_beacons.readers.where import Where

PENDING = 3_000_000  # rows kept unsorted before they are sorted into the reservoir
LOOSE = 250_000  # open or mid-stream TCP connections kept before they are merged
_PROTO_CODE = {name: code for code, name in enumerate(PROTOS)} | {"6": 0, "17": 1, "1": 2, "58": 2}
_PROTO_CODE |= dict.fromkeys(("icmp6", "icmpv6", "ipv6-icmp"), 2)


class Collector:
    """Takes batches of connections, gives Pairs. `start_us`/`end_us` bound the starts that are looked at."""

    def __init__(
        self,
        config: Config,
        ingest: Ingest,
        begin: float | None = None,
        until: float | None = None,
        context: LogContext | None = None,
    ) -> None:
        self.config, self.ingest, self._context = config, ingest, context or LogContext()
        self._begin_us = None if begin is None else round(begin * MICROSECONDS)
        self._until_us = None if until is None else round(until * MICROSECONDS)
        self._hosts = Intern(address)
        self._names = Intern(server_name)
        self._services = Intern(lambda text: text)
        self._processes = Intern(lambda text: text)
        self._is_local = locality(config.local_nets)
        self._local: list[bool] = []
        self._table = PairTable(len(self._context.traits))
        self._loose: list[Connections] = []
        self._halves: list[Connections] = []
        self._rows: list[PairRows] = []
        self._gone = LongGone()
        self._pending = 0
        self._settled = 0

    def add(self, batch: Batch, where: Where, left_out: Mapping[str, Bools] = MappingProxyType({})) -> None:
        """Validates a batch and takes its good rows, but for those that the reader marks as `left_out` by reason."""
        rows = self.good(batch, where, left_out)
        self.ingest.clock(end_us(rows.start_us, rows.duration))
        half = rows.half != WHOLE
        if half.any():
            self._hold_half(rows.take(half))
            rows = rows.take(~half)
        self._route(rows)

    def good(self, batch: Batch, where: Where, left_out: Mapping[str, Bools] = MappingProxyType({})) -> Connections:
        """The good rows of a batch, which are not taken; the others are counted."""
        self.ingest.rows += len(batch)
        wanted = np.ones(len(batch), dtype=np.bool_)
        for reason, mask in left_out.items():
            self._leave_out(reason, wanted & mask)
            wanted &= ~mask
        checked, good = self._checked(batch, where, wanted)
        return _under(good, checked)

    def texts(self) -> tuple[Sequence[str], Sequence[str], Sequence[str]]:
        """The addresses, names and processes (see processes.py) behind the numbers of rows."""
        return self._hosts.values, self._names.values, self._processes.values

    def skip(self, path: str, lines: Sequence[BadLine]) -> None:
        """Counts the lines of a file that do not parse."""
        for line in lines:
            self.ingest.rows += 1
            self.ingest.skip(line.problem, path, line.number, line.text)

    def pairs(self, more: bool = False) -> Pairs:
        """Everything collected, sorted by key. `more`: connections that may still be continued are left out yet."""
        self._settle_halves(keep=0, answered_later=more)
        newest = self.ingest.last_us if more else None
        self._settle_loose(None if newest is None else newest - round(self.config.merge_gap * MICROSECONDS))
        self._settle()
        self.ingest.notes += left_out(*self._table.left_out())
        stands = self._table.stands()
        self.ingest.long_gone = {
            self._table.key_by_address(pair, self._hosts.values): (start_us / MICROSECONDS, duration)
            for pair, (start_us, duration) in self._gone.longest.items()
            if stands[pair]
        }
        return self._table.pairs(
            self._rows[0] if self._rows else None,
            Spelled(
                self._hosts.values,
                self._names.values,
                self._services.values,
                self._context.answers.names,
                self._context.certificates,
                self._context.clients,
                self._context.hits.found,
                self._context.traits,
                self._processes.values,
            ),
            self._is_local,
        )

    def now_know(self, context: LogContext) -> None:
        """What other logs tell from now on; what was numbered before has the same numbers in it."""
        self._context = context

    def _checked(self, batch: Batch, where: Where, wanted: Bools) -> tuple[Connections, Bools]:
        states = np.array([STATE_CODE.get(state, 0) for state in batch.state.values], dtype=np.uint8)
        protos = np.array([_PROTO_CODE.get(proto.lower(), -1) for proto in batch.proto.values], dtype=np.int64)
        start, proto = batch.start, batch.proto.map(protos)
        sane = possible(start)
        bad_duration = (batch.duration < 0) | (batch.duration > 1e9)
        rows = Connections(
            start_us=np.rint(np.where(sane, start, 0.0) * MICROSECONDS).astype(np.int64),
            duration=round_time(np.where(bad_duration, np.nan, batch.duration)),
            orig_h=batch.orig_h.map(self._hosts.codes(batch.orig_h.values)),
            orig_p=batch.orig_p,
            resp_h=batch.resp_h.map(self._hosts.codes(batch.resp_h.values)),
            resp_p=batch.resp_p,
            proto=proto,
            service=batch.service.map(self._services.codes(batch.service.values)),
            orig_bytes=batch.orig_bytes,
            resp_bytes=batch.resp_bytes,
            state=batch.state.map(states, missing=0).astype(np.uint8),
            reach_us=self._reach(batch, proto),
            name=batch.name.map(self._names.codes(batch.name.values)),
            half=np.full(len(batch), WHOLE, dtype=np.uint8) if batch.half is None else batch.half,
            certificate=_numbers(batch.certificate, len(batch)),
            client=_numbers(batch.client, len(batch)),
            hit=_numbers(batch.hit, len(batch)),
            process=_process(batch, self._processes),
            traits=no_traits(len(batch), len(self._context.traits)) if batch.traits is None else batch.traits,
        )
        good = wanted.copy()
        for bad, reason in (
            (~sane, "start time missing or impossible"),
            (rows.orig_h < 0, "originator is no address"),
            (rows.resp_h < 0, "responder is no address"),
            ((batch.resp_p < 0) | (batch.resp_p > 65_535), "responder port missing or over 65535"),
            (batch.orig_p > 65_535, "originator port over 65535"),
            (bad_duration, "duration negative or impossible"),
            (_no_size(batch.orig_bytes) | _no_size(batch.resp_bytes), "byte count negative or impossible"),
        ):
            fresh = np.flatnonzero(bad & good)
            if len(fresh):
                good[fresh] = False
                shown = fresh[: self.ingest.room(reason)]
                for row in shown.tolist():
                    self.ingest.skip(reason, where.path, *where.locate(row))
                self.ingest.skipped[reason].rows += len(fresh) - len(shown)
        other = good & (rows.proto < 0)
        self._leave_out("protocol other than tcp, udp, icmp", other)
        return rows, good & ~other

    def _reach(self, batch: Batch, proto: Ints) -> Ints:
        """How long each row may come after the one that it continues, microseconds."""
        if batch.reach is not None:
            return np.where(batch.reach < 0, batch.reach, np.rint(batch.reach * MICROSECONDS)).astype(np.int64)
        midstream = batch.history.map(np.array([is_midstream(text) for text in batch.history.values]), 0) > 0
        return np.where(midstream & (proto == TCP), round(self.config.merge_gap * MICROSECONDS), ALONE)

    def _route(self, rows: Connections) -> None:
        """Takes whole connections: those that may be pieces of one are held back first."""
        rows = self._chosen(rows)
        self.ingest.span(rows.start_us)
        loose = may_be_piece(rows.orig_p, rows.reach_us, rows.proto, rows.state)
        if loose.any():
            self._hold(rows.take(loose))
            rows = rows.take(~loose)
        self._take(rows)

    def _chosen(self, rows: Connections) -> Connections:
        return _under(self._wanted(rows), rows)

    def _wanted(self, rows: Connections) -> Bools:
        """Which rows are in the time range and have the direction; the others are counted."""
        keep = np.ones(len(rows), dtype=np.bool_)
        if self._begin_us is not None:
            keep &= rows.start_us >= self._begin_us
        if self._until_us is not None:
            keep &= rows.start_us < self._until_us
        self._leave_out("outside the time range", ~keep)
        if self.config.direction != "any" and self.config.local_nets:
            self._local += map(self._is_local, self._hosts.values[len(self._local) :])
            local = np.array(self._local, dtype=np.bool_)
            direction = has_direction(self.config.direction, local[rows.orig_h], local[rows.resp_h])
            self._leave_out(f"not {self.config.direction}", keep & ~direction)
            keep &= direction
        return keep

    def _leave_out(self, why: str, rows: Bools) -> None:
        if count := int(rows.sum()):
            self.ingest.outside[why] += count

    def _hold_half(self, rows: Connections) -> None:
        """Keeps rows that may answer, or be answered by, another one."""
        self._halves.append(rows)
        if sum(map(len, self._halves)) > LOOSE:
            self._settle_halves(keep=LOOSE // 2)

    def _settle_halves(self, keep: int, answered_later: bool = False) -> None:
        """Joins answers to their connections; the newest `keep` may still find each other and stay.

        `answered_later`: so may, and do, all that began within `merge_gap` of the newest.
        """
        if not self._halves:
            return
        rows = joined(self._halves)
        if (rows.half == IN).any():
            rows, flow = self._once(rows, flows(rows))
            whole = fold(rows, flow, self.config.merge_gap)
            self.ingest.answers += len(rows) - len(whole)
            rows = whole
        stay = np.zeros(len(rows), dtype=np.bool_)
        if keep:
            stay[np.argpartition(rows.start_us, -min(keep, len(rows)))[-keep:]] = True
        if answered_later:
            stay |= rows.start_us >= rows.start_us.max() - round(self.config.merge_gap * MICROSECONDS)
        self._halves = [rows.take(stay)] if stay.any() else []
        self._route(rows.take(~stay))

    def _once(self, rows: Connections, number: Ints) -> tuple[Connections, Ints]:
        """The rows, each once, and their numbers, sorted by number and start; only with source ports are rows known."""
        order = np.lexsort((rows.duration, rows.half, rows.start_us, number))
        told = (number, rows.start_us, rows.half, rows.orig_p, rows.duration)
        twice = repeats(*(column[order] for column in told)) & (rows.orig_p[order] >= 0)
        self.ingest.duplicates += int(twice.sum())
        order = order[~twice]
        return rows.take(order), number[order]

    def _hold(self, rows: Connections) -> None:
        """Keeps connections that may continue, or be continued by, another one."""
        self._loose.append(rows)
        if sum(map(len, self._loose)) > LOOSE:
            newest = max(int(held.start_us.max()) for held in self._loose)
            self._settle_loose(keep_after=newest - round(self.config.merge_gap * MICROSECONDS))
            if sum(map(len, self._loose)) > LOOSE // 2:
                self._settle_loose(keep_after=None)

    def _settle_loose(self, keep_after: int | None) -> None:
        """Merges the loose rows; what ended after `keep_after` may still be continued and stays."""
        if not self._loose:
            return
        rows = joined(self._loose)
        rows, tuples = self._once(rows, five_tuples(rows))
        kept: Bools = np.zeros(len(rows), dtype=np.bool_)
        if keep_after is not None:
            open_tuples = tuples[end_us(rows.start_us, rows.duration) >= keep_after]
            kept = np.isin(tuples, open_tuples)
        merged = merge(rows.take(~kept), tuples[~kept])
        self.ingest.merged += int((~kept).sum()) - len(merged)
        if kept.any():
            self._loose = [rows.take(kept)]
        self._take(merged)

    def _take(self, rows: Connections) -> None:
        """Sorts connections to their pairs: by address, and by name where they carry one."""
        named = np.flatnonzero(rows.name >= 0)
        both = rows.take(np.concatenate((np.arange(len(rows)), named))) if len(named) else rows
        by_name = np.arange(len(both)) >= len(rows)
        dns = self._context.answers.of(rows, self._hosts.values)
        both_dns = np.concatenate((dns, np.full(len(named), NOT_KNOWN)))
        pair = self._table.add(both, by_name, both_dns, self._tenures(both))
        self._rows.append(
            PairRows(
                pair=pair.astype(np.int32),
                start_us=both.start_us,
                duration=both.duration,
                orig_bytes=both.orig_bytes,
                resp_bytes=both.resp_bytes,
                state=both.state,
                orig_p=both.orig_p.astype(np.int32),
                addr=both.resp_h.astype(np.int32),
                name=both.name.astype(np.int32),
                by_name=by_name,
                dns=both_dns.astype(np.int32),
            )
        )
        self._pending += len(pair)
        if self._pending > max(PENDING, self._settled // 2):
            self._settle()

    def _tenures(self, rows: Connections) -> Ints | None:
        """Which tenure of its originator's address each connection is of; None where none had several."""
        owners = self._context.owners
        return owners.tenures(rows.orig_h, self._hosts.values, rows.start_us) if owners.has_changes else None

    def _settle(self) -> None:
        """Sorts all rows by pair and start, drops duplicates, and keeps the newest of each pair."""
        if not self._rows:
            return
        self._rows = [joined(self._rows)]
        kept = self._newest(self._rows[0])
        self._rows = [joined(self._rows, kept)]
        self._pending, self._settled = 0, len(kept)

    def _newest(self, rows: PairRows) -> Ints:
        """Where the newest rows of each pair stand, by pair and start, each once; takes back what repeats."""
        order = by_pair_and_start(rows)
        pair, port = rows.pair[order].astype(np.int64), rows.orig_p[order]
        unique = ~repeats(pair, rows.start_us[order], port, rows.duration[order]) | (port < 0)
        twice = rows.take(order[~unique])
        self._table.forget(twice)
        self.ingest.duplicates += int((~twice.by_name).sum())
        order, pair = order[unique], pair[unique]
        held = rows_behind(pair) <= self.config.max_observations
        self._gone.let_go(rows.take(order[~held]))
        return order[held]


def rows_behind(pair: NDArray[Any]) -> Ints:
    """How many rows of its pair stand from each one on to the last, of rows by pair."""
    ends = np.append(np.flatnonzero(pair[1:] != pair[:-1]) + 1, len(pair))
    behind: Ints = np.repeat(ends, np.diff(ends, prepend=0)) - np.arange(len(pair))
    return behind


def _under(mask: Bools, rows: Connections) -> Connections:
    return rows if mask.all() else rows.take(mask)


def _numbers(given: Ints | None, rows: int) -> Ints:
    return np.full(rows, -1, dtype=np.int64) if given is None else given


def _process(batch: Batch, known: Intern) -> Ints:
    if batch.process is None:
        return np.full(len(batch), -1, dtype=np.int64)
    return batch.process.map(known.codes(batch.process.values))


def _no_size(count: Floats) -> Bools:
    return (count < 0) | (count > 2.0**64)


def repeats(*columns: NDArray[Any]) -> Bools:
    """Which sorted rows say the same as the one before them; a missing duration equals another missing one."""
    same = np.ones(len(columns[0]), dtype=np.bool_)
    same[:1] = False
    for column in columns:
        same[1:] &= (column[1:] == column[:-1]) | ((column[1:] != column[1:]) & (column[:-1] != column[:-1]))
    return same
