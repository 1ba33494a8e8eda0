"""On executors: the connections of one partition -> what it knows of each pair, by the rules of one machine.

A partition has all connections of its 5-tuples, ordered by start: so pieces find each other, and so do rows that stand
there twice. Of a pair, whose connections lie in several partitions, each holds its newest observations.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from zeek_beacons.config import Config
from zeek_beacons.pairs import Ints
from zeek_beacons.readers.arrow_parse import integers, numbers, texts
from zeek_beacons.readers.columns import WHOLE, Connections
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.readers.reservoir import Collector
from zeek_beacons.readers.traits import no_traits
from zeek_beacons.spark.rows import Stage, spelled
from zeek_beacons.spark.schema import PARTIAL, ROW, RecordBatch, Table, gathered, only, parted, told

TOGETHER = 100_000  # connections that are taken at once
PAIRS = 500  # that are handed on at once


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


def sorted_by() -> list[str]:
    """The columns of connections whose order makes that of a partition the same each time; the start first."""
    return [name for name in ROW.names if name not in ("uid", "told")]


def lists(values: Any, ends: Ints, kind: Any) -> Any:
    """Values as lists, the first up to `ends[0]`."""
    offsets = pa.array(np.concatenate(([0], ends)), pa.int32())
    return pa.ListArray.from_arrays(offsets, pa.array(values, kind.value_type))


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
