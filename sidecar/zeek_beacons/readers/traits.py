"""What logs tell of single connections beside names and certificates, as traits of pairs: see `zeek_beacons.traits`.

Each source is a log and what is taken of it. What the newest connection of a pair told that a source knows counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zeek_beacons.pairs import Ints, Strings
from zeek_beacons.readers.by_uid import ByUid, log_tables
from zeek_beacons.readers.presented import Presented
from zeek_beacons.readers.side_logs import BadRows
from zeek_beacons.traits import line, together

_TEXT = pa.string()


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What one source tells, each in an order of its own, and the number of each connection's."""

    found: Sequence[str]  # traits, as `Pairs.traits` has them
    by_uid: ByUid


class TraitSource(Protocol):
    """Takes logs of one kind, gives what they tell."""

    log: str  # as Zeek calls it

    def read(self, path: str, bad: BadRows) -> None:
        """Takes a log, or a stream of all logs, whole, or nothing of it where it raises InputError."""

    def told(self) -> Told:
        """What was read."""


class TraitColumns:
    """A source that takes columns of a log as they are, one trait each, of the last row of a connection."""

    def __init__(self, log: str, columns: Mapping[str, str]) -> None:
        """`columns`: their names in the log -> code of the trait."""
        self.log = log
        self._columns = columns
        self._tables: list[Any] = []

    def read(self, path: str, bad: BadRows) -> None:
        """Takes a log, or a stream of all logs, whole, or nothing of it where it raises InputError."""
        kinds = {"uid": _TEXT, **dict.fromkeys(self._columns, _TEXT)}
        self._tables += [
            table.filter(pc.is_valid(table.column("uid"))) for table in log_tables(path, self.log, kinds, bad)
        ]

    def told(self) -> Told:
        """What was read."""
        if not sum(table.num_rows for table in self._tables):
            return Told([], ByUid.none())
        rows = pa.concat_tables(self._tables).combine_chunks()
        texts = [rows.column(name).combine_chunks().dictionary_encode() for name in self._columns]
        codes = np.stack([text.indices.fill_null(-1).to_numpy(zero_copy_only=False) for text in texts], axis=1)
        distinct, number = np.unique(codes, axis=0, return_inverse=True)
        values = [[*text.dictionary.to_pylist(), ""] for text in texts]
        found = [
            "\n".join(
                filter(
                    None,
                    (
                        line(code, value[at])
                        for code, value, at in zip(self._columns.values(), values, row, strict=True)
                    ),
                )
            )
            for row in distinct.tolist()
        ]
        told = np.where(np.array([bool(text) for text in found])[number.ravel()], number.ravel(), -1)
        uids = rows.column("uid").combine_chunks().dictionary_encode()
        last = len(told) - 1 - np.unique(uids.indices.to_numpy()[::-1], return_index=True)[1]
        return Told(found, ByUid(uids.dictionary, told[last]))


def sources() -> list[TraitSource]:
    """A collector of each source."""
    return [TraitColumns("ssl", {"version": "tls_version"})]


def trait_column(told: Sequence[Told], shown: Sequence[Presented], pairs: int) -> Strings:
    """The column `Pairs.traits`, (pairs,)."""
    column = np.full(pairs, "", dtype=np.object_)
    for source, of in zip(told, shown, strict=True):
        for row in np.flatnonzero(of.number >= 0).tolist():
            column[row] = together(column[row], source.found[of.number[row]])
    return column


def numbers(told: Sequence[Told], uids: Any) -> Ints:
    """What each source tells of connections with these uids, (rows, sources), -1: nothing."""
    return np.stack([source.by_uid.of(uids) for source in told], axis=1) if told else no_traits(len(uids), 0)


def no_traits(rows: int, told: int) -> Ints:
    """The same where nothing is told."""
    return np.full((rows, told), -1, dtype=np.int64)
