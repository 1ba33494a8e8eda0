"""What a study hands back: tables that become Markdown and CSV, and charts that become PNG."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from zeek_beacons.files import staged

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

    def called(self, prefix: str) -> Self:
        """The same under names that begin so: what another input gave does not stand in the place of this one's."""
        return type(self)(
            {prefix + name: table for name, table in self.tables.items()},
            {prefix + name: chart for name, chart in self.charts.items()},
            [prefix + name for name in self.shown],
        )

    def text(self) -> str:
        """The tables to print."""
        return "\n\n".join(self.tables[name].markdown() for name in self.shown or self.tables)

    def save(self, folder: Path) -> list[Path]:
        """Writes each table as NAME.csv, and NAME.md unless it is long, each chart as NAME.png. Raises OutputError."""
        texts = {f"{name}.csv": table.csv() for name, table in self.tables.items()}
        texts |= {
            f"{name}.md": table.markdown() + "\n" for name, table in self.tables.items() if len(table.rows) <= LONG
        }
        with staged(folder) as aside:
            for file, text in texts.items():
                (aside / file).write_bytes(text.encode())
            for name, draw in self.charts.items():
                draw(aside / f"{name}.png")
        return [folder / name for name in (*texts, *(f"{name}.png" for name in self.charts))]


def joined(reports: Sequence[Report]) -> Report:
    """The tables and charts of all of them as one."""
    return Report(
        {name: table for one in reports for name, table in one.tables.items()},
        {name: chart for one in reports for name, chart in one.charts.items()},
        [name for one in reports for name in one.shown or one.tables],
    )


def _shown(cell: Cell) -> str:
    if cell is None or cell != cell:
        return "-"
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)
