"""The stages that run on executors, without a Spark: whatever the partitions, they come to the pairs of one machine."""

from __future__ import annotations

import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import score
from zeek_beacons.readers import Request, read
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.said import Said
from zeek_beacons.scoring import Scoring
from zeek_beacons.spark import judge, names, pairs_of, partials, rows
from zeek_beacons.spark.judge import JudgedBy, Model, Site
from zeek_beacons.spark.rows import Stage, WhatCounts
from zeek_beacons.spark.schema import APART, KEY_NAMES, OPEN, PAIR, PARTIAL, ROW, TOLD, heard

from .same import connections, names_log, tsv

CONFIG = Config(max_observations=64)
FIVE_TUPLE = ["orig_h", "orig_p", "resp_h", "resp_p", "proto"]


class Checked:
    """Connections that were parsed and checked, with their names, and what one machine makes of them."""

    def __init__(self, pairs: Pairs, ingest: Ingest, conns: Any) -> None:
        self.pairs, self.ingest, self.conns = pairs, ingest, conns


def lines(path: Path) -> tuple[dict[str, bytes], list[Any]]:
    """The header and the lines of a log, as Spark gives them."""
    every = path.read_bytes().splitlines()
    header = b"".join(line + b"\n" for line in every if line.startswith(b"#") and not line.startswith(b"#close"))
    batch = pa.record_batch({"file": pa.array([str(path)] * len(every)), "line": pa.array(every, pa.binary())})
    return {str(path): header}, [batch.slice(at, 1000) for at in range(0, len(every), 1000)]


def over(stage: Stage, table: Any, key: list[str], order: list[str], parts: int, schema: Any = None) -> Any:
    """What a stage makes of a table that is shuffled by a key and sorted."""
    place = [zlib.crc32(repr(tuple(row.values())).encode()) % parts for row in table.select(key).to_pylist()]
    made = []
    for part in range(parts):
        own = table.filter(pa.array([at == part for at in place], pa.bool_()))
        own = own.take(pc.sort_indices(own, [(name, "ascending") for name in order])) if order else own
        made += list(stage(iter(own.to_batches(700))))
    return pa.Table.from_batches(made, None if made else schema)


def split(table: Any, ingest: Ingest) -> Any:
    """The rows of a table that are no diagnostics, which are added up."""
    told = table.column(TOLD)
    heard([text for text in told.to_pylist() if text is not None], ingest)
    return table.filter(told.is_null())


def by_tuple(stage: Stage, conns: Any, parts: int) -> Any:
    return over(stage, conns, FIVE_TUPLE, partials.sorted_by(), parts)


def by_pair(stage: Stage, table: Any, parts: int) -> Any:
    return over(stage, table, KEY_NAMES, [*KEY_NAMES, "first_us", "conns"], parts, PARTIAL)


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Checked:
    """The pairs of one machine, and the connections that they are made of, with their names."""
    folder = tmp_path_factory.mktemp("logs")
    given, named = connections()
    tsv(folder / "conn.log", given)
    names_log(folder / "ssl.log", named)
    pairs, ingest = read(Request([str(folder)]), CONFIG)
    header, batches = lines(folder / "conn.log")
    parsed = rows.of_lines(header, WhatCounts(CONFIG, None, None), True)(iter(batches))
    conns = split(pa.Table.from_batches(parsed), Ingest())
    header, batches = lines(folder / "ssl.log")
    told = pa.Table.from_batches(names.of_lines(header, "ssl", 0)(iter(batches)))
    by_uid = dict(zip(told.column("uid").to_pylist(), told.column("name").to_pylist(), strict=True))
    assert by_uid == named
    found = pa.array([by_uid.get(uid) for uid in conns.column("uid").to_pylist()], pa.string())
    return Checked(pairs, ingest, conns.set_column(ROW.names.index("name"), "name", found))


def assert_same(table: Any, pairs: Pairs) -> None:
    """A table of pairs holds these pairs, in whatever order."""
    table = table.sort_by([(name, "ascending") for name in ("orig_h", "resp", "resp_p", "proto")])
    judged = judge.pairs(
        table.append_column("resp_hosts", pa.nulls(len(table), pa.float64()))
        .append_column("sighted_us", pa.nulls(len(table), pa.float64()))
        .append_column("port_hosts", pa.nulls(len(table), pa.float64())),
        JudgedBy(CONFIG, Site(np.nan, np.nan), AllowList(), Said()),
    )
    assert len(judged) == len(pairs)
    for name in ("orig_h", "resp", "resp_p", "proto", "addr", "service", "server_name", "conns", "named", "name_conns"):
        assert getattr(judged, name).tolist() == getattr(pairs, name).tolist(), name
    for name in ("first_ts", "offsets", "start", "duration", "orig_bytes", "resp_bytes", "state"):
        np.testing.assert_array_equal(getattr(judged, name), getattr(pairs, name), name)


