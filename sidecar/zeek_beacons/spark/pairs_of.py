"""On executors: partials of pairs -> pairs. What partitions counted is added up, the newest observations stay.

No more of a pair is ever held than what its partials hold, at most `max_observations` a partition.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zeek_beacons.config import Config
from zeek_beacons.locality import locality
from zeek_beacons.pairs import Bools, Ints
from zeek_beacons.readers.columns import PairRows
from zeek_beacons.readers.pair_table import TLS, by_pair_and_start
from zeek_beacons.spark.partials import PAIRS, lists
from zeek_beacons.spark.rows import Stage
from zeek_beacons.spark.schema import KEY_NAMES, PAIR, RecordBatch, Table, only, parted

TOGETHER = 4096  # partials that are joined at once


def of_partials(config: Config) -> Stage:
    """A stage over partials, sorted by key, that gives pairs."""

    def work(batches: Iterator[RecordBatch]) -> Iterator[RecordBatch]:
        said: list[str] = []
        is_local = locality(config.local_nets)
        for table in _whole_keys(parted(batches, said)):
            yield from _pairs(table, config.max_observations, is_local).to_batches(PAIRS)
        for text in said:
            yield only(text, PAIR)

    return work


def _whole_keys(batches: Iterator[RecordBatch]) -> Iterator[Table]:
    """Tables in which every key has all its partials."""
    held: list[RecordBatch] = []
    rows = 0
    for batch in batches:
        if held and rows >= TOGETHER:
            table = pa.Table.from_batches([*held, batch])
            fresh = np.flatnonzero(_first_of_key(table))
            last = int(fresh[-1])
            if last:
                yield table.slice(0, last)
            held = table.slice(last).to_batches()
        else:
            held.append(batch)
        rows = sum(one.num_rows for one in held)
    if held:
        yield pa.Table.from_batches(held)


def _first_of_key(table: Table) -> Bools:
    first = np.zeros(table.num_rows, dtype=np.bool_)
    first[:1] = True
    for name in KEY_NAMES:
        column = table.column(name).combine_chunks()
        first[1:] |= np.asarray(pc.not_equal(column[1:], column[:-1]).to_numpy(zero_copy_only=False))
    return first


def _pairs(table: Table, most: int, is_local: Any) -> Table:
    table = table.combine_chunks()
    first = _first_of_key(table)
    pair, begins = np.cumsum(first) - 1, np.flatnonzero(first)
    rows, partial = _newest(table, pair, most)
    ends = np.cumsum(np.bincount(rows.pair, minlength=len(begins)))
    by_name = table.column("by_name").to_numpy()[begins]
    resp = table.column("resp").take(pa.array(begins)).combine_chunks()
    addr = table.column("addr").take(pa.array(partial[ends - 1])).combine_chunks()
    conns, named = (np.add.reduceat(table.column(name).to_numpy(), begins) for name in ("conns", "named"))
    name, name_conns = _majority(table, pair, named)
    service, tls = _services(table, pair, len(begins))
    columns: dict[str, Any] = {
        **{name: table.column(name).take(pa.array(begins)) for name in KEY_NAMES},
        "addr": addr,
        "conns": conns,
        "named": named,
        "first_us": np.minimum.reduceat(table.column("first_us").to_numpy(), begins),
        "service": service,
        "server_name": pc.if_else(pa.array(by_name), resp, name),
        "name_conns": np.where(by_name, named, name_conns),
        "tls": tls,
        "outside": [not is_local(text) for text in addr.to_pylist()],
        "held": np.diff(ends, prepend=0),
        **{
            name: lists(getattr(rows, name), ends, PAIR.field(name).type)
            for name in ("start_us", "duration", "orig_bytes", "resp_bytes", "state")
        },
        "told": pa.nulls(len(begins), pa.string()),
    }
    return pa.table([_typed(columns[field.name], field.type) for field in PAIR], schema=PAIR)


def _newest(table: Table, pair: Ints, most: int) -> tuple[PairRows, Ints]:
    """The newest observations of each pair, by pair and start, and the partial that each comes from."""
    lengths = pc.list_value_length(table.column("start_us")).to_numpy()
    of = np.repeat(np.arange(len(pair)), lengths)
    column = {
        name: pc.list_flatten(table.column(name)).to_numpy()
        for name in ("start_us", "duration", "orig_bytes", "resp_bytes", "state", "orig_p")
    }
    none = np.full(len(of), -1, dtype=np.int32)
    rows = PairRows(
        pair=pair[of].astype(np.int32),
        start_us=column["start_us"],
        duration=column["duration"],
        orig_bytes=column["orig_bytes"],
        resp_bytes=column["resp_bytes"],
        state=column["state"].astype(np.uint8),
        orig_p=column["orig_p"].astype(np.int32),
        addr=of.astype(np.int32),
        name=none,
        by_name=none >= 0,
        dns=none,
    )
    order = by_pair_and_start(rows)
    ends = np.cumsum(np.bincount(rows.pair, minlength=int(pair[-1]) + 1))
    order = order[ends[rows.pair[order]] - np.arange(len(order)) <= most]
    rows = rows.take(order)
    return rows, rows.addr.astype(np.int64)


def _counts(table: Table, text: str, conns: str, pair: Ints) -> tuple[Ints, Ints, Ints, list[str]]:
    """Pairs, texts and connections, added up, and the texts in the order of the alphabet."""
    lengths = pc.list_value_length(table.column(text)).to_numpy()
    of, flat = pair[np.repeat(np.arange(len(pair)), lengths)], pc.list_flatten(table.column(text))
    encoded = flat.combine_chunks().dictionary_encode()
    values = encoded.dictionary.to_pylist()
    spelled = sorted(values)
    place = {text: rank for rank, text in enumerate(spelled)}
    rank = np.array([place[text] for text in values], dtype=np.int64)
    code = rank[encoded.indices.to_numpy()] if len(values) else np.zeros(0, dtype=np.int64)
    size = len(values) + 1
    both, at = np.unique(of * size + code, return_inverse=True)
    total = np.zeros(len(both), dtype=np.int64)
    np.add.at(total, at, pc.list_flatten(table.column(conns)).to_numpy())
    known = total > 0
    return both[known] // size, both[known] % size, total[known], spelled


def _majority(table: Table, pair: Ints, named: Ints) -> tuple[Any, Ints]:
    """The name that more than half of each pair's named connections carried, "" where none did, and how many did."""
    of, name, count, values = _counts(table, "names", "name_conns", pair)
    order = np.lexsort((count, of))
    best, conns = np.full(len(named), -1, dtype=np.int64), np.zeros(len(named), dtype=np.int64)
    best[of[order]], conns[of[order]] = name[order], count[order]  # the last one written stays
    wins = 2 * conns > named
    texts = np.array([*values, ""], dtype=np.object_)[np.where(wins, best, -1)]
    return pa.array(texts, pa.string()), np.where(wins, conns, 0)


def _services(table: Table, pair: Ints, pairs: int) -> tuple[Any, Bools]:
    """The most frequent service of each pair, of several the first of the alphabet; and whether one of them was TLS."""
    of, service, count, values = _counts(table, "services", "service_conns", pair)
    order = np.lexsort((-service, count, of))
    best = np.full(pairs, -1, dtype=np.int64)
    best[of[order]] = service[order]
    is_tls = np.array([TLS in text.split(",") for text in [*values, ""]], dtype=np.bool_)
    tls = np.zeros(pairs, dtype=np.bool_)
    tls[of[is_tls[service]]] = True
    return pa.array(np.array([*values, ""], dtype=np.object_)[best], pa.string()), tls


def _typed(column: Any, kind: Any) -> Any:
    return column.cast(kind) if isinstance(column, (pa.Array, pa.ChunkedArray)) else pa.array(column, kind)
