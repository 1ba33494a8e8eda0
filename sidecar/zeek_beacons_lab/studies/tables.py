"""What a study hands back: tables that become Markdown and CSV, and charts that become PNG."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from zeek_beacons.errors import OutputError

LONG = 100  # rows from which a table is for programs only

Cell = str | float | None
Chart = Callable[[Path], None]  # draws into a file; needs matplotlib


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of texts and numbers; None where there is no value."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]

    def markdown(self) -> str:
        """The table in Markdown; fractions with three decimals, None as a dash."""
        lines = [self.columns, ["---"] * len(self.columns), *([_shown(cell) for cell in row] for row in self.rows)]
        return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)

    def csv(self) -> str:
        """The table in CSV; numbers to nine digits, None empty."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows([f"{cell:.9g}" if isinstance(cell, float) else cell for cell in row] for row in self.rows)
        return stream.getvalue()


@dataclass(frozen=True, slots=True)
class Report:
    """Tables and charts by the name of their files, without extension."""

    tables: Mapping[str, Table]
    charts: Mapping[str, Chart] = field(default_factory=dict)
    shown: Sequence[str] = ()  # tables for the terminal, all where none is named

    def text(self) -> str:
        """The tables to print."""
        return "\n\n".join(self.tables[name].markdown() for name in self.shown or self.tables)

    def save(self, folder: Path) -> list[Path]:
        """Writes each table as NAME.csv, and NAME.md unless it is long, each chart as NAME.png. Raises OutputError."""
        written: list[Path] = []
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, table in self.tables.items():
                texts = {".csv": table.csv()}
                if len(table.rows) <= LONG:
                    texts[".md"] = table.markdown() + "\n"
                for ending, text in texts.items():
                    written.append(folder / f"{name}{ending}")
                    written[-1].write_text(text, encoding="utf-8")
            for name, draw in self.charts.items():
                written.append(folder / f"{name}.png")
                draw(written[-1])
        except OSError as error:
            raise OutputError(f"{folder}: the results cannot be written: {error.strerror}") from error
        return written


def _shown(cell: Cell) -> str:
    if cell is None or cell != cell:
        return "-"
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)
