"""What the commands that show lists have in common: their options, and tables, CSV and JSON of rows."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Optional

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from zeek_beacons.cli.source import FileSource, RemoteSource, Row, Rows, Source
from zeek_beacons.errors import ConfigError
from zeek_beacons.readmodel.filters import MOST

PLAIN_WIDTH = 200  # of a table where output is no terminal
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet takes for the begin of one
# Of what lies within a row, what its line in CSV says.
_WITHIN = ("id", "resp", "resp_p", "proto", "score")

Host = Annotated[str, typer.Option(help="Only of this originator, or range: 10.0.0.0/8.", show_default=False)]
Resp = Annotated[
    str, typer.Option(help="Only with this responder: address, range, name, *.example.com.", show_default=False)
]
Severity = Annotated[
    str, typer.Option(help="Only this severe, or more: low, medium, high, critical.", show_default=False)
]
MinScore = Annotated[Optional[float], typer.Option(help="Only from this score on, 0 to 1.", show_default=False)]
Limit = Annotated[int, typer.Option(min=1, max=MOST, help="Rows shown.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="Print CSV instead of a table.")]


class Column(NamedTuple):
    """One column of a table: its title, and what it says of a row."""

    title: str
    tell: Callable[[Row], str]
    right: bool = False
    folds: bool = False  # over several lines, where there is no room
    window: int = 0  # columns of characters that a window must have for it to be shown


def source_of(path: Path | None, url: str | None, token: str, authority: Path | None, config: Path | None) -> Source:
    """What is to be asked. Raises ConfigError."""
    if url is not None:
        if path is not None:
            raise ConfigError("a path and --url exclude each other: one of them is asked")
        return RemoteSource(url, token, authority)
    return FileSource(path or _history(config))


def show(
    found: Rows,
    columns: Sequence[Column],
    noun: str,
    as_csv: bool = False,
    as_json: bool = False,
) -> None:
    """Prints rows as a table with a line on how many there are, as CSV, or as JSON."""
    if as_csv and as_json:
        raise ConfigError("--csv and --json exclude each other")
    if as_json:
        print(json.dumps({"rows": found.rows, "total": found.total}, indent=2))
    elif as_csv:
        _print_csv(found.rows)
    else:
        console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
        if found.rows:
            console.print(table_of(found.rows, columns, console.width))
        print(counted(found, noun))


def counted(found: Rows, noun: str) -> str:
    """How many rows there are."""
    if len(found.rows) < found.total:
        return f"{len(found.rows)} of {found.total} {noun}s"
    return f"{found.total} {noun}{'' if found.total == 1 else 's'}"


def table_of(rows: Sequence[Row], columns: Sequence[Column], width: int) -> Table:
    """The rows as a table, with the columns that a window of this width has room for."""
    columns = [column for column in columns if column.window <= width]
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        side: Literal["left", "right"] = "right" if column.right else "left"
        table.add_column(column.title, justify=side, no_wrap=not column.folds, overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(column.tell(row))) for column in columns))  # data, never markup
    return table


def printable(text: str) -> str:
    """The text without what would steer a terminal or turn its direction."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _history(config: Path | None) -> Path:
    """Where the sidecar, who may be another user, keeps its history."""
    from zeek_beacons.live.settings import SidecarConfig, config_file, system_wide

    own = SidecarConfig.load(config_file(config))
    if own.history_file is None:
        raise ConfigError("history is 'none': the sidecar keeps none; name a file, a folder or --url")
    return system_wide(own.history_file, own.history)


def _print_csv(rows: Sequence[Row]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    flat = [_flat(row) for row in rows]
    if flat:
        writer.writerow(flat[0])
        writer.writerows([_cell(value) for value in row.values()] for row in flat)


def _flat(row: Row) -> dict[str, Any]:
    """The row without lists; of a row within it the fields of _WITHIN."""
    made: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, Mapping):
            made |= {f"{name}_{within}": value[within] for within in _WITHIN if within in value}
        elif not isinstance(value, list):
            made[name] = value
    return made


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = "" if value is None else str(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA) else text
