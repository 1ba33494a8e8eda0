"""The requests of http.log, as channels of their own see them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from zeek_beacons.errors import InputError
from zeek_beacons.pairs import Bools, Floats, Ints, Strings, round_time
from zeek_beacons.readers.addresses import Intern, address, server_name
from zeek_beacons.readers.arrow_parse import NUMBER, integers, possible, texts, times
from zeek_beacons.readers.by_uid import log_tables
from zeek_beacons.readers.files import Source, opened
from zeek_beacons.readers.side_logs import BadRows

_TEXT = pa.string()
_COLUMNS = {
    "ts": NUMBER,
    "uid": _TEXT,
    "id.orig_h": _TEXT,
    "id.resp_h": _TEXT,
    "id.resp_p": NUMBER,
    "trans_depth": NUMBER,
    "method": _TEXT,
    "host": _TEXT,
    "uri": _TEXT,
    "request_body_len": NUMBER,
    "response_body_len": NUMBER,
    "status_code": NUMBER,
}


@dataclass(frozen=True, slots=True, eq=False)
class Requests:
    """Some requests, columns (n,). Texts are as they were on the wire; hosts and servers in their one spelling."""

    start: Floats  # seconds
    uid: Strings
    orig_h: Strings
    resp_h: Strings
    resp_p: Ints
    depth: Ints  # in its connection, counted from 1
    method: Strings
    host: Strings  # "" where none was named, or an address
    uri: Strings
    request_bytes: Floats
    response_bytes: Floats
    answered: Bools

    def __len__(self) -> int:
        return len(self.start)

    @property
    def server(self) -> Strings:
        """The server of each, by its name or else by its address."""
        return np.where(self.host == "", self.resp_h, self.host)

    @property
    def proxied(self) -> Bools:
        """Which of them a proxy was asked to pass on, by what they ask for."""
        absolute = [method == "CONNECT" or "://" in uri[:10] for method, uri in zip(self.method, self.uri, strict=True)]
        return np.array(absolute, dtype=np.bool_)

    def take(self, index: NDArray[Any]) -> Self:
        """The requests at positions, or of a mask."""
        return type(self)(*(getattr(self, one.name)[index] for one in fields(self)))


def requests(paths: Iterable[Source]) -> Iterator[Requests]:
    """The requests of http logs, or of streams of all logs, in parts, without those that say neither when nor whose.

    What is wrong with a log is told where its names are read: here it just ends.
    """
    for path in paths:
        hosts, names = Intern(address), Intern(server_name)
        try:
            for table in log_tables(path, "http", _COLUMNS, BadRows(opened(path).path)):
                yield _requests(table, hosts, names)
        except InputError:
            continue


def _requests(table: pa.Table, hosts: Intern, names: Intern) -> Requests:
    start = times(table, "ts")
    ends = [texts(table, name) for name in ("id.orig_h", "id.resp_h")]
    orig, resp = (column.map(hosts.codes(column.values)) for column in ends)
    host = texts(table, "host")
    name = host.map(names.codes(host.values))
    port = integers(table, "id.resp_p")
    good = np.flatnonzero(possible(start) & (orig >= 0) & (resp >= 0) & (port >= 0) & (port <= 65_535))
    known, called = np.array([*hosts.values, ""], dtype=np.object_), np.array([*names.values, ""], dtype=np.object_)

    def sizes(column: str) -> Floats:
        values = integers(table, column)[good].astype(np.float64)
        return np.where(values < 0, np.nan, values)

    def plain(column: str) -> Strings:
        found = texts(table, column)
        return np.array([*found.values, ""], dtype=np.object_)[found.codes[good]]

    return Requests(
        start=round_time(start[good]),
        uid=plain("uid"),
        orig_h=known[orig[good]],
        resp_h=known[resp[good]],
        resp_p=port[good],
        depth=integers(table, "trans_depth")[good],
        method=plain("method"),
        host=called[name[good]],
        uri=plain("uri"),
        request_bytes=sizes("request_body_len"),
        response_bytes=sizes("response_body_len"),
        answered=integers(table, "status_code")[good] > 0,
    )
