"""CSV files with a header line: their columns under our names, whatever the file calls them."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from zeek_beacons.errors import ConfigError, InputError
from zeek_beacons.readers.arrow_parse import NUMBER, ParsedRows, delimited, parse_block
from zeek_beacons.readers.files import Block, Input, Progress

Aliases = Mapping[str, Sequence[str]]  # our field -> the names that files give it, lower case, best first

_LISTED = 30  # columns of a file that an error names


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
    by_plain = {plain(name): name for name in given}
    return {
        ours: next(by_plain[alias] for alias in known if alias in by_plain)
        for ours, known in aliases.items()
        if any(alias in by_plain for alias in known)
    }


def plain(name: str) -> str:
    """A column's name without what spellings differ in."""
    return name.strip().lower().replace(" ", "_").lstrip("\ufeff")


def chosen_columns(path: str, given: Sequence[str], aliases: Aliases, chosen: Sequence[str] = ()) -> dict[str, str]:
    """Our field -> the file's column, by the aliases and, before them, by `chosen`: texts `field=column`.

    Raises InputError where the file lacks a chosen column.
    """
    own = {plain(name): name for name in given}
    named = {ours: own.get(plain(column), column) for ours, column in by_map(chosen, aliases).items()}
    if absent := [f"{column!r} (for {ours})" for ours, column in named.items() if column not in given]:
        raise InputError(
            path, f"column {', '.join(absent)} of --map is not in the header, which has: {listed(given)}", 1
        )
    found = columns_of(given, {ours: known for ours, known in aliases.items() if ours not in named})
    return named | {ours: column for ours, column in found.items() if column not in named.values()}


def by_map(chosen: Sequence[str], aliases: Aliases) -> dict[str, str]:
    """Our field -> column, of texts `field=column` whose field, by our name or by an alias, these aliases know.

    Raises ConfigError where a field or column is given twice.
    """
    ours_of = {alias: ours for ours, known in aliases.items() for alias in known} | {ours: ours for ours in aliases}
    found: dict[str, str] = {}
    for text in chosen:
        field, _, column = (part.strip() for part in text.partition("="))
        ours = ours_of.get(plain(field))
        if ours is None:
            continue
        if ours in found or column in found.values():
            twice = f"field {ours}" if ours in found else f"column {column!r}"
            raise ConfigError(f"--map {text!r}: {twice} was given before")
        found[ours] = column
    return found


def refuse_unknown_fields(chosen: Sequence[str], readers: Sequence[Aliases]) -> None:
    """Raises ConfigError for a text `field=column` whose field none of these aliases know."""
    fields = list(dict.fromkeys(field for aliases in readers for field in aliases))
    for text in chosen:
        if not any(by_map([text], aliases) for aliases in readers):
            raise ConfigError(f"--map {text!r}: no such field, expected one of {', '.join(fields)}")


def named(chosen: Sequence[str], aliases: Aliases, given: Sequence[str]) -> set[str]:
    """Our fields that `chosen` finds among the columns that a file has."""
    own = {plain(name) for name in given}
    return {ours for ours, column in by_map(chosen, aliases).items() if plain(column) in own}


def listed(columns: Sequence[str]) -> str:
    """The columns of a file, as an error names them."""
    shown = ["".join(c if c.isprintable() else "?" for c in name.strip())[:40] for name in columns[:_LISTED]]
    return ", ".join([*shown, *["…"][: len(columns) - _LISTED]])


def require(
    path: str, found: Mapping[str, str], given: Sequence[str], required: Sequence[str], aliases: Aliases
) -> None:
    """Raises InputError where a required column is missing or one that is read stands there twice."""
    missing = [name for name in required if name not in found]
    if missing:
        names = "; ".join(f"{name} (one of {', '.join(aliases[name][:4])}, …)" for name in missing)
        cure = f"the file has: {listed(given)}; say which is which: --map {missing[0]}=COLUMN"
        raise InputError(path, f"required column missing: {names}; {cure}", 1)
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
    def open(cls, source: Input, aliases: Aliases, required: Sequence[str], chosen: Sequence[str] = ()) -> CsvFile:
        """Raises InputError where a `required` field has no column. One of the fields is `start`."""
        head = source.head()
        columns = cells(first_line(head))
        found = chosen_columns(source.path, columns, aliases, chosen)
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
            rows = parse_block(parser, without_header(block))
            table = rows.table and rows.table.rename_columns([ours[name] for name in rows.table.column_names])
            yield ParsedRows(table, rows.data, rows.line, rows.bad)


def without_header(block: Block) -> Block:
    """The block without the first line of its file."""
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
