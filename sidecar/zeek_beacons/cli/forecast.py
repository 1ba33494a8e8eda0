"""`zeek-beacons forecast`: what stays surprising, window after window, to a forecast of what is normal here."""

from __future__ import annotations

import ipaddress
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Optional

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from zeek_beacons import reports
from zeek_beacons.cli import options
from zeek_beacons.cli.summary import command_line, when
from zeek_beacons.config import Config
from zeek_beacons.errors import ConfigError
from zeek_beacons.forecast import models, outputs
from zeek_beacons.forecast.findings import Finding
from zeek_beacons.forecast.plan import ForecastPlan
from zeek_beacons.forecast.run import Forecast, judged
from zeek_beacons.forecast.summary import summary
from zeek_beacons.forecast.tracks import titled
from zeek_beacons.forecast.windows import read
from zeek_beacons.readers.connections import read_connections
from zeek_beacons.readers.ingest import Ingest

SHOWN = 20  # alerts on the screen
PLAIN_WIDTH = 140
_UNITS = {"s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}


def forecast(
    inputs: options.Inputs,
    output: Annotated[
        Optional[Path], typer.Option("--output", "-o", help="Folder for the results.", show_default=False)
    ] = None,
    train_hours: Annotated[float, typer.Option(help="Baseline, hours from the first connection on.")] = 12.0,
    window: Annotated[str, typer.Option(help="Width of a window: 30s, 5min, 1h.")] = "5min",
    persistence: Annotated[int, typer.Option(help="Windows in a row that a surprise must last.")] = 4,
    model: Annotated[str, typer.Option(help=f"What forecasts: {', '.join(models.MODELS)}.")] = "light",
    false_alerts_per_host_day: Annotated[
        Optional[float],
        typer.Option(
            help="Sets the thresholds by the end of the baseline, which is not trained on.  [default: 0.1]",
            show_default=False,
        ),
    ] = None,
    anomaly_threshold: Annotated[
        Optional[float], typer.Option(help="Score that alerts, in place of that.", show_default=False)
    ] = None,
    dst: Annotated[
        Optional[str],
        typer.Option("--dst", help="Also write the alerts of this destination, an address.", show_default=False),
    ] = None,
    trained: Annotated[
        Optional[Path],
        typer.Option(help="Results of an earlier run whose transformer is used as it is.", show_default=False),
    ] = None,
    refit_hours: Annotated[float, typer.Option(help="How often what is normal is measured again.")] = 24.0,
    most: Annotated[int, typer.Option(help="Series a level that are forecast: those active most often.")] = 2000,
    seed: Annotated[int, typer.Option(min=0, help="Of training and of what is drawn; the same gives the same.")] = 1,
    form: options.Form = None,
    columns: options.Columns = None,
    direction: options.Direction = None,
    local_net: options.LocalNets = None,
    begin: options.Begin = None,
    until: options.Until = None,
    strict: options.Strict = False,
    config: options.ConfigFile = None,
) -> None:
    """Forecast each pair's, host's and service's windows, and alert on what stays surprising.

    A list of its own beside `score`: it tells of change, not of beacons, and changes no verdict.

    Examples:

        zeek-beacons forecast /opt/zeek/logs/2026-01-31 -o surprises

        zeek-beacons forecast conn.log --train-hours 12 --window 5min --persistence 4 --dst 198.51.100.7 -o surprises

        zeek-beacons forecast conn.log --model transformer -o surprises
    """
    began = time.perf_counter()
    if false_alerts_per_host_day is not None and anomaly_threshold is not None:
        raise ConfigError("--false-alerts-per-host-day and --anomaly-threshold exclude each other")
    plan = ForecastPlan(
        window=seconds("--window", window),
        train_hours=train_hours,
        persistence=persistence,
        false_alerts_per_host_day=0.1 if false_alerts_per_host_day is None else false_alerts_per_host_day,
        anomaly_threshold=anomaly_threshold,
        refit_hours=refit_hours,
        most=most,
        model=model,
        seed=seed,
    )
    destination = None if dst is None else _address(dst)
    settings = options.settings(config, direction=direction, local_nets=local_net, map=columns)
    request = options.request(inputs, form, None, begin, until, strict)
    chosen = models.load(plan.model, plan.seed, trained)
    if output is not None:
        reports.prepare(output)
    with options.progress(inputs) as advance:
        tables, ingest = read_connections(request, settings, advance)
        windows = read(tables, plan.window)
    read_at = time.perf_counter()
    with _progress() as count:
        found = judged(windows, plan, chosen, count)
    took = {"read": read_at - began, "forecast": time.perf_counter() - read_at}
    told = summary(found) | _circumstances(ingest, settings, took)
    told["notes"] += ingest.notes
    if destination is not None and windows.hosts.find(destination) < 0:
        told["notes"].append(f"--dst {destination}: no connection goes there")
    if output is not None:
        outputs.write(found, told, output, destination)
    _show(found, told, destination, output)


def seconds(option: str, text: str) -> float:
    """A width as people write it. Raises ConfigError."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|min|m|h)", text.strip())
    if match is None:
        raise ConfigError(f"{option} is {text!r}, expected a width like 30s, 5min or 1h")
    return float(match[1]) * _UNITS[match[2]]


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise ConfigError(f"--dst is {text!r}, expected an address") from error


def _circumstances(ingest: Ingest, settings: Config, took: dict[str, float]) -> dict[str, Any]:
    return {
        "command": command_line(sys.argv[1:]),
        "first_seen": when(ingest.first_us),
        "last_seen": when(ingest.last_us),
        "settings": {name: getattr(settings, name) for name in ("direction", "local_nets")},
        "ingest": ingest.summary(),
        "seconds": {name: round(value, 3) for name, value in took.items()},
    }


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None] | None]:
    """A bar over the series on a terminal, None elsewhere."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    with Progress(TextColumn("forecasting"), BarColumn(), MofNCompleteColumn(), console=console, transient=True) as bar:
        task = bar.add_task("forecasting", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _show(found: Forecast, told: dict[str, Any], destination: str | None, output: Path | None) -> None:
    shown = found.alerts if destination is None else outputs.of_one(found, destination)
    if shown:
        console = Console() if sys.stdout.isatty() else Console(width=PLAIN_WIDTH)
        console.print(_table(shown[:SHOWN]))
        if len(shown) > SHOWN:
            print(f"and {len(shown) - SHOWN} more")
    of_it = "" if destination is None else f", {len(shown)} of them of {destination}"
    print(f"{len(found.alerts)} alert{'' if len(found.alerts) == 1 else 's'}{of_it}")
    for level, threshold in told["thresholds"].items():
        forecast_of = f"{told['series'][level]['forecast']} of {told['series'][level]['all']} series"
        print(f"{level}: threshold {'-' if threshold is None else threshold}, {forecast_of} forecast")
    for note in told["notes"]:
        print(f"note: {note}")
    if output is not None:
        print(f"results in {output}: start with report.html")


def _table(shown: list[Finding]) -> Table:
    table = Table(box=None, header_style="bold")
    for name in ("what", "series", "from", "told", "score", "threshold"):
        table.add_column(name, overflow="fold")
    for one in shown:
        series = titled(one.level, one.orig_h, one.resp_h, one.service).replace("[", r"\[")
        times = (outputs.moment(at).replace("T", " ").removesuffix("Z") for at in (one.begin, one.told))
        table.add_row(one.level, series, *times, f"{one.score:.2f}", f"{one.threshold:.2f}")
    return table
