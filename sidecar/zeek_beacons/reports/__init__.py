"""Verdicts -> files. All files of a run are written aside first and put in place together, or not at all."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet

from zeek_beacons.errors import OutputError
from zeek_beacons.files import staged
from zeek_beacons.pipeline import Scored
from zeek_beacons.reports import result, tables
from zeek_beacons.reports.markdown import report
from zeek_beacons.reports.queries import Sources

Summary = Mapping[str, Any]


# A spreadsheet takes a cell that begins so for a formula, and names in our tables come from the network.
_FORMULA = "^[=+\\-@\t\r\n]"


def _csv(table: Any, file: Path) -> None:
    arrow_csv.write_csv(_without_formulas(table), file, arrow_csv.WriteOptions(quoting_style="needed"))


def _without_formulas(table: Any) -> Any:
    """The table with a `'` before each text that a spreadsheet would compute; numbers stay what they are."""
    for at, name in enumerate(table.column_names):
        cells = table.column(name)
        if pa.types.is_string(cells.type) and name not in tables.NUMBERS_AS_TEXT:
            formula = pc.match_substring_regex(cells, _FORMULA)
            shown = pc.if_else(formula, pc.binary_join_element_wise("'", cells, ""), cells)
            table = table.set_column(at, name, shown)
    return table


def _text(text: str, file: Path) -> None:
    file.write_bytes(text.encode())  # the same bytes on every system


def _page(summary: Summary, file: Path) -> None:
    """The report to look at, from the result.sqlite beside it."""
    from zeek_beacons.pages import report as page  # what makes pages is loaded only for them

    page.write(file.with_name(result.NAME), summary, file)


Report = Callable[[Scored, Summary, Sources, Path], object]
REPORTS: dict[str, Report] = {
    "alerts.csv": lambda scored, _, sources, file: _csv(tables.alerts(scored, sources), file),
    "scored_pairs.csv": lambda scored, _, __, file: _csv(tables.scored_pairs(scored), file),
    "incidents.csv": lambda scored, _, __, file: _csv(tables.incidents(scored), file),
    "hosts.csv": lambda scored, _, __, file: _csv(tables.hosts(scored), file),
    "run_summary.json": lambda _, summary, __, file: _text(json.dumps(summary, indent=2) + "\n", file),
    "report.md": lambda scored, summary, sources, file: _text(report(scored, summary, sources), file),
    result.NAME: result.write,
    "report.html": lambda _, summary, __, file: _page(summary, file),
}
ON_REQUEST: dict[str, Report] = {
    "features.parquet": lambda scored, _, __, file: parquet.write_table(tables.features(scored), file),
}


def prepare(folder: Path) -> None:
    """Makes sure, before any work, that results can be written to `folder`. Raises OutputError."""
    missing = [at for at in (folder, *folder.parents) if not at.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        for made in missing:  # what comes next may fail, and then there are no results to hold
            made.rmdir()
    except OSError as error:
        raise OutputError(f"{folder}: results cannot be written there: {error.strerror}") from error


def write(
    scored: Scored,
    summary: Summary,
    folder: Path,
    with_features: bool = False,
    sources: Sources | None = None,
) -> list[Path]:
    """Writes all reports into `folder`, replacing those of an earlier run together. Raises OutputError.

    `sources`: what the pairs were read from, for commands that show their connections.
    """
    wanted = REPORTS | (ON_REQUEST if with_features else {})
    try:
        with staged(folder) as aside:
            for name, make in wanted.items():
                make(scored, summary, sources or Sources(), aside / name)
        for name in ON_REQUEST.keys() - wanted.keys():
            (folder / name).unlink(missing_ok=True)
    except (OSError, pa.ArrowException) as error:
        raise OutputError(f"{folder}: results cannot be written: {error}") from error
    return [folder / name for name in wanted]
