"""Connections in columns, one element a row: as read, as checked, and as the reservoir keeps them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.pairs import Bools, Bytes, Floats, Ints

# Which half of a flow a row is, where one connection is written as two rows.
WHOLE, OUT, IN = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Texts:
    """A text column of few distinct values: `values[codes[i]]`, code -1 where the row has none."""

    codes: Ints  # (rows,)
    values: Sequence[str]

    @classmethod
    def constant(cls, rows: int, value: str | None = None) -> Texts:
        """A column of one value in every row, or of none."""
        return cls(np.full(rows, -1 if value is None else 0, dtype=np.int64), [] if value is None else [value])

    def map(self, table: NDArray[Any], missing: int = -1) -> Ints:
        """`table[code]` of every row, `missing` where the row has none."""
        if not len(table):
            return np.full(len(self.codes), missing, dtype=np.int64)
        mapped: Ints = table.astype(np.int64)[self.codes]
        absent = self.codes < 0
        if absent.any():
            mapped[absent] = missing
        return mapped

    def among(self, *values: str) -> Bools:
        """Which rows hold one of these values."""
        one: Bools = self.map(np.array([value in values for value in self.values]), 0) > 0
        return one


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Connections as read, one row each; NaN or -1 where a value is missing. Nothing is validated yet."""

    start: Floats  # seconds
    duration: Floats  # seconds
    orig_h: Texts
    orig_p: Ints
    resp_h: Texts
    resp_p: Ints
    proto: Texts
    service: Texts
    orig_bytes: Floats
    resp_bytes: Floats
    state: Texts
    history: Texts
    name: Texts  # the server name a TLS or HTTP analyser saw
    half: Bytes | None = None  # WHOLE, OUT or IN; None: all are whole
    certificate: Ints | None = None  # number of the server's certificate; None: no row has one
    client: Ints | None = None  # number of the web client; None: no row has one
    hit: Ints | None = None  # number of the hit of Zeek's Intel framework; None: no row has one
    process: Texts | None = None  # what opened it, as `processes.packed` writes it; None: no row knows
    # Seconds after the end of the row of the same 5-tuple before it in which a row continues that one, as the exporter
    # says that writes a long flow in several; -1: it begins one; -2: it is one. None: what the history says, of TCP.
    reach: Floats | None = None
    traits: Ints | None = None  # (rows, sources) what each source of traits tells of it, -1: nothing; None: none does

    def __len__(self) -> int:
        return len(self.start)


@dataclass(frozen=True, slots=True, eq=False)
class _Columns:
    """Arrays of one length."""

    def take(self, rows: Ints | Bools) -> Self:
        """The rows at these positions, or under this mask."""
        return type(self)(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class Connections(_Columns):
    """Checked connections. Texts are numbers, as the collector interned them."""

    start_us: Ints  # microseconds since the epoch
    duration: Floats  # seconds, NaN where missing
    orig_h: Ints
    orig_p: Ints  # -1 where missing
    resp_h: Ints
    resp_p: Ints
    proto: Ints  # index into PROTOS
    service: Ints  # -1: none
    orig_bytes: Floats  # NaN where missing
    resp_bytes: Floats  # NaN where missing
    state: Bytes  # index into STATES
    reach_us: Ints  # how long after the row of the same 5-tuple before it this one continues it, or see merge.py
    name: Ints  # server name, -1: none
    half: Bytes  # WHOLE, OUT or IN
    certificate: Ints  # the server's, -1: none
    client: Ints  # what the client told over HTTP, -1: nothing
    hit: Ints  # of Zeek's Intel framework on the server, -1: none
    process: Ints  # what opened it on its host, -1: not known
    traits: Ints  # (rows, sources) what each source of traits tells of it, -1: nothing

    def __len__(self) -> int:
        return len(self.start_us)


@dataclass(frozen=True, slots=True, eq=False)
class PairRows(_Columns):
    """Observations with the number of their pair; no wider than needed, since millions are held."""

    pair: NDArray[np.int32]
    start_us: Ints
    duration: Floats
    orig_bytes: Floats
    resp_bytes: Floats
    state: Bytes
    orig_p: NDArray[np.int32]  # -1 where missing
    addr: NDArray[np.int32]  # the responder's address
    name: NDArray[np.int32]  # server name, -1: none
    by_name: Bools  # in the pair by name
    dns: NDArray[np.int32]  # name that the address was looked up by, -1: none, -2: not known, or in the pair by name

    def __len__(self) -> int:
        return len(self.pair)


Part = TypeVar("Part", Connections, PairRows)


def joined(parts: list[Part], rows: Ints | None = None) -> Part:
    """The parts as one, or the chosen rows of it; `parts` is used up column by column, so that no row is held twice."""
    kind = type(parts[0])
    columns = {field.name: [getattr(part, field.name) for part in parts] for field in fields(kind)}
    parts.clear()
    return kind(**{name: _joined(columns.pop(name), rows) for name in list(columns)})


def _joined(columns: list[NDArray[Any]], rows: Ints | None) -> NDArray[Any]:
    whole = columns[0] if len(columns) == 1 else np.concatenate(columns)
    return whole if rows is None else whole[rows]
