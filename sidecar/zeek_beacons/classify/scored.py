"""Connections in, their classes out: the flow of `classify score`, a chunk at a time."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv

from zeek_beacons.classify.columns import inputs
from zeek_beacons.classify.hosts import HostTable
from zeek_beacons.classify.model import CLASSES, NORMAL, Classifier, decided
from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.files import staged
from zeek_beacons.pairs import Floats, Ints
from zeek_beacons.readers import Request
from zeek_beacons.readers.columns import Texts
from zeek_beacons.readers.connection_table import ConnectionTable
from zeek_beacons.readers.connections import read_connections
from zeek_beacons.readers.files import Progress

CONNECTIONS, HOSTS, SUMMARY = "connections.csv", "hosts.csv", "run_summary.json"
AT_ONCE = 1 << 16  # connections whose columns are held together
_TEXT, _NUMBER = pa.string(), pa.float64()
_COLUMNS = pa.schema(
    [
        *(("ts", _NUMBER), ("uid", _TEXT), ("community_id", _TEXT), ("orig_h", _TEXT), ("resp_h", _TEXT)),
        *(("resp_p", pa.int64()), ("proto", _TEXT), ("service", _TEXT), ("conn_state", _TEXT), ("class", _TEXT)),
        *(("probability", _NUMBER), *((name, _NUMBER) for name in CLASSES)),
    ]
)
_FORMULA = r"^[=+\-@\t\r]"
_LOOKED_FOR = ("duration", "orig_bytes", "resp_bytes", "orig_pkts", "resp_pkts", "conn_state", "history", "service")


def score(
    request: Request,
    config: Config,
    classifier: Classifier,
    output: Path,
    only_found: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Writes the class of each connection and host into the folder `output`; returns the run's summary.

    Memory is bounded by the hosts, not by the connections. Raises InputError, OutputError; nothing is written then.
    """
    tables, ingest = read_connections(request, config, progress)
    hosts, counts, given = HostTable(classifier.host_false_shares), Counter[str](), Counter[str]()
    with staged(output) as folder:
        with _writer(folder / CONNECTIONS) as write:
            for table in _parts(tables):
                chances = classifier.probabilities(inputs(table))
                classes = classifier.classes(chances)
                hosts.add(table, decided(chances, classifier.host_thresholds))
                counts.update(
                    {CLASSES[at]: int(n) for at, n in enumerate(np.bincount(classes, minlength=len(CLASSES)))}
                )
                given.update({name: int(_given(table, name)) for name in _LOOKED_FOR})
                rows = np.flatnonzero(classes != NORMAL) if only_found else np.arange(len(table))
                write(harmless(rows_of(table.take(rows), classes[rows], chances[rows])))
        if not counts.total():
            raise InputError(request.inputs[0], "the input holds no connections")
        arrow_csv.write_csv(hosts.table(), folder / HOSTS)  # addresses and words of ours alone
        summary = {
            "model": classifier.identity,
            "connections": counts.total(),
            "classes": {name: counts[name] for name in CLASSES},
            "hosts": hosts.role_counts(),
            "thresholds": dict(classifier.thresholds),
            "missing_everywhere": [name for name in _LOOKED_FOR if not given[name]],
            "ingest": ingest.summary(),
        }
        (folder / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary


def _parts(tables: Iterator[ConnectionTable]) -> Iterator[ConnectionTable]:
    """The same connections, a bounded number at a time."""
    for table in tables:
        for begin in range(0, len(table), AT_ONCE):
            yield table.take(np.arange(begin, min(begin + AT_ONCE, len(table))))


def rows_of(table: ConnectionTable, classes: Ints, chances: Floats) -> pa.Table:
    """Connections as `connections.csv` holds them."""
    best = chances[np.arange(len(table)), classes]
    return pa.table(
        {
            "ts": table.ts,
            "uid": table.uid,
            "community_id": table.community_id,
            "orig_h": _spelled(table.orig_h),
            "resp_h": _spelled(table.resp_h),
            "resp_p": table.resp_p,
            "proto": _spelled(table.proto),
            "service": _spelled(table.service),
            "conn_state": _spelled(table.conn_state),
            "class": pa.array([CLASSES[at] for at in classes.tolist()], pa.string()),
            "probability": np.round(best, 4),
            **{name: np.round(chances[:, at], 4) for at, name in enumerate(CLASSES)},
        },
        _COLUMNS,
    )


def harmless(table: pa.Table) -> pa.Table:
    """The table with a `'` before texts that a spreadsheet would compute: they come from the network."""
    for at, column in enumerate(table.columns):
        if pa.types.is_string(column.type):
            formula = pc.match_substring_regex(column, _FORMULA)
            shown = pc.if_else(formula, pc.binary_join_element_wise("'", column, ""), column)
            table = table.set_column(at, table.field(at), shown)
    return table


@contextmanager
def _writer(path: Path) -> Iterator[Any]:
    """A function that appends tables to a CSV file."""
    with arrow_csv.CSVWriter(path, _COLUMNS, write_options=arrow_csv.WriteOptions(quoting_style="needed")) as out:
        yield out.write


def _spelled(column: Texts) -> Any:
    """A text column as arrow's, null where a row has none."""
    codes = pa.array(np.maximum(column.codes, 0).astype(np.int32), mask=column.codes < 0)
    return pa.DictionaryArray.from_arrays(
        codes, pa.array([*column.values, ""][: max(len(column.values), 1)], pa.string())
    ).cast(pa.string())


def _given(table: ConnectionTable, name: str) -> int:
    """How many rows have a value in a column."""
    column = getattr(table, name)
    known = column.codes >= 0 if isinstance(column, Texts) else ~np.isnan(column)
    return int(known.sum())
