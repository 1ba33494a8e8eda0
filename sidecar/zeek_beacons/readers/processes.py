"""What an endpoint knows of the process behind a connection, as one text a connection and as columns of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from zeek_beacons.pairs import PROCESS
from zeek_beacons.printable import words
from zeek_beacons.readers.arrow_parse import Table, texts
from zeek_beacons.readers.columns import Texts
from zeek_beacons.readers.presented import Presented

LONGEST = 120  # bytes of a name
_BETWEEN = "\x1f"  # never in a name: such are escaped
_TRUE, _FALSE = frozenset({"1", "true", "yes", "trusted", "valid"}), frozenset({"0", "false", "no"})


def packed(table: Table) -> Texts:
    """Process, parent, user and whether it is signed, of each row of a table with such columns, as one text."""
    columns = [_column(table, name) for name in PROCESS]
    joined = pc.binary_join_element_wise(*columns, _BETWEEN)
    nothing = pc.equal(joined, _BETWEEN * (len(PROCESS) - 1))
    return texts(pa.table({"process": pc.if_else(nothing, None, joined)}), "process")


def process_columns(packed: Sequence[str], shown: Presented) -> dict[str, Any]:
    """The columns `pairs.PROCESS`: what the newest connection of each pair says."""
    process, parent, user, signed = zip(*map(unpacked, [*packed, ""]), strict=True)
    columns = (_texts(process), _texts(parent), _texts(user), np.array(signed))
    return {name: column[shown.number] for name, column in zip(PROCESS, columns, strict=True)}  # -1 is the last


def unpacked(packed: str) -> tuple[str, str, str, float]:
    """The columns `pairs.PROCESS` of one connection, of what `packed` made."""
    process, parent, user, signed = [*packed.split(_BETWEEN), "", "", ""][: len(PROCESS)]
    return file_name(process), file_name(parent), words(user, LONGEST), _truth(signed)


def file_name(path: str) -> str:
    """The name of a program's file, in lower case, without the folders of Windows or Unix."""
    return words(path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1], LONGEST).strip().lower()


def _truth(text: str) -> float:
    plain = text.strip().lower()
    return 1.0 if plain in _TRUE else 0.0 if plain in _FALSE else float("nan")


def _column(table: Table, name: str) -> Any:
    if name not in table.column_names:
        return pa.array([""] * table.num_rows, pa.string())
    column = table.column(name).cast(pa.string())
    return pc.fill_null(pc.replace_substring(column, _BETWEEN, " "), "").combine_chunks()


def _texts(values: Sequence[str]) -> Any:
    made = np.empty(len(values), dtype=np.object_)
    made[:] = values
    return made
