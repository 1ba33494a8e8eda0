"""Azure flow logs: of network security groups (version 2) and of virtual networks (version 4), as JSON.

Flows are texts, `flowTuples`, deep inside a document that is a single line as a rule and may be as long as it likes: it
is not parsed as a whole, the tuples are cut out wherever they stand. By "Virtual network flow logs" and "NSG flow logs"
of Azure Network Watcher (learn.microsoft.com/azure/network-watcher/vnet-flow-logs-overview and nsg-flow-logs-overview)
a tuple holds time, both addresses, both ports, protocol, direction, then decision and state (security groups) or state
and encryption (virtual networks), and packets and bytes each way since the tuple before.

A flow has a tuple where it begins (B), one every few minutes (C), and one where it ends (E): the merge rule puts them
together, since the log itself says which one continues.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.readers import splits
from zeek_beacons.readers.arrow_parse import NUMBER, TEXT, Table, batch, delimited, integers, parse_block, texts
from zeek_beacons.readers.columns import Batch, Texts
from zeek_beacons.readers.files import LONGEST_LINE, BadLine, Block, Input, Progress
from zeek_beacons.readers.headers import Aliases
from zeek_beacons.readers.merge import BEGINS
from zeek_beacons.readers.part import Part
from zeek_beacons.readers.reservoir import Collector
from zeek_beacons.readers.where import Where

_COLUMNS = (
    *("start", "orig_h", "resp_h", "orig_p", "resp_p", "proto", "direction", "decision", "state"),
    *("orig_packets", "orig_bytes", "resp_packets", "resp_bytes"),
)
_NUMBERS = ("start", "orig_p", "resp_p", "orig_bytes", "resp_bytes")
_WANTED = dict.fromkeys(_NUMBERS, NUMBER) | dict.fromkeys(("orig_h", "resp_h", "proto", "decision", "state"), TEXT)
_PROTOS = {"T": "tcp", "U": "udp"}
_LIST = re.compile(rb'"flowTuples"\s*:\s*\[([^\]]*)\]')
_KEY = b'"flowTuples"'
_TUPLE = re.compile(rb'"([^"\\\r\n]*)"')
_TUPLES = re.compile(rb'\s*(?:"[^"\\\r\n]*"\s*(?:,\s*"[^"\\\r\n]*"\s*)*)?')
_SHOWN = 1000  # bytes of what is no tuple


def sniff(head: bytes, _chosen: Sequence[str] = ()) -> bool:
    """Whether a file that starts like this is an Azure flow log."""
    return head.lstrip()[:1] in (b"{", b"[") and (_KEY in head or b"FlowLogFlowEvent" in head)


def parts(
    source: Input, collector: Collector, progress: Progress | None, _more: Aliases | None = None
) -> Iterator[Part]:
    """One log in parts; bad rows, numbered by tuple, go to `collector`."""
    parser = delimited(_COLUMNS, _WANTED, ",", ("",), quotes=False)
    for block, bad in _tuples(source, progress):
        collector.skip(source.path, bad)
        rows = parse_block(parser, block)
        collector.skip(source.path, rows.bad)
        if rows.table is not None:
            where = Where(source.path, rows.line, rows.data)
            yield Part(_batch(rows.table, collector.config), where, rows.table)


def _tuples(source: Input, progress: Progress | None) -> Iterator[tuple[Block, list[BadLine]]]:
    """The tuples of a document, one a line, numbered from 1, and what stands where one was expected."""
    number, rest = 1, b""
    for piece in source.pieces(progress):
        data, begin = rest + piece, 0
        found: list[bytes] = []
        bad: list[BadLine] = []
        for listed in _LIST.finditer(data):
            begin = listed.end()
            found += _TUPLE.findall(listed[1])
            if not _TUPLES.fullmatch(listed[1]):
                bad.append(BadLine(number + len(found), listed[1][:_SHOWN], "not a list of flow tuples"))
        rest = _unfinished(data[begin:])
        if len(rest) > LONGEST_LINE:
            raise InputError(source.path, f"flow tuples of more than {LONGEST_LINE >> 20} MB in one list: not a log")
        yield Block(b"".join(line + b"\n" for line in found), number), bad
        number += len(found)
    if rest.startswith(_KEY):
        yield Block(b"", number), [BadLine(number, rest[:_SHOWN], "the file ends inside a list of flow tuples")]


def _unfinished(data: bytes) -> bytes:
    """The end of a piece in which a list of tuples may have begun."""
    begun = data.rfind(_KEY)
    return data[begun:] if begun >= 0 else data[-len(_KEY) :]


def _batch(table: Table, config: Config) -> Batch:
    proto = texts(table, "proto")
    plain = Texts(proto.codes, [_PROTOS.get(text, text) for text in proto.values])
    tcp = plain.among("tcp", "6")
    portless = plain.among("1", "58")
    decision, state = texts(table, "decision"), texts(table, "state")
    denied = decision.among("D")
    continues = decision.among("C", "E") | (decision.among("A") & state.among("C", "E"))
    ended = decision.among("E") | state.among("E")
    resp_p = integers(table, "resp_p")
    return batch(
        table,
        proto=plain,
        resp_p=np.where(portless & (resp_p < 0), 0, resp_p),
        state=splits.states(tcp, ~continues, ended, denied),
        reach=np.where(continues, config.merge_gap, float(BEGINS)),
    )