@pytest.mark.parametrize("parts", [1, 4])
def test_partitions_come_to_the_pairs_of_one_machine(checked: Checked, parts: int) -> None:
    pairs, read_by_one, conns = checked.pairs, checked.ingest, checked.conns
    ingest = Ingest()
    partial = split(by_tuple(partials.of_rows(CONFIG), conns, parts), ingest)
    made = split(by_pair(pairs_of.of_partials(CONFIG), partial, parts), ingest)
    assert made.schema == PAIR
    assert_same(made, pairs)
    assert ingest.duplicates == read_by_one.duplicates == 50
    assert ingest.merged == read_by_one.merged == 40


@settings(max_examples=15)
@given(cuts=st.lists(st.integers(0, 3800), min_size=1, max_size=3), parts=st.integers(1, 3))
def test_a_state_comes_to_the_pairs_of_one_machine(checked: Checked, cuts: list[int], parts: int) -> None:
    """Connections in any order, added in any runs, when all that may be continued is carried on."""
    pairs, conns = checked.pairs, checked.conns
    held, still = PARTIAL.empty_table(), ROW.empty_table()
    bounds = [0, *sorted(cuts), len(conns)]
    # What stands there twice comes together: a state knows again what it holds.
    newest = None
    conns = conns.take(pa.array(np.argsort(conns.column("start_us").to_numpy(), kind="stable")))
    for begin, end in pairwise(bounds):
        given_rows = pa.concat_tables([conns.slice(begin, end - begin), still])
        apart = by_tuple(partials.apart(CONFIG, newest), given_rows, parts)
        assert apart.schema == APART
        newest = max(newest or 0, pc.max(given_rows.column("start_us")).as_py() or 0)
        settled = split(apart.filter(apart.column(OPEN).is_null()).select(PARTIAL.names), Ingest())
        opened = pa.Table.from_struct_array(apart.filter(apart.column(OPEN).is_valid()).column(OPEN))
        still = opened.append_column(TOLD, pa.nulls(len(opened), pa.string())).cast(ROW)
        held = split(by_pair(pairs_of.added_up(CONFIG), pa.concat_tables([held, settled]), parts), Ingest())
    rest = split(by_tuple(partials.of_rows(CONFIG), still, parts), Ingest())
    made = by_pair(pairs_of.of_partials(CONFIG), pa.concat_tables([held, rest]), parts)
    assert_same(split(made, Ingest()), pairs)


def test_what_is_held_twice_is_taken_back(checked: Checked) -> None:
    """The same connections added a second time change nothing, where their pairs hold them all."""
    config = Config(max_observations=4000)
    conns = checked.conns
    partial = split(by_tuple(partials.of_rows(config), conns, 2), Ingest())
    once = split(by_pair(pairs_of.added_up(config), partial, 1), Ingest())
    ingest = Ingest()
    twice = split(by_pair(pairs_of.added_up(config), pa.concat_tables([once, once]), 1), ingest)
    by_address = once.filter(pc.invert(once.column("by_name")))
    assert ingest.duplicates == pc.sum(by_address.column("conns")).as_py()
    without = [name for name in PARTIAL.names if name != "service_conns"]
    assert repr(twice.select(without).to_pylist()) == repr(once.select(without).to_pylist())


def test_verdicts_are_those_of_one_machine(checked: Checked) -> None:
    """Judged in two halves of hosts, with what is counted over all pairs beside."""
    pairs, conns = checked.pairs, checked.conns
    partial = split(by_tuple(partials.of_rows(CONFIG), conns, 2), Ingest())
    made = split(by_pair(pairs_of.of_partials(CONFIG), partial, 2), Ingest())
    by_key = {(pairs.orig_h[at], pairs.resp[at], int(pairs.resp_p[at])): at for at in range(len(pairs))}
    rows_of = [by_key[row["orig_h"], row["resp"], row["resp_p"]] for row in made.select(KEY_NAMES).to_pylist()]
    made = made.append_column("resp_hosts", pa.array(pairs.resp_hosts[rows_of]))
    made = made.append_column("sighted_us", pa.nulls(len(made), pa.int64()))
    made = made.append_column("port_hosts", pa.nulls(len(made), pa.float64()))
    site = Site(float(pairs.site_hosts[0]), float(pairs.site_tls_named[0]))
    judged = JudgedBy(CONFIG, site, AllowList(), Said())
    model = Model(None)
    said = over(judge.of_pairs(model, judged), made.drop_columns([TOLD]), ["orig_h"], ["orig_h", "resp", "resp_p"], 2)
    one = judge.scored_table(score(pairs, Scoring.rules_only(), CONFIG))
    key = [("orig_h", "ascending"), ("resp", "ascending"), ("resp_p", "ascending")]
    for name in ("orig_h", "resp", "resp_p", "rule_score", "sleep", "connections", judge.DAY):
        assert said.sort_by(key).column(name).to_pylist() == one.sort_by(key).column(name).to_pylist(), name
