"""CSV files with a header line: their columns under our names, whatever the file calls them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from zeek_beacons.errors import InputError
from zeek_beacons.readers.arrow_parse import NUMBER, ParsedRows, delimited, parse_block
from zeek_beacons.readers.files import Block, Input, Progress

Aliases = Mapping[str, Sequence[str]]  # our field -> the names that files give it, lower case, best first


def first_line(head: bytes) -> str:
    """The first line of a file, as text."""
    return head.split(b"\n", 1)[0].decode("utf-8", "replace").lstrip("\ufeff").rstrip("\r")


def cells(line: str) -> list[str]:
    """The fields of one CSV line; none where it is no CSV."""
    try:
        return next(csv.reader([line]), [])
    except csv.Error:
        return []


def columns_of(given: Sequence[str], aliases: Aliases) -> dict[str, str]:
    """Our field -> the file's column, for the fields that it has."""
    plain = {name.strip().lower().replace(" ", "_").lstrip("\ufeff"): name for name in given}
    return {
        ours: next(plain[alias] for alias in known if alias in plain)
        for ours, known in aliases.items()
        if any(alias in plain for alias in known)
    }


def require(
    path: str, found: Mapping[str, str], given: Sequence[str], required: Sequence[str], aliases: Aliases
) -> None:
    """Raises InputError where a required column is missing or one that is read stands there twice."""
    missing = [name for name in required if name not in found]
    if missing:
        names = "; ".join(f"{name} (one of {', '.join(aliases[name][:4])}, …)" for name in missing)
        raise InputError(path, f"required column missing: {names}", 1)
    if twice := [name for name in found.values() if list(given).count(name) > 1]:
        raise InputError(path, f"column {', '.join(twice)} twice in the header", 1)


@dataclass(frozen=True, slots=True)
class CsvFile:
    """A CSV file whose header was understood."""

    source: Input
    columns: Sequence[str]  # as the header gives them
    found: Mapping[str, str]  # our field -> the file's column
    times_are_text: bool

    @classmethod
    def open(cls, source: Input, aliases: Aliases, required: Sequence[str]) -> CsvFile:
        """Raises InputError where a `required` field has no column. One of the fields is `start`."""
        head = source.head()
        columns = cells(first_line(head))
        found = columns_of(columns, aliases)
        require(source.path, found, columns, required, aliases)
        return cls(source, columns, found, _is_text(head, columns.index(found["start"])))

    def rows(
        self, kinds: Mapping[str, Any], nulls: Sequence[str], quotes: bool, progress: Progress | None
    ) -> Iterator[ParsedRows]:
        """The tables of the file, under our names. `kinds`: our field -> arrow type, numbers where not given."""
        kinds = {"start": pa.string() if self.times_are_text else NUMBER} | dict(kinds)
        wanted = {column: kinds.get(ours, NUMBER) for ours, column in self.found.items()}
        parser = delimited(self.columns, wanted, ",", nulls, quotes)
        ours = {column: name for name, column in self.found.items()}
        for block in self.source.blocks(progress):
            rows = parse_block(parser, _without_header(block))
            table = rows.table and rows.table.rename_columns([ours[name] for name in rows.table.column_names])
            yield ParsedRows(table, rows.data, rows.line, rows.bad)


def _without_header(block: Block) -> Block:
    """The block without the first line of the file."""
    if block.line > 1:
        return block
    end = block.data.find(b"\n") + 1 or len(block.data)
    return Block(block.data[end:], block.line + 1)


def _is_text(head: bytes, column: int) -> bool:
    """Whether the first row of a CSV file holds no number in this column."""
    first = next((line for line in head.split(b"\n")[1:] if line.strip()), b"")
    row = cells(first.decode("utf-8", "replace").rstrip("\r"))
    try:
        float(row[column] if len(row) > column else "0")
    except ValueError:
        return True
    return False
