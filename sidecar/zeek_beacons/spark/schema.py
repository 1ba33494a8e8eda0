"""The tables between the stages, as Arrow and Spark have them. A row with `told` holds diagnostics and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from zeek_beacons.readers.ingest import Ingest, Skipped

Table = Any  # pyarrow ships no types
RecordBatch = Any

TOLD = "told"

# A checked connection; names are as the log has them.
ROW = pa.schema(
    [
        ("start_us", pa.int64()),
        ("duration", pa.float64()),
        ("orig_h", pa.string()),
        ("orig_p", pa.int32()),
        ("resp_h", pa.string()),
        ("resp_p", pa.int32()),
        ("proto", pa.int32()),
        ("service", pa.string()),
        ("orig_bytes", pa.float64()),
        ("resp_bytes", pa.float64()),
        ("state", pa.int32()),
        ("reach_us", pa.int64()),
        ("uid", pa.string()),
        ("name", pa.string()),
        (TOLD, pa.string()),
    ]
)
# A server name that a log beside conn.log tells, and where: of several the first one counts.
NAME = pa.schema(
    [
        ("uid", pa.string()),
        ("log", pa.int32()),
        ("file", pa.string()),
        ("ts", pa.float64()),
        ("name", pa.string()),
        (TOLD, pa.string()),
    ]
)
KEY = [
    ("orig_h", pa.string()),
    ("resp", pa.string()),
    ("by_name", pa.bool_()),
    ("resp_p", pa.int32()),
    ("proto", pa.int32()),
]
KEY_NAMES = [name for name, _ in KEY]
OBSERVATIONS = [
    ("start_us", pa.list_(pa.int64())),
    ("duration", pa.list_(pa.float64())),
    ("orig_bytes", pa.list_(pa.float64())),
    ("resp_bytes", pa.list_(pa.float64())),
    ("state", pa.list_(pa.int32())),
]
COUNTS = [("addr", pa.string()), ("conns", pa.int64()), ("named", pa.int64()), ("first_us", pa.int64())]
# What one partition, or a state, knows of a pair: totals, its newest observations, and how often it saw which service
# and name. `name_of` says which of the names an observation carried, -1: none; in a pair by name all do.
PARTIAL = pa.schema(
    [
        *KEY,
        *COUNTS,
        ("services", pa.list_(pa.string())),
        ("service_conns", pa.list_(pa.int64())),
        ("names", pa.list_(pa.string())),
        ("name_conns", pa.list_(pa.int64())),
        *OBSERVATIONS,
        ("orig_p", pa.list_(pa.int32())),
        ("name_of", pa.list_(pa.int32())),
        (TOLD, pa.string()),
    ]
)
# The same, and connections that a later one may still continue, which no partial counts: either is null.
OPEN = "open"
APART = pa.schema([*PARTIAL, (OPEN, pa.struct([field for field in ROW if field.name != TOLD]))])
# A pair, but for what is counted over all pairs.
PAIR = pa.schema(
    [
        *KEY,
        *COUNTS,
        ("service", pa.string()),
        ("server_name", pa.string()),
        ("name_conns", pa.int64()),
        ("tls", pa.bool_()),
        ("outside", pa.bool_()),
        ("held", pa.int32()),
        *OBSERVATIONS,
        (TOLD, pa.string()),
    ]
)


def told(ingest: Ingest, schema: Any) -> RecordBatch:
    """Diagnostics as a row of a table."""
    skipped = {
        reason: [one.rows, [(path, text) for path, _, text in one.examples]] for reason, one in ingest.skipped.items()
    }
    content = {
        "rows": ingest.rows,
        "merged": ingest.merged,
        "duplicates": ingest.duplicates,
        "outside": ingest.outside,
        "skipped": skipped,
        "span": [ingest.first_us, ingest.last_us],
        "notes": ingest.notes,
    }
    return only(json.dumps(content, sort_keys=True), schema)


def only(text: str, schema: Any) -> RecordBatch:
    """A row that holds this text as `told` and nothing else."""
    columns = [pa.array([text if field.name == TOLD else None], field.type) for field in schema]
    return pa.record_batch(columns, schema=schema)


def heard(texts: list[str], ingest: Ingest) -> None:
    """Adds such rows up in `ingest`. What line a bad row had is not known."""
    for text in sorted(texts):
        content = json.loads(text)
        ingest.rows += content["rows"]
        ingest.merged += content["merged"]
        ingest.duplicates += content["duplicates"]
        ingest.outside.update(content["outside"])
        ingest.notes += content["notes"]
        for reason, (rows, examples) in content["skipped"].items():
            skipped = ingest.skipped.setdefault(reason, Skipped())
            skipped.rows += rows
            skipped.examples += [(path, 0, example) for path, example in examples[: ingest.room(reason)]]
        first, last = content["span"]
        if first is not None:
            ingest.first_us = first if ingest.first_us is None else min(ingest.first_us, first)
            ingest.last_us = last if ingest.last_us is None else max(ingest.last_us, last)


def parted(batches: Iterator[RecordBatch], texts: list[str]) -> Iterator[RecordBatch]:
    """The batches without their rows that hold diagnostics, which go to `texts`."""
    for batch in batches:
        said = batch.column(batch.schema.get_field_index(TOLD))
        if said.null_count < len(said):
            texts += [text for text in said.to_pylist() if text is not None]
            batch = batch.filter(said.is_null())
        if batch.num_rows:
            yield batch


def gathered(batches: Iterator[RecordBatch], rows: int) -> Iterator[Table]:
    """The batches as tables of at least so many rows, but for the last one."""
    held: list[RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(one.num_rows for one in held) >= rows:
            yield pa.Table.from_batches(held)
            held = []
    if held:
        yield pa.Table.from_batches(held)
