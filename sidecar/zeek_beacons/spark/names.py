"""On executors: lines of ssl, quic and http logs -> the server names that they tell of connections, by uid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from zeek_beacons.readers.arrow_parse import NUMBER, times
from zeek_beacons.readers.ingest import Ingest
from zeek_beacons.readers.names import tables
from zeek_beacons.readers.side_logs import BadRows
from zeek_beacons.spark.rows import BATCH, Stage, chunks
from zeek_beacons.spark.schema import NAME, RecordBatch, told


def of_lines(headers: Mapping[str, bytes], log: str, rank: int) -> Stage:
    """A stage over (file, line) of one log that gives names. `rank`: of the log among those that name servers."""

    def work(batches: Iterator[RecordBatch]) -> Iterator[RecordBatch]:
        left_out = 0
        for chunk in chunks(batches, headers):
            bad = BadRows(chunk.path)
            for table in tables(chunk, log, bad, {"ts": NUMBER}):
                rows = table.num_rows
                columns = {
                    "uid": table.column(0),
                    "log": pa.array([rank] * rows, pa.int32()),
                    "file": pa.array([chunk.path] * rows, pa.string()),
                    "ts": pa.array(times(table, "ts")),
                    "name": table.column(1),
                    "told": pa.nulls(rows, pa.string()),
                }
                named = pa.table([columns[name].cast(NAME.field(name).type) for name in NAME.names], schema=NAME)
                known = pc.and_(pc.is_valid(named.column("uid")), pc.is_valid(named.column("name")))
                yield from named.filter(known).to_batches(BATCH)
            left_out += bad.rows
        if left_out:
            yield told(Ingest(notes=[f"left out {left_out} bad rows of {log} logs"]), NAME)

    return work
