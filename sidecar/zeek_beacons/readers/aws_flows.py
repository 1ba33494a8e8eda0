"""AWS VPC flow logs, versions 2 to 7: text with a header or in the default order, and Parquet.

Fields as in "Flow log records", Amazon VPC User Guide (docs.aws.amazon.com/vpc/latest/userguide/flow-log-records.html):
separated by spaces, named by the header in any order, `-` where missing; in Parquet with `_` for `-`. Without a header
a file is in the default format (version 2), also behind the time that CloudWatch puts in front of each line.

A record holds one direction of a 5-tuple in one interval. Answers are left out as those of NetFlow are, or by the TCP
flags where the log has them (SYN and ACK together come from the responder), and `splits` puts the intervals together.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow.compute as pc

from zeek_beacons.config import Config
from zeek_beacons.pairs import Bools, Ints
from zeek_beacons.readers import parquet_rows, splits
from zeek_beacons.readers.arrow_parse import (
    NUMBER,
    TEXT,
    ParsedRows,
    Table,
    batch,
    delimited,
    integers,
    numbers,
    parse_block,
    texts,
)
from zeek_beacons.readers.columns import Batch, Texts
from zeek_beacons.readers.files import Input, Progress
from zeek_beacons.readers.headers import Aliases, columns_of, first_line, require, without_header
from zeek_beacons.readers.one_way import answering
from zeek_beacons.readers.part import Part
from zeek_beacons.readers.reservoir import Collector
from zeek_beacons.readers.where import Where

COLUMNS: Aliases = {
    "start": ("start",),
    "end": ("end",),
    "orig_h": ("srcaddr",),
    "orig_h_packet": ("pkt_srcaddr",),
    "resp_h": ("dstaddr",),
    "resp_h_packet": ("pkt_dstaddr",),
    "orig_p": ("srcport",),
    "resp_p": ("dstport",),
    "proto": ("protocol",),
    "orig_bytes": ("bytes",),
    "action": ("action",),
    "status": ("log_status",),
    "flags": ("tcp_flags",),
}
REQUIRED = ("start", "orig_h", "resp_h", "resp_p", "proto")
DEFAULT = (
    *("version", "account-id", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "protocol"),
    *("packets", "bytes", "start", "end", "action", "log-status"),
)
_NUMBERS = frozenset({"start", "end", "orig_p", "resp_p", "orig_bytes", "flags"})
_NO_TRAFFIC = {"NODATA": "interval without traffic", "SKIPDATA": "interval that AWS left out"}
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\S+")
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16


def sniff(head: bytes, _chosen: Sequence[str] = ()) -> bool:
    """Whether a file that starts like this is a VPC flow log as text."""
    return bool(_columns(first_line(head)))


def is_parquet(columns: Sequence[str]) -> bool:
    """Whether a Parquet file with these columns is a VPC flow log."""
    return {"srcaddr", "dstaddr", "start", "end"} <= {_plain(name) for name in columns}


def parts(
    source: Input, collector: Collector, progress: Progress | None, _more: Aliases | None = None
) -> Iterator[Part]:
    """One log in parts; bad lines go to `collector`. Raises InputError where a required field is missing."""
    if source.head().startswith(parquet_rows.MAGIC):
        yield from _parquet_parts(source, collector, progress)
        return
    for rows in _text_rows(source, progress):
        collector.skip(source.path, rows.bad)
        if rows.table is not None:
            yield _part(rows.table, collector.config, Where(source.path, rows.line, rows.data))


def _parquet_parts(source: Input, collector: Collector, progress: Progress | None) -> Iterator[Part]:
    file = parquet_rows.opened(source, progress)
    given = parquet_rows.columns(file)
    found = columns_of([_plain(name) for name in given], COLUMNS)
    require(source.path, found, [_plain(name) for name in given], REQUIRED, COLUMNS)
    spelled = {_plain(name): name for name in given}
    row = 0
    by_column = {ours: spelled[column] for ours, column in found.items()}
    for table in parquet_rows.tables(source.path, file, by_column, _NUMBERS):
        yield _part(table, collector.config, parquet_rows.Row(source.path, row))
        row += table.num_rows


def _text_rows(source: Input, progress: Progress | None) -> Iterator[ParsedRows]:
    """The tables of a text log, under our names. Headers, of which joined files hold several, are no rows."""
    first = first_line(source.head())
    columns = _columns(first) or [_plain(name) for name in DEFAULT]
    found = columns_of(columns, COLUMNS)
    require(source.path, found, columns, REQUIRED, COLUMNS)
    ours = {column: name for name, column in found.items()}
    wanted = {column: NUMBER if name in _NUMBERS else TEXT for column, name in ours.items()}
    parser = delimited(columns, wanted, " ", ("-",), quotes=False)
    has_header = _is_header(first)
    for block in source.blocks(progress):
        rows = parse_block(parser, without_header(block) if has_header else block)
        table = rows.table and rows.table.rename_columns([ours[name] for name in rows.table.column_names])
        bad = [line for line in rows.bad if not has_header or line.text != first]
        yield ParsedRows(table, rows.data, rows.line, bad)


def _is_header(line: str) -> bool:
    return "," not in line and {"srcaddr", "dstaddr"} <= {_plain(word) for word in line.split()}


def _columns(line: str) -> list[str]:
    """The columns of a log that begins with this line, by its header or as a row of the default format."""
    words = line.split()
    if _is_header(line):
        return [_plain(word) for word in words]
    timed = bool(words) and bool(_TIME.fullmatch(words[0]))
    row = words[timed:]
    if len(row) == len(DEFAULT) and row[0] == "2" and row[-1] in ("OK", *_NO_TRAFFIC):
        return [*(["delivered"] if timed else []), *(_plain(name) for name in DEFAULT)]
    return []


def _plain(name: str) -> str:
    return name.strip().lower().replace("-", "_")


def _part(table: Table, config: Config, where: Where) -> Part:
    """The rows of a table, of which those that tell of no traffic are left out."""
    flows = _batch(table, config)
    status = texts(table, "status")
    left_out = {reason: status.among(called) for called, reason in _NO_TRAFFIC.items()}
    silent = status.among(*_NO_TRAFFIC)
    left_out["answering half of a flow"] = _answers(flows, integers(table, "flags")) & ~silent
    return Part(flows, where, table, left_out)


def _batch(table: Table, config: Config) -> Batch:
    proto = texts(table, "proto")
    tcp, icmp = proto.among("6"), proto.among("1", "58")
    flags, denied = integers(table, "flags"), texts(table, "action").among("REJECT")
    begins = denied | (tcp & _begin(flags))
    resp_p = integers(table, "resp_p")
    start = numbers(table, "start")
    return batch(
        table,
        start=start,
        duration=numbers(table, "end") - start,
        orig_h=_address(table, "orig_h"),
        resp_h=_address(table, "resp_h"),
        resp_p=np.where(icmp & (resp_p < 0), 0, resp_p),
        state=splits.states(tcp, begins, (flags > 0) & (flags & (_FIN | _RST) > 0), denied),
        reach=splits.reach(tcp, begins, config),
    )


def _begin(flags: Ints) -> Bools:
    """Rows whose flags show the originator's SYN."""
    begin: Bools = (flags > 0) & (flags & (_SYN | _ACK) == _SYN)
    return begin


def _answers(flows: Batch, flags: Ints) -> Bools:
    """Rows of the responder's half: by their SYN where they have one, else by their ports."""
    syn = (flags > 0) & (flags & _SYN > 0)
    return np.where(syn, ~_begin(flags), answering(flows)).astype(np.bool_)


def _address(table: Table, name: str) -> Texts:
    """The address that the packets carried where the log has it: behind a NAT gateway not that of the interface."""
    packet = f"{name}_packet"
    if packet not in table.column_names:
        return texts(table, name)
    column = table.column(packet)
    if column.null_count:
        column = pc.coalesce(column.cast("string"), table.column(name).cast("string"))
    return texts(table.set_column(table.column_names.index(name), name, column), name)
