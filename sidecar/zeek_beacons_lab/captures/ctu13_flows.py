"""CTU-13 flow by flow, in the columns that a `.binetflow` has itself: what Argus measured, and nothing of ours.

Addresses and the source port are no columns, and of the destination's port only its class is: within one scenario they
say who is who. What a scenario has more of than `most` flows of a kind is drawn from; each flow carries how many it
stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from zeek_beacons.pairs import Bools, Floats, Ints
from zeek_beacons.readers.arrow_parse import NUMBER, TEXT, Table, numbers, texts, times
from zeek_beacons.readers.binetflow import COLUMNS, kind, port
from zeek_beacons.readers.columns import Texts
from zeek_beacons.readers.files import Input
from zeek_beacons.readers.headers import Aliases, CsvFile

Matrix = NDArray[np.float32]

ALIASES: Aliases = {**COLUMNS, "packets": ("totpkts",), "orig_tos": ("stos",), "resp_tos": ("dtos",)}
REQUIRED = ("start", "duration", "proto", "direction", "resp_p", "state", "packets", "bytes", "orig_bytes", "label")
_NUMBERS = ("duration", "packets", "bytes", "orig_bytes", "orig_tos", "resp_tos")

# What a flow is by its label. OTHER counts neither way: what goes to a bot or a normal host, and what has no label.
NORMAL, BACKGROUND, BOT, BOT_C2, OTHER = range(5)
KINDS = ("normal", "background", "botnet", "botnet, C2 channel")

FEATURES = (
    *("log duration", "log packets", "log bytes", "log source bytes", "source's share of the bytes"),
    *("log bytes a packet", "source's type of service", "destination's type of service"),
    *("tcp", "udp", "icmp", "other protocol"),
    *("one way", "both ways", "backwards", "direction unsure"),
    *(f"{side} sent {flag}" for side in ("source", "destination") for flag in "SFRPA"),
    *("destination silent", "state of no TCP"),
    *("port below 1024", "port below 49152", "port from 49152 on"),
)


@dataclass(frozen=True, slots=True, eq=False)
class Flows:
    """`n` flows of one scenario, by their start."""

    name: str
    matrix: Matrix  # (n, len(FEATURES)), NaN where a column has no value
    kind: Ints  # (n,)
    weight: Floats  # (n,) how many flows of the file each stands for
    seen: Sequence[int]  # flows of the file, of each of KINDS
    skipped: int  # lines that could not be read

    def take(self, rows: Ints | Bools) -> Flows:
        return Flows(self.name, self.matrix[rows], self.kind[rows], self.weight[rows], self.seen, self.skipped)


def load(path: str, name: str, most: int, seed: int) -> Flows:
    """The flows of one file, at most `most` of each kind. Raises InputError where a column is missing."""
    file = CsvFile.open(Input(path), ALIASES, REQUIRED)
    types = {name: NUMBER if name in _NUMBERS else TEXT for name in ALIASES} | {"start": pa.string()}
    drawn, skipped = _Drawn(most, seed), 0
    for rows in file.rows(types, ("",), quotes=False, progress=None):
        skipped += len(rows.bad)
        if rows.table is not None:
            drawn.add(*_measured(rows.table))
    return drawn.flows(name, skipped)


class _Drawn:
    """At most `most` flows of each kind, each as likely as any other: those of the lowest random numbers."""

    def __init__(self, most: int, seed: int) -> None:
        self._most, self._random = most, np.random.default_rng(seed)
        self._seen = np.zeros(len(KINDS), dtype=np.int64)
        self._matrix = np.zeros((0, len(FEATURES)), dtype=np.float32)
        self._kind = np.zeros(0, dtype=np.int64)
        self._start, self._number = np.zeros(0), np.zeros(0)

    def add(self, matrix: Matrix, kinds: Ints, start: Floats) -> None:
        known = kinds != OTHER
        self._seen += np.bincount(kinds[known], minlength=len(KINDS))
        number = self._random.random(len(kinds))
        self._matrix = np.concatenate([self._matrix, matrix[known]])
        self._kind = np.concatenate([self._kind, kinds[known]])
        self._start = np.concatenate([self._start, start[known]])
        self._number = np.concatenate([self._number, number[known]])
        self._cut()

    def _cut(self) -> None:
        kept = []
        for one in range(len(KINDS)):
            rows = np.flatnonzero(self._kind == one)
            kept.append(rows[np.argsort(self._number[rows], kind="stable")[: self._most]])
        rows = np.sort(np.concatenate(kept))
        self._matrix, self._kind = self._matrix[rows], self._kind[rows]
        self._start, self._number = self._start[rows], self._number[rows]

    def flows(self, name: str, skipped: int) -> Flows:
        held = np.bincount(self._kind, minlength=len(KINDS))
        weight = self._seen / np.maximum(held, 1)
        whole = Flows(name, self._matrix, self._kind, weight[self._kind], self._seen.tolist(), skipped)
        return whole.take(np.argsort(self._start, kind="stable"))


def scenario_names(paths: Sequence[str]) -> list[str]:
    """A name for each file: without its folder, where that tells them apart."""
    names = [Path(path).stem for path in paths]
    if len(set(names)) < len(names):
        names = [f"{Path(path).parent.name}/{name}" for path, name in zip(paths, names, strict=True)]
    return names


def kind_of(label: str) -> int:
    """What one flow's label comes to."""
    known = {"benign": NORMAL, "malicious_other": BOT, "c2": BOT_C2}.get(kind(label))
    if known is not None:
        return known
    plain = label.lower()
    return BACKGROUND if "background" in plain and "normal" not in plain and "botnet" not in plain else OTHER


