"""A benchmark's table as a picture: what `bench` prints, or a page of the docs, is what is drawn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from zeek_beacons.errors import ConfigError

NUMBER = re.compile(r"[-+]?(?:\d[\d,]*(?:\.\d+)?|\.\d+)")
Table = list[list[str]]  # its head, then its rows


def tables(text: str) -> list[Table]:
    """The Markdown tables in a text."""
    found: list[Table] = []
    inside = False
    for line in text.splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not inside:
            found.append([])
        inside = True
        if not all(re.fullmatch(r":?-+:?", cell) for cell in cells):
            found[-1].append(cells)
    return found


def plot(text: str, path: Path, columns: Sequence[str], title: str) -> None:
    """Draws the first table of a text that has these columns, as bars by its first column.

    A cell counts by its first number. Raises ConfigError where no table has them or a cell has none, OutputError.
    """
    from zeek_beacons_lab.studies.plots import bars

    table = next((one for one in tables(text) if set(columns) <= set(one[0][1:])), None)
    if table is None or len(table) < 2:
        heads = "; ".join(", ".join(filter(None, one[0][1:])) for one in tables(text)) or "there is no table"
        raise ConfigError(f"no table has the columns {', '.join(columns)}: {heads}")
    head, *rows = table
    groups: dict[str, dict[str, float]] = {}
    for row in rows:
        numbers = {column: NUMBER.search(row[head.index(column)]) for column in columns}
        if not any(numbers.values()):
            continue  # the one that others are compared with has no figure of its own
        groups[row[0]] = {name: float(n[0].replace(",", "")) if n else 0.0 for name, n in numbers.items()}
    if not groups:
        raise ConfigError(f"no number in the columns {', '.join(columns)}")
    bars(path, groups, title or ", ".join(columns), ", ".join(columns))
