"""A forecast -> files, all written aside first and put in place together, or not at all."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from zeek_beacons.charts.svg import within
from zeek_beacons.errors import OutputError
from zeek_beacons.files import staged
from zeek_beacons.forecast.findings import Finding, Standing
from zeek_beacons.forecast.page import forecast_page
from zeek_beacons.forecast.run import Forecast
from zeek_beacons.forecast.tracks import tracks

TOP = 500  # series in top_scores.csv
OF_ONE = "alerts_dst.csv"
PICTURE = "anomaly_scores.png"
MODEL = "model-"  # how files of a model begin
_TIMES = frozenset({"begin", "told", "end", "at"})
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # a spreadsheet takes a text that begins so for a formula


def write(found: Forecast, summary: dict[str, Any], folder: Path, destination: str | None) -> list[str]:
    """Writes all files into `folder`, replacing those of an earlier run. Raises OutputError. Returns their names."""
    drawn = tracks(found)
    try:
        with staged(folder) as aside:
            _csv(found.standings[:TOP], Standing, aside / "top_scores.csv")
            _csv(found.alerts, Finding, aside / "alerts.csv")
            if destination is not None:
                _csv(of_one(found, destination), Finding, aside / OF_ONE)
            if not _drawn(drawn, aside / PICTURE):
                summary["notes"].append(f"{PICTURE} is not written: matplotlib comes with the `forecast` extra")
            found.model.save(aside)
            (aside / "report.html").write_bytes(forecast_page(found, drawn, summary["notes"]).encode())
            names = sorted([*(file.name for file in aside.iterdir()), "run_summary.json"])
            text = json.dumps(summary | {"outputs": names}, indent=2) + "\n"
            (aside / "run_summary.json").write_bytes(text.encode())
        for stale in _stale(folder, names):
            stale.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: results cannot be written: {error}") from error
    return names


def of_one(found: Forecast, destination: str) -> list[Finding]:
    """The alerts of one destination, also where it is one of several new ones."""
    return [one for one in found.alerts if destination in (one.resp_h, *one.also_new.split())]


def _stale(folder: Path, names: list[str]) -> list[Path]:
    """Files that an earlier run left and this one does not make."""
    own = {OF_ONE, PICTURE} | {file.name for file in folder.glob(f"{MODEL}*") if file.is_file()}
    return [folder / name for name in own - set(names)]


def _drawn(drawn: list[Any], file: Path) -> bool:
    try:
        from zeek_beacons.forecast import picture
    except ModuleNotFoundError:
        return False
    picture.draw(drawn, file)
    return True


def _csv(rows: Sequence[Finding | Standing], kind: type[Finding | Standing], file: Path) -> None:
    names = [one.name for one in fields(kind)]
    with file.open("w", encoding="utf-8", newline="") as stream:
        out = csv.writer(stream, lineterminator="\n")
        out.writerow(["rank", *names])
        for rank, row in enumerate(rows, 1):
            out.writerow([rank, *_cells(names, astuple(row))])


def _cells(names: list[str], values: Iterable[Any]) -> list[Any]:
    return [_cell(name, value) for name, value in zip(names, values, strict=True)]


def _cell(name: str, value: Any) -> Any:
    if name in _TIMES:
        return moment(value)
    if isinstance(value, float):
        return f"{value:.6g}" if value == value else ""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def moment(seconds: float) -> str:
    """ISO 8601 in UTC."""
    return datetime.fromtimestamp(within(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