def _measured(table: Table) -> tuple[Matrix, Ints, Floats]:
    label = texts(table, "label")
    kinds = label.map(np.array([kind_of(text) for text in label.values]), OTHER)
    duration, packets, total, sent = (numbers(table, name) for name in ("duration", "packets", "bytes", "orig_bytes"))
    columns = [
        *(_log(values) for values in (duration, packets, total, sent)),
        _share(sent, total),
        _log(_share(total, packets)),
        numbers(table, "orig_tos"),
        numbers(table, "resp_tos"),
        *_of_texts(texts(table, "proto"), _proto, 4),
        *_of_texts(texts(table, "direction"), _direction, 4),
        *_of_texts(texts(table, "state"), _state, 12),
        *_of_texts(texts(table, "resp_p"), _port_class, 3),
    ]
    return np.stack(columns, axis=1).astype(np.float32), kinds, times(_iso(table), "start")


def _iso(table: Table) -> Table:
    started = pc.replace_substring(table.column("start"), "/", "-")
    return table.set_column(table.column_names.index("start"), "start", started)


def _log(values: Floats) -> Floats:
    logarithms: Floats = np.log1p(np.where(values >= 0, values, np.nan))
    return logarithms


def _share(part: Floats, whole: Floats) -> Floats:
    share: Floats = np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
    return share


def _of_texts(column: Texts, measure: Callable[[str], Sequence[bool]], width: int) -> Sequence[Floats]:
    """The numbers that stand for a text, by column; zeros where there is none."""
    table = np.array([measure(text) for text in column.values] or np.zeros((0, width)), dtype=np.float64)
    return list(np.vstack([table, np.zeros((1, width))])[column.codes].T)


def _proto(text: str) -> list[bool]:
    known = [text.lower() == name for name in ("tcp", "udp", "icmp")]
    return [*known, not any(known)]


def _direction(text: str) -> list[bool]:
    back, on = "<" in text, ">" in text
    return [on and not back, on and back, back and not on, "?" in text]


def _state(text: str) -> list[bool]:
    sides = text.split("_")
    if len(sides) != 2:
        return [*[False] * 10, text in ("INT", "REQ", "URP"), True]
    return [*(flag in side for side in sides for flag in "SFRPA"), not sides[1], False]


def _port_class(text: str) -> list[bool]:
    number = port(text)
    return [0 <= number < 1024, 1024 <= number < 49152, number >= 49152]
