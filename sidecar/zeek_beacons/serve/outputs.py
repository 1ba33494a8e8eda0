"""The files of a result, as pages list them: what each is, and how it begins."""

from __future__ import annotations

from pathlib import Path

from zeek_beacons.operator_file import FILE_NAME
from zeek_beacons.pages.context import OutputFile

WHAT = {
    "report.html": "the whole result as one page, to print or to send",
    "report.md": "the whole result as text",
    "alerts.csv": "what alerts, one row a pair",
    "incidents.csv": "what alerts, by what belongs together",
    "hosts.csv": "hosts by combined risk",
    "scored_pairs.csv": "every pair with its score",
    "run_summary.json": "what was read, left out and concluded, and by which model",
    "result.sqlite": "what the console shows",
    "features.parquet": "the numbers that each score comes from",
    "conn.log": "Zeek's connections",
    "beacon_candidates.log": "the pairs that Zeek let through to the sidecar",
    "beacon_verdicts.log": "what the sidecar answered",
    "notice.log": "what Zeek raised",
}
TEXTS = frozenset((".csv", ".json", ".md", ".log", ".txt"))
PREVIEWED = 4000  # bytes
LINES = 12
MOST = 500  # files


def outputs(folder: Path) -> list[OutputFile]:
    """The files in a result's folder, the most telling first."""
    order = {name: place for place, name in enumerate(WHAT)}
    files = [file for file in folder.rglob("*") if file.is_file() and not file.is_symlink()]
    shown = [file for file in files if not file.name.startswith((".", FILE_NAME))]
    shown.sort(key=lambda file: (order.get(file.name, len(order)), file.relative_to(folder).as_posix()))
    return [
        OutputFile(
            file.relative_to(folder).as_posix(),
            WHAT.get(file.name, "a log of Zeek" if file.suffix == ".log" else "a file of this run"),
            file.stat().st_size,
            _preview(file),
        )
        for file in shown[:MOST]
    ]


def _preview(file: Path) -> list[str]:
    if file.suffix not in TEXTS:
        return []
    with file.open("rb") as stream:
        return stream.read(PREVIEWED).decode("utf-8", "replace").splitlines()[:LINES]
