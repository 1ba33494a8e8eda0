"""`zeek-beacons watch`: what alerts now, and what alerted last, refreshed in place."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import Annotated, Optional

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from zeek_beacons.cli import asked, columns, listing, options
from zeek_beacons.cli.listing import Column
from zeek_beacons.cli.source import Rows, Source
from zeek_beacons.errors import InputError
from zeek_beacons.readmodel.filters import Filter, Page

MOST = 50  # beacons where no window limits them
LINES = 7  # of a window that are neither beacons nor alerts
ALERTS = 5


def watch(
    path: asked.From = None,
    interval: Annotated[float, typer.Option(min=0.2, max=86_400, help="Seconds between two looks.")] = 5.0,
    times: Annotated[
        Optional[int], typer.Option(min=1, help="Looks, then end (default: until Ctrl-C).", show_default=False)
    ] = None,
    min_score: listing.MinScore = None,
    severity: listing.Severity = "",
    host: listing.Host = "",
    url: asked.Url = None,
    token: asked.Token = "",
    authority: asked.Authority = None,
    config: options.SystemConfigFile = None,
) -> None:
    """Show what alerts now and what alerted last, again and again, as much as the window holds.

    Where output is no terminal, each look is printed below the last one. A file that is locked or gone for a while is
    said, and looked at again.

    Examples:

        zeek-beacons watch

        zeek-beacons watch --interval 30 --severity high
    """
    source = listing.source_of(path, url, token, authority, config)
    which = Filter(min_score=min_score, severity=severity, host=host)
    console = Console() if sys.stdout.isatty() else Console(width=listing.PLAIN_WIDTH)
    try:
        if console.is_terminal:
            _refresh(console, source, which, interval, times)
        else:
            _repeat(console, source, which, interval, times)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _refresh(console: Console, source: Source, which: Filter, interval: float, times: int | None) -> None:
    """One picture that changes."""
    with Live(look(source, which, console), console=console, auto_refresh=False, vertical_overflow="crop") as live:
        while times is None or (times := times - 1) > 0:
            time.sleep(interval)
            live.update(look(source, which, console), refresh=True)


def _repeat(console: Console, source: Source, which: Filter, interval: float, times: int | None) -> None:
    """One picture below the other."""
    while True:
        console.print(look(source, which, console))
        sys.stdout.flush()
        if times is not None and (times := times - 1) < 1:
            return
        time.sleep(interval)


def look(source: Source, which: Filter, console: Console) -> RenderableType:
    """What is to be seen now, as much as the window holds."""
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    head = Text(listing.printable(f"{now}  {source.name}"), style="bold", no_wrap=True, overflow="ellipsis")
    room = console.height - LINES - ALERTS if console.is_terminal else MOST
    try:
        found = source.rows("beacons", which, Page(limit=max(1, min(room, MOST))), {})
        newest = source.rows("alerts", which, Page(limit=ALERTS), {})
    except InputError as error:
        return Group(head, Text(listing.printable(f"error: {error}"), style="red"))
    parts: list[RenderableType] = [head, Text(listing.counted(found, "beacon"))]
    if found.rows:
        parts += [_table(found, columns.BEACONS, console)]
    if newest.rows:
        parts += [Text(""), Text("newest alerts"), _table(newest, columns.ALERTS[:-1], console)]
    return Group(*parts)


def _table(found: Rows, every: tuple[Column, ...], console: Console) -> RenderableType:
    """A table of one line a row."""
    table = listing.table_of(found.rows, every, console.width)
    for column in table.columns:
        column.no_wrap, column.overflow = True, "ellipsis"
    return table
