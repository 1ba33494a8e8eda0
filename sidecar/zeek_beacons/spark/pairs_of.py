"""On executors: partials of pairs -> pairs. What partitions counted is added up, the newest observations stay.

No more of a pair is ever held than what its partials hold, at most `max_observations` a partition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from zeek_beacons.config import Config
from zeek_beacons.locality import locality
from zeek_beacons.pairs import Bools, Ints
from zeek_beacons.readers.columns import PairRows
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.readers.pair_table import TLS, by_pair_and_start
from zeek_beacons.readers.reservoir import repeats
from zeek_beacons.spark.partials import PAIRS, lists, places
from zeek_beacons.spark.rows import Stage
from zeek_beacons.spark.schema import KEY_NAMES, PAIR, PARTIAL, RecordBatch, Table, only, parted, told

TOGETHER = 4096  # partials that are joined at once

Counts = tuple[Ints, Ints, Ints, list[str]]  # pairs, texts and connections, by pair; and the texts, by the alphabet


def of_partials(config: Config) -> Stage:
    """A stage over partials, sorted by key, that gives pairs."""
    is_local = locality(config.local_nets)
    return _added_up(config, PAIR, lambda table: _pairs(table, is_local))


def added_up(config: Config) -> Stage:
    """A stage over partials, sorted by key, that gives one partial a pair."""
    return _added_up(config, PARTIAL, lambda table: table)


def _added_up(config: Config, made: Any, finish: Callable[[Table], Table]) -> Stage:
    def work(batches: Iterator[RecordBatch]) -> Iterator[RecordBatch]:
        said: list[str] = []
        ingest = Ingest()
        for table in _whole_keys(parted(batches, said)):
            yield from finish(_one_each(table, config.max_observations, ingest)).to_batches(PAIRS)
        for text in said:
            yield only(text, made)
        if ingest.duplicates:
            yield told(ingest, made)

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


def _one_each(table: Table, most: int, ingest: Ingest) -> Table:
    """The partials of each pair as one. Connections that two of them hold are one, counted in `ingest`."""
    table = table.combine_chunks()
    first = _first_of_key(table)
    pair, begins = np.cumsum(first) - 1, np.flatnonzero(first)
    by_name = table.column("by_name").to_numpy(zero_copy_only=False)[begins]
    names = _counts(table, "names", "name_conns", pair)
    rows, twice = _observations(table, pair, by_name, names)
    ingest.duplicates += int((~twice.by_name).sum())
    again = _each(twice, len(begins))
    named_again = _each(twice.take(twice.by_name | (twice.name >= 0)), len(begins))
    ends = np.cumsum(_each(rows, len(begins)))
    held = ends[rows.pair] - np.arange(len(rows)) <= most
    addr = rows.addr[ends - 1]
    rows = rows.take(held)
    ends = np.cumsum(_each(rows, len(begins)))
    of, name, conns, values = _without(names, twice)
    columns: dict[str, Any] = {
        **{name: table.column(name).take(pa.array(begins)) for name in KEY_NAMES},
        "addr": table.column("addr").take(pa.array(addr)),
        "conns": np.add.reduceat(table.column("conns").to_numpy(), begins) - again,
        "named": np.add.reduceat(table.column("named").to_numpy(), begins) - named_again,
        "first_us": np.minimum.reduceat(table.column("first_us").to_numpy(), begins),
        **_listed("services", "service_conns", _counts(table, "services", "service_conns", pair), len(begins)),
        **_listed("names", "name_conns", (of, name, conns, values), len(begins)),
        **{
            name: lists(getattr(rows, name), ends, PARTIAL.field(name).type)
            for name in ("start_us", "duration", "orig_bytes", "resp_bytes", "state", "orig_p")
        },
        "name_of": lists(places(of, name, rows), ends, pa.list_(pa.int32())),
        "told": pa.nulls(len(begins), pa.string()),
    }
    return pa.table([_typed(columns[field.name], field.type) for field in PARTIAL], schema=PARTIAL)


def _pairs(table: Table, is_local: Any) -> Table:
    """Partials, one a pair, as pairs."""
    table = table.combine_chunks()
    pair = np.arange(table.num_rows)
    by_name = table.column("by_name").to_numpy(zero_copy_only=False)
    named = table.column("named").to_numpy()
    name, name_conns = _majority(table, pair, named)
    service, tls = _services(table, pair, table.num_rows)
    columns: dict[str, Any] = {
        **{field.name: table.column(field.name) for field in PAIR if field.name in PARTIAL.names},
        "service": service,
        "server_name": pc.if_else(pa.array(by_name), table.column("resp"), name),
        "name_conns": np.where(by_name, named, name_conns),
        "tls": tls,
        "outside": [not is_local(text) for text in table.column("addr").to_pylist()],
        "held": pc.list_value_length(table.column("start_us")),
    }
    return pa.table([_typed(columns[field.name], field.type) for field in PAIR], schema=PAIR)


def _observations(table: Table, pair: Ints, by_name: Bools, names: Counts) -> tuple[PairRows, PairRows]:
    """All observations by pair and start, with the partial that each comes from as `addr`; and those held twice."""
    lengths = pc.list_value_length(table.column("start_us")).to_numpy()
    of = np.repeat(np.arange(len(pair)), lengths)
    column = {
        name: pc.list_flatten(table.column(name)).to_numpy()
        for name in ("start_us", "duration", "orig_bytes", "resp_bytes", "state", "orig_p", "name_of")
    }
    rows = PairRows(
        pair=pair[of].astype(np.int32),
        start_us=column["start_us"],
        duration=column["duration"],
        orig_bytes=column["orig_bytes"],
        resp_bytes=column["resp_bytes"],
        state=column["state"].astype(np.uint8),
        orig_p=column["orig_p"].astype(np.int32),
        addr=of.astype(np.int32),
        name=_name_codes(table, column["name_of"], of, names[3]),
        by_name=by_name[pair[of]],
        dns=np.full(len(of), -1, dtype=np.int32),
    )
    rows = rows.take(by_pair_and_start(rows))
    again = repeats(rows.pair, rows.start_us, rows.orig_p, rows.duration) & (rows.orig_p >= 0)
    return rows.take(~again), rows.take(again)


def _name_codes(table: Table, name_of: Ints, of: Ints, values: list[str]) -> NDArray[np.int32]:
    """The number among all names of what each observation carried, -1: none."""
    column = table.column("names").combine_chunks()
    place = {text: rank for rank, text in enumerate(values)}
    flat = pc.list_flatten(column).to_pylist()
    codes = np.array([*map(place.__getitem__, flat), -1], dtype=np.int32)
    lengths = pc.list_value_length(column).to_numpy()
    begins = np.cumsum(lengths) - lengths
    return codes[np.where(name_of >= 0, begins[of] + name_of, -1)]


def _each(rows: PairRows, pairs: int) -> Ints:
    """How many rows each pair has."""
    return np.bincount(rows.pair, minlength=pairs)


def _without(names: Counts, twice: PairRows) -> Counts:
    """The counts of names without those of connections that are held twice."""
    of, name, conns, values = names
    carried = twice.take(twice.name >= 0)
    size = len(values) + 1
    at = np.searchsorted(of * size + name, carried.pair.astype(np.int64) * size + carried.name)
    left = conns - np.bincount(at, minlength=len(conns))
    return of[left > 0], name[left > 0], left[left > 0], values


def _listed(text: str, conns: str, counts: Counts, pairs: int) -> dict[str, Any]:
    """Counts as two lists a pair."""
    of, code, count, values = counts
    ends = np.cumsum(np.bincount(of, minlength=pairs))
    offsets = pa.array(np.concatenate(([0], ends)), pa.int32())
    spelled = pa.array(values, pa.string()).take(pa.array(code))
    return {text: pa.ListArray.from_arrays(offsets, spelled), conns: lists(count, ends, pa.list_(pa.int64()))}


def _counts(table: Table, text: str, conns: str, pair: Ints) -> Counts:
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
