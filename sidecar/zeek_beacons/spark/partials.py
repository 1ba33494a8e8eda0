"""On executors: the connections of one partition -> what it knows of each pair, by the rules of one machine.

A partition has all connections of its 5-tuples, ordered by start: so pieces find each other, and so do rows that stand
there twice. Of a pair, whose connections lie in several partitions, each holds its newest observations.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from zeek_beacons.config import Config
from zeek_beacons.pairs import Ints
from zeek_beacons.readers.arrow_parse import integers, numbers, texts
from zeek_beacons.readers.columns import WHOLE, Connections, PairRows
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.readers.merge import may_be_piece
from zeek_beacons.readers.reservoir import Collector
from zeek_beacons.readers.traits import no_traits
from zeek_beacons.spark.rows import Stage, spelled
from zeek_beacons.spark.schema import APART, OPEN, PARTIAL, ROW, TOLD, RecordBatch, Table, gathered, only, parted, told

TOGETHER = 100_000  # connections that are taken at once
PAIRS = 500  # that are handed on at once
LATE = 8  # times as many observations are held of connections that a state may know already


class PartialCollector(Collector):
    """Takes checked connections, gives what is known of each pair."""

    def take_rows(self, table: Table) -> None:
        """Takes connections that were checked and chosen."""
        none = np.full(table.num_rows, -1, dtype=np.int64)
        orig_h, resp_h, service, name = (texts(table, column) for column in ("orig_h", "resp_h", "service", "name"))
        rows = Connections(
            start_us=_whole(table, "start_us"),
            duration=numbers(table, "duration"),
            orig_h=orig_h.map(self._hosts.codes(orig_h.values)),
            orig_p=integers(table, "orig_p"),
            resp_h=resp_h.map(self._hosts.codes(resp_h.values)),
            resp_p=integers(table, "resp_p"),
            proto=integers(table, "proto"),
            service=service.map(self._services.codes(service.values)),
            orig_bytes=numbers(table, "orig_bytes"),
            resp_bytes=numbers(table, "resp_bytes"),
            state=integers(table, "state").astype(np.uint8),
            reach_us=_whole(table, "reach_us"),
            name=name.map(self._names.codes(name.values)),
            half=np.full(table.num_rows, WHOLE, dtype=np.uint8),
            certificate=none,
            client=none,
            hit=none,
            process=none,
            traits=no_traits(table.num_rows, 0),
        )
        self._route(rows)

    def partials(self) -> Iterator[RecordBatch]:
        """All that was taken."""
        self._settle_loose(keep_after=None)
        self._settle()
        if self._rows:
            table = self._partials()
            yield from table.to_batches(PAIRS)

    def _partials(self) -> Table:
        rows, totals = self._rows[0], self._table.totals()
        pairs = len(totals.conns)
        of, names, _ = totals.names
        ends = np.cumsum(np.bincount(rows.pair, minlength=pairs))
        resp = np.where(
            totals.by_name,
            _picked(self._names.values, totals.responder, totals.by_name),
            _picked(self._hosts.values, totals.responder, ~totals.by_name),
        )
        columns: dict[str, Any] = {
            "orig_h": spelled(totals.orig, self._hosts.values),
            "resp": pa.array(resp, pa.string()),
            "by_name": totals.by_name,
            "resp_p": totals.port,
            "proto": totals.proto,
            "addr": spelled(rows.addr[ends - 1].astype(np.int64), self._hosts.values),
            "conns": totals.conns,
            "named": totals.named,
            "first_us": totals.first_us,
            **_tally("services", "service_conns", totals.services, self._services.values, pairs),
            **_tally("names", "name_conns", totals.names, self._names.values, pairs),
            **{
                name: lists(getattr(rows, name), ends, PARTIAL.field(name).type)
                for name in ("start_us", "duration", "orig_bytes", "resp_bytes", "state", "orig_p")
            },
            "name_of": lists(places(of, names, rows), ends, pa.list_(pa.int32())),
            "told": pa.nulls(pairs, pa.string()),
        }
        return pa.table([pa.array(columns[field.name], field.type) for field in PARTIAL], schema=PARTIAL)


def of_rows(config: Config) -> Stage:
    """A stage over connections that gives partials. `config`: without a direction, which was looked at before."""

    def work(batches: Iterator[RecordBatch]) -> Iterator[RecordBatch]:
        collector, said = PartialCollector(config, Ingest()), list[str]()
        for table in gathered(parted(batches, said), TOGETHER):
            collector.take_rows(table)
        yield from collector.partials()
        yield told(collector.ingest, PARTIAL)
        for text in said:
            yield only(text, PARTIAL)

    return work


def apart(config: Config, late_us: int | None) -> Stage:
    """As `of_rows`, of connections that no later one may continue; the others are given as they came.

    `late_us`: start of the newest connection that a state has seen, None: there is no state. Of what is no newer more
    is held, so that connections which the state holds already are known again.
    """
    more = replace(config, max_observations=LATE * config.max_observations)

    def work(batches: Iterator[RecordBatch]) -> Iterator[RecordBatch]:
        collectors, said = [PartialCollector(one, Ingest()) for one in (config, more)], list[str]()
        for table in gathered(parted(batches, said), TOGETHER):
            start = _whole(table, "start_us")
            collectors[0].ingest.span(start)
            port, reach, proto, state = (_whole(table, name) for name in ("orig_p", "reach_us", "proto", "state"))
            opened = may_be_piece(port, reach, proto, state.astype(np.uint8))
            late = start <= late_us if late_us is not None else np.zeros(len(start), dtype=np.bool_)
            for collector, own in zip(collectors, (~opened & ~late, ~opened & late), strict=True):
                collector.take_rows(table.filter(pa.array(own)))
            yield from _only_open(table.filter(pa.array(opened)).combine_chunks())
        for collector in collectors:
            yield from map(_none_open, collector.partials())
            yield _none_open(told(collector.ingest, PARTIAL))
        for text in said:
            yield _none_open(only(text, PARTIAL))

    return work


def _none_open(batch: RecordBatch) -> RecordBatch:
    return pa.record_batch([*batch.columns, pa.nulls(batch.num_rows, APART.field(OPEN).type)], schema=APART)


def _only_open(table: Table) -> Iterator[RecordBatch]:
    for batch in table.to_batches(PAIRS):
        kind = APART.field(OPEN).type
        rows = pa.StructArray.from_arrays([batch.column(name) for name in ROW.names if name != TOLD], fields=list(kind))
        nothing = [pa.nulls(len(rows), field.type) for field in PARTIAL]
        yield pa.record_batch([*nothing, rows], schema=APART)


def sorted_by() -> list[str]:
    """The columns of connections whose order makes that of a partition the same each time; the start first."""
    return [name for name in ROW.names if name not in ("uid", "told")]


def lists(values: Any, ends: Ints, kind: Any) -> Any:
    """Values as lists, the first up to `ends[0]`."""
    offsets = pa.array(np.concatenate(([0], ends)), pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.array(values, kind.value_type))


def places(of: Ints, names: Ints, rows: PairRows) -> Ints:
    """Where the name of each row stands among those of its pair, which are given by pair and number; -1: it is not."""
    pair, name = rows.pair.astype(np.int64), rows.name.astype(np.int64)
    size = int(max(names.max(initial=0), name.max(initial=0))) + 1
    held, wanted = of * size + names, pair * size + name
    at = np.searchsorted(held, wanted)
    there = (name >= 0) & (at < len(held))
    there[there] = held[at[there]] == wanted[there]
    return np.where(there, at - np.searchsorted(of, pair), -1)


def _whole(table: Table, name: str) -> Ints:
    values: Ints = table.column(name).to_numpy()
    return values


def _picked(values: list[str], index: Ints, wanted: Any) -> Any:
    picked = np.full(len(index), "", dtype=np.object_)
    every = np.array([*values, ""], dtype=np.object_)
    picked[wanted] = every[index[wanted]]
    return picked


def _tally(text: str, conns: str, counts: tuple[Ints, Ints, Ints], values: list[str], pairs: int) -> dict[str, Any]:
    pair, code, count = counts
    ends = np.cumsum(np.bincount(pair, minlength=pairs))
    return {
        text: pa.ListArray.from_arrays(pa.array(np.concatenate(([0], ends)), pa.int32()), spelled(code, values)),
        conns: lists(count, ends, pa.list_(pa.int64())),
    }
