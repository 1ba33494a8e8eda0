"""On executors, and for the reports on the driver: pairs with what is counted over all of them -> verdicts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.keys import CONN
from zeek_beacons.knowledge.local import LocalKnowledge
from zeek_beacons.locality import locality
from zeek_beacons.pairs import (
    CHANNEL_FACTS,
    MICROSECONDS,
    PRESENTED_NUMBERS,
    PRESENTED_TEXTS,
    PROTOS,
    Pairs,
    Strings,
)
from zeek_beacons.pipeline import Scored, score
from zeek_beacons.readers.traits import counted, trait_column
from zeek_beacons.reports import tables
from zeek_beacons.said import Said
from zeek_beacons.scoring import Scoring
from zeek_beacons.spark.rows import BATCH, Stage
from zeek_beacons.spark.schema import RecordBatch, Table
from zeek_beacons.traits import with_first_sight

PAIRS, OBSERVATIONS = 20_000, 2_000_000  # of whole originators that are judged together
# Of one originator; beyond, its pairs are judged in parts, each with the groups that it holds.
MOST_PAIRS, MOST_OBSERVATIONS = 100_000, 8_000_000
DAY = "day"  # of the newest observation, UTC
COUNTED = ("resp_hosts", "sighted_us", "port_hosts")  # columns that are joined to those of a pair


@dataclass(frozen=True, slots=True)
class Model:
    """What scores, by its files. Relative paths begin where the package lies."""

    folder: Path | None  # None: rules alone
    intel: tuple[str, ...] = ()
    mmdb: tuple[str, ...] = ()

    def scoring(self, threads: int = 0) -> Scoring:
        """The scorers, loaded."""
        begin = Path(__file__).resolve().parents[2]
        scoring = Scoring.rules_only() if self.folder is None else Scoring.load(begin / self.folder, threads)
        intel, mmdb = ([str(begin / one) for one in files if one] for files in (self.intel, self.mmdb))
        return scoring.knowing(LocalKnowledge.load(intel, mmdb))


@dataclass(frozen=True, slots=True)
class Site:
    """What is counted over the pairs of a site; NaN where it is not known."""

    hosts: float
    tls_named: float


@dataclass(frozen=True, slots=True)
class JudgedBy:
    """How pairs are judged."""

    config: Config
    site: Site
    allow: AllowList
    said: Said


def of_pairs(model: Model, judged: JudgedBy) -> Stage:
    """A stage over pairs, sorted by originator and key, that gives the table of scored pairs."""

    def work(batches: Iterator[RecordBatch]) -> Iterator[RecordBatch]:
        scoring = _scoring(model)
        for table in _whole_originators(batches):
            yield from scored_table(scored(table, judged, scoring)).to_batches(BATCH)

    return work


def scored(table: Table, judged: JudgedBy, scoring: Scoring) -> Scored:
    """Verdicts on pairs, sorted by key."""
    return score(pairs(table, judged), scoring, judged.config, judged.allow, said=judged.said)


def scored_table(one: Scored) -> Table:
    """`scored_pairs.csv` as a table with the day of each pair; incidents are formed over all hosts, not here."""
    table = tables.scored_pairs(one).drop_columns(["incident"])
    days = pc.utf8_slice_codeunits(table.column("last_seen"), 0, 10)
    return table.append_column(DAY, days)


def pairs(table: Table, judged: JudgedBy) -> Pairs:
    """The rows of a table as pairs."""
    table = table.combine_chunks()
    n, config = table.num_rows, judged.config
    is_local = locality(config.local_nets)
    orig_h, addr = _strings(table, "orig_h"), _strings(table, "addr")
    missing = np.full(n, np.nan)
    lengths = pc.list_value_length(table.column("start_us")).to_numpy(zero_copy_only=False)
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int64)
    observed = {name: _flat(table, name) for name in ("start_us", "duration", "orig_bytes", "resp_bytes", "state")}
    return Pairs(
        orig_h=orig_h,
        resp=_strings(table, "resp"),
        resp_p=table.column("resp_p").to_numpy().astype(np.int64),
        proto=np.array(PROTOS, dtype=np.object_)[table.column("proto").to_numpy()],
        channel=np.full(n, CONN, dtype=np.object_),
        addr=addr,
        service=_strings(table, "service"),
        server_name=_strings(table, "server_name"),
        dns_name=np.full(n, "", dtype=np.object_),
        conns=table.column("conns").to_numpy(),
        named=table.column("named").to_numpy(),
        name_conns=table.column("name_conns").to_numpy(),
        dns_named=missing,
        orig_local=np.array([is_local(text) for text in orig_h.tolist()], dtype=np.bool_),
        resp_local=np.array([is_local(text) for text in addr.tolist()], dtype=np.bool_),
        first_ts=table.column("first_us").to_numpy() / MICROSECONDS,
        resp_hosts=_floats(table, "resp_hosts"),
        site_hosts=np.full(n, judged.site.hosts),
        site_tls_named=np.full(n, judged.site.tls_named),
        intel=np.full(n, "", dtype=np.object_),
        traits=_traits(table, config.min_connections),
        signed=missing,
        **{name: np.full(n, "", dtype=np.object_) for name in (*PRESENTED_TEXTS, "process", "parent", "user")},
        **dict.fromkeys((*PRESENTED_NUMBERS, *CHANNEL_FACTS), missing),
        offsets=offsets,
        start=observed["start_us"] / MICROSECONDS,
        duration=observed["duration"],
        orig_bytes=observed["orig_bytes"],
        resp_bytes=observed["resp_bytes"],
        state=observed["state"].astype(np.uint8),
    )


def _traits(table: Table, least: int) -> Strings:
    """What is counted of others beside a pair; of pairs of `least` connections the first sight of their server too."""
    traits = trait_column([counted("port_hosts", _floats(table, "port_hosts"))], table.num_rows)
    judged = (table.column("conns").to_numpy() >= least) & (table.column("held").to_numpy() > 0)
    seen = _floats(table, "sighted_us") / MICROSECONDS
    for row in np.flatnonzero(judged).tolist():
        traits[row] = with_first_sight(traits[row], float(seen[row]))
    return traits


def _whole_originators(batches: Iterator[RecordBatch]) -> Iterator[Table]:
    """Tables in which every originator has all its pairs, as long as these are no more than fit."""
    held: list[RecordBatch] = []
    for batch in batches:
        held.append(batch)
        pairs, observations = (sum(count) for count in zip(*map(_size, held), strict=True))
        if pairs < PAIRS and observations < OBSERVATIONS:
            continue
        table = pa.Table.from_batches(held)
        orig = table.column("orig_h").combine_chunks()
        last = pc.index(orig, orig[-1]).as_py()
        too_many = pairs - last >= MOST_PAIRS or observations >= MOST_OBSERVATIONS
        if last or too_many:
            yield table if too_many else table.slice(0, last)
            held = [] if too_many else table.slice(last).to_batches()
    if held:
        yield pa.Table.from_batches(held)


def _size(batch: RecordBatch) -> tuple[int, int]:
    held = batch.column(batch.schema.get_field_index("held"))
    return batch.num_rows, pc.sum(held).as_py() or 0


@lru_cache(1)
def _scoring(model: Model) -> Scoring:
    """The scorers, once a process."""
    return model.scoring(threads=1)


def _strings(table: Table, name: str) -> Strings:
    encoded = table.column(name).combine_chunks().dictionary_encode()
    values = np.array([*encoded.dictionary.to_pylist(), ""], dtype=np.object_)
    strings: Strings = values[encoded.indices.to_numpy(zero_copy_only=False)]
    return strings


def _floats(table: Table, name: str) -> Any:
    return table.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False)  # a null becomes NaN


def _flat(table: Table, name: str) -> Any:
    return pc.list_flatten(table.column(name)).to_numpy(zero_copy_only=False)
