"""What logs tell of single connections beside names and certificates, as traits of pairs: see `zeek_beacons.traits`.

Each source is a log and what is taken of it. What the newest connection of a pair told that a source knows counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zeek_beacons.pairs import Floats, Ints, Strings
from zeek_beacons.readers.arrow_parse import NUMBER, Table, integers
from zeek_beacons.readers.by_uid import ByUid, first_of, log_tables, newest_tables
from zeek_beacons.readers.files import Source
from zeek_beacons.readers.side_logs import BadRows
from zeek_beacons.traits import LONGEST, NO, YES, joined, line

_TEXT = pa.string()
_SSL = {**dict.fromkeys(("uid", "version", "ja3", "ja3s", "ja4"), _TEXT), "resumed": pa.bool_()}
_HTTP = {
    **dict.fromkeys(("uid", "method", "uri"), _TEXT),
    **dict.fromkeys(("trans_depth", "status_code"), NUMBER),
    "resp_mime_types": pa.list_(_TEXT),
}
_SSH = dict.fromkeys(("uid", "client", "server"), _TEXT)


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What one source tells, each in an order of its own, and the number of each connection's."""

    found: Sequence[str]  # traits, as `Pairs.traits` has them
    by_uid: ByUid


@dataclass(frozen=True, slots=True, eq=False)
class PairTraits:
    """Traits of pairs: texts, and the number of each pair's, (pairs,), -1: none."""

    found: Sequence[str]
    number: Ints


class TraitSource:
    """Takes logs of one kind, gives what they tell: of each connection its last row."""

    def __init__(self, log: str, columns: Mapping[str, Any], tell: Callable[[Table], Table]) -> None:
        """`log`: as Zeek calls it. `tell`: its `columns` -> uid, and a column of texts by the code of each trait."""
        self.log = log
        self._columns, self._tell = columns, tell
        self._tables: list[Table] = []

    def read(self, path: Source, bad: BadRows) -> None:
        """Takes a log, or a stream of all logs, whole, or nothing of it where it raises InputError."""
        tables = log_tables(path, self.log, self._columns, bad)
        self._tables += [
            _last_of_each(self._tell(table.filter(pc.is_valid(table.column("uid"))).combine_chunks()))
            for table in tables
        ]

    def bound(self, most: int) -> int:
        """Holds the last so many rows at most. Returns how many it forgot."""
        self._tables, gone = newest_tables(self._tables, most)
        return gone

    def told(self) -> Told:
        """What was read."""
        if not sum(table.num_rows for table in self._tables):
            return Told([], ByUid.none())
        rows = _last_of_each(pa.concat_tables(self._tables).combine_chunks())
        known = []
        for code in rows.column_names[1:]:
            texts = rows.column(code).combine_chunks().dictionary_encode()
            lines = [line(code, text) for text in texts.dictionary.to_pylist()]
            known.append(PairTraits(lines, texts.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)))
        every = all_of(known, rows.num_rows)
        told = np.where(np.array([bool(text) for text in every.found])[every.number], every.number, -1)
        return Told(every.found, ByUid(rows.column("uid").combine_chunks(), told))


def sources() -> list[TraitSource]:
    """A collector of each source."""
    return [
        TraitSource("ssl", _SSL, _of_session),
        TraitSource("http", _HTTP, _of_request),
        TraitSource("ssh", _SSH, _of_ssh),
    ]


def all_of(parts: Sequence[PairTraits], pairs: int) -> PairTraits:
    """All traits of each pair, of a trait that two parts have the later one's; each text once."""
    found, number = [""], np.zeros(pairs, dtype=np.int64)
    for part in parts:
        if (part.number >= 0).any():
            size = len(part.found) + 1
            distinct, number = np.unique(number * size + part.number + 1, return_inverse=True)
            texts = ["", *part.found]
            found = [joined(found[both // size], texts[both % size]) for both in distinct.tolist()]
    return PairTraits(found, number)


def trait_column(parts: Sequence[PairTraits], pairs: int) -> Strings:
    """The column `Pairs.traits`, (pairs,)."""
    every = all_of(parts, pairs)
    texts = np.empty(len(every.found), dtype=np.object_)
    texts[:] = every.found
    column: Strings = texts[every.number]
    return column


def counted(code: str, values: Floats) -> PairTraits:
    """A trait that is a whole number, of each pair; NaN where it is not known."""
    known = np.flatnonzero(~np.isnan(values))
    distinct, at = np.unique(values[known], return_inverse=True)
    number = np.full(len(values), -1, dtype=np.int64)
    number[known] = at
    return PairTraits([line(code, str(int(value))) for value in distinct.tolist()], number)


def numbers(told: Sequence[Told], uids: Any) -> Ints:
    """What each source tells of connections with these uids, (rows, sources), -1: nothing."""
    return np.stack([source.by_uid.of(uids) for source in told], axis=1) if told else no_traits(len(uids), 0)


def no_traits(rows: int, told: int) -> Ints:
    """The same where nothing is told."""
    return np.full((rows, told), -1, dtype=np.int64)


def _of_session(table: Table) -> Table:
    """What sessions of TLS tell."""
    version = table.column("version")
    resumed = pc.if_else(table.column("resumed"), YES, NO)
    return pa.table(
        {
            "uid": table.column("uid"),
            "tls_version": version,
            "tls_resumed": pc.if_else(pc.is_valid(version), resumed, pa.scalar(None, _TEXT)),
            **{code: table.column(code) for code in ("ja3", "ja3s", "ja4")},
        }
    )


def _of_request(table: Table) -> Table:
    """What requests over HTTP tell that were answered, those of a connection in their order."""
    table = table.filter(pc.and_(pc.is_valid(table.column("method")), pc.is_valid(table.column("status_code"))))
    table = table.take(pc.sort_indices(table, [("trans_depth", "ascending")]))
    path = pc.replace_substring_regex(table.column("uri"), "(?s)[?#].*", "")
    path = pc.if_else(pc.starts_with(path, "/"), path, pa.scalar(None, _TEXT))
    return pa.table(
        {
            "uid": table.column("uid"),
            "http_method": pc.utf8_slice_codeunits(table.column("method"), 0, LONGEST + 1),
            "http_uri": pc.utf8_slice_codeunits(path, 0, LONGEST + 1),
            "http_status": pa.array(integers(table, "status_code")).cast(_TEXT),
            "http_content": first_of(table.column("resp_mime_types")),
        }
    )


def _of_ssh(table: Table) -> Table:
    """What connections over SSH tell."""
    return table.select(["uid", "client", "server"]).rename_columns(["uid", "ssh_client", "ssh_server"])


def _last_of_each(rows: Table) -> Table:
    """The last row of each uid."""
    uid = rows.column("uid").combine_chunks().dictionary_encode().indices.to_numpy()
    last = len(uid) - 1 - np.unique(uid[::-1], return_index=True)[1]
    return rows.take(np.sort(last)).combine_chunks()
