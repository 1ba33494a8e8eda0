"""Tables of results: rows of texts or numbers that become Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from zeek_beacons.errors import OutputError

Cell = str | float | None


@dataclass(frozen=True, slots=True)
class Table:
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def markdown(self) -> str:
        """The table in Markdown; numbers with three decimals, None as a dash."""
        lines = [self.columns, ["---"] * len(self.columns), *([_shown(cell) for cell in row] for row in self.rows)]
        return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)

    def csv(self) -> str:
        """The table in CSV; numbers in full, None empty."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(self.rows)
        return stream.getvalue()


def _shown(cell: Cell) -> str:
    if cell is None:
        return "-"
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)


def save(folder: Path, tables: Mapping[str, Table]) -> None:
    """Writes each table as NAME.csv and NAME.md. Raises OutputError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            (folder / f"{name}.csv").write_text(table.csv(), encoding="utf-8")
            (folder / f"{name}.md").write_text(table.markdown() + "\n", encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder}: the tables cannot be written: {error.strerror}") from error
