"""Forecasting beside pair scoring: what each finds of beacons that begin after the baseline, when, and at what cost."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from zeek_beacons.config import Config
from zeek_beacons.forecast import models
from zeek_beacons.forecast.findings import Finding
from zeek_beacons.forecast.level import host_days
from zeek_beacons.forecast.models.forecaster import Stretch
from zeek_beacons.forecast.plan import ForecastPlan
from zeek_beacons.forecast.run import judged
from zeek_beacons.forecast.windows import SiteWindows, read
from zeek_beacons.labels import folders_of
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import score
from zeek_beacons.readers import Request
from zeek_beacons.readers.connections import read_connections
from zeek_beacons.scoring import Scoring
from zeek_beacons_lab.captures.labelled import load
from zeek_beacons_lab.studies.forecast_days import (
    BASELINE,
    INJECTED_IN,
    OF_CAPTURE,
    SWITCHED_ON,
    ForecastDay,
    Hunted,
    capture_day,
    drawn_day,
    injected_day,
    write_switched_on,
)
from zeek_beacons_lab.studies.tables import Report, Table
from zeek_beacons_lab.studies.truncate import shortened

RATES = {0.1: "balanced", 0.5: "sensitive"}  # false alerts a host-day, and the profile that stands for it
FORECASTS = ("light", "transformer")
PAIR_SCORER = "pair scorer"
METHODS = (*(f"forecast, {name}" for name in FORECASTS), PAIR_SCORER)
BANDS = (("up to 5 min", 300.0), ("to 30 min", 1800.0), ("slower", np.inf))  # by sleep
WIDTH = 300.0  # seconds a window
MOST = 300  # series of each level that are forecast
# A process counts what its parent held when it was forked among its own memory: a small one starts what is measured.
LAUNCH = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
print(usage.ru_utime + usage.ru_stime, usage.ru_maxrss)
sys.exit(os.waitstatus_to_exitcode(status))
"""
ASKED = "asked: false alerts a host-day"
Z = 1.96


@dataclass(frozen=True, slots=True)
class DayOutcome:
    """What one method made of one day at one rate."""

    day: str
    kind: str
    method: str
    rate: float
    sleeps: list[float]  # of the beacons there are
    delays: list[float | None]  # seconds from each one's begin to its alert, None where it was not found
    false_alerts: int
    host_days: float


def days(root: Path | None, config: Config, drawn: int, seed: int) -> Iterator[ForecastDay]:
    """Drawn days, and of captures the benign ones with beacons injected and those with C2 of their own."""
    for number in range(drawn):
        yield drawn_day(seed + number, config)
    for folder in [] if root is None else folders_of(root):
        capture = load(folder, config)
        made = injected_day(folder, capture, config, seed), capture_day(folder, capture, config)
        yield from (day for day in made if day is not None)


def run(chosen: Iterable[ForecastDay], scoring: Scoring, config: Config, seed: int, deep_days: int) -> list[DayOutcome]:
    """Every method at every rate on every day; the transformer on the first `deep_days` of each kind."""
    found: list[DayOutcome] = []
    seen: Counter[str] = Counter()
    for day in chosen:
        seen[day.kind] += 1
        for name in FORECASTS if seen[day.kind] <= deep_days else FORECASTS[:1]:
            found += by_forecast(day, name, seed)
        found += [by_pairs(day, scoring, config, rate) for rate in RATES]
    return found


def by_forecast(day: ForecastDay, name: str, seed: int) -> Iterator[DayOutcome]:
    """A forecast with its threshold from its own calibration; learned once for all rates."""
    model = models.load(name, seed)
    windows = read(day.tables, WIDTH)
    servers = {(one.orig_h, one.addr) for one in day.hunted}
    for rate in RATES:
        plan = ForecastPlan(false_alerts_per_host_day=rate, train_hours=BASELINE, model=name, seed=seed, most=MOST)
        made = judged(windows, plan, model)
        delays = [_delay(made.alerts, one) for one in day.hunted]
        wrong = sum((one.orig_h, one.resp_h) not in servers for one in made.alerts)
        yield _outcome(day, f"forecast, {name}", rate, delays, wrong, made.judged_host_days)


def by_pairs(day: ForecastDay, scoring: Scoring, config: Config, rate: float) -> DayOutcome:
    """The profile that stands for the rate."""
    settings = replace(config, profile=RATES[rate])
    alerts = score(day.pairs, scoring, settings).each.verdicts.alerts
    delays = [_first_alert(day.pairs, one, scoring, settings) if alerts[one.row] else None for one in day.hunted]
    wrong = int((alerts & ~day.is_c2 & ~day.pairs.is_twin).sum())
    windows = read(day.tables, WIDTH)
    watched = host_days(windows, Stretch(0, len(windows.axis)))
    return _outcome(day, PAIR_SCORER, rate, delays, wrong, watched)


def _outcome(
    day: ForecastDay, method: str, rate: float, delays: list[float | None], wrong: int, watched: float
) -> DayOutcome:
    sleeps = [one.sleep for one in day.hunted]
    return DayOutcome(day.name, day.kind, method, rate, sleeps, delays, wrong, watched)


def _delay(alerts: Sequence[Finding], one: Hunted) -> float | None:
    told = [alert.told for alert in alerts if (alert.orig_h, alert.resp_h) == (one.orig_h, one.addr)]
    return max(min(told) - one.begin, 0.0) if told else None


def _first_alert(pairs: Pairs, one: Hunted, scoring: Scoring, config: Config) -> float:
    """Seconds after which the first check-ins of a pair alone alert; those of all of it where fewer never do."""
    single = pairs.take(np.array([one.row]))
    total = int(single.counts[0])
    counts = np.unique(np.minimum(np.rint(np.geomspace(5, max(total, 6), 12)).astype(np.int64), total))
    for count in counts.tolist():
        if score(shortened(single, np.array([count])), scoring, config).each.verdicts.alerts[0]:
            return float(single.start[count - 1] - single.start[0])
    return float(single.start[-1] - single.start[0])


def report(found: Sequence[DayOutcome], cost: Table) -> Report:
    """Recall with intervals, by kind of day and by sleep, false alerts that came of it, delays, cost."""
    return Report({"forecast_recall": figures(found), "forecast_sleeps": by_sleep(found), "forecast_cost": cost})


def figures(found: Sequence[DayOutcome]) -> Table:
    """A line a kind of day, rate and method."""
    head = ("days", "method", ASKED, "beacons", "found", "false alerts a host-day", "hours to alert")
    rows = []
    for kind in (SWITCHED_ON, INJECTED_IN, OF_CAPTURE):
        for rate in RATES:
            for method in METHODS:
                some = [one for one in found if (one.kind, one.rate, one.method) == (kind, rate, method)]
                if some:
                    rows.append((f"{kind} ({len(some)})", method, f"{rate:g}", *_line(some)))
    return Table(head, rows)


def by_sleep(found: Sequence[DayOutcome]) -> Table:
    """Recall by how long the beacons sleep, over the days on which they begin after the baseline."""
    rows = []
    for rate in RATES:
        for method in METHODS:
            some = [one for one in found if (one.rate, one.method) == (rate, method) and one.kind != OF_CAPTURE]
            if some:
                rows.append((method, f"{rate:g}", *_shares(some)))
    return Table(("method", ASKED, *(f"sleep {name}" for name, _ in BANDS)), rows)


def _shares(some: Sequence[DayOutcome]) -> Iterator[str]:
    pairs = [(sleep, delay) for one in some for sleep, delay in zip(one.sleeps, one.delays, strict=True)]
    low = 0.0
    for _, high in BANDS:
        inside = [delay is not None for sleep, delay in pairs if low < sleep <= high]
        yield share(sum(inside), len(inside))
        low = high


def _line(some: Sequence[DayOutcome]) -> tuple[str, str, str, str]:
    delays = [delay for one in some for delay in one.delays]
    known = [delay for delay in delays if delay is not None]
    wrong, watched = sum(one.false_alerts for one in some), sum(one.host_days for one in some)
    waited = f"{np.median(known) / 3600:.1f}" if known else "-"
    return str(len(delays)), share(len(known), len(delays)), rate_of(wrong, watched), waited


def share(count: int, total: int) -> str:
    """A share with its 95 % interval by Wilson."""
    if not total:
        return "-"
    p, n = count / total, total
    middle, half = (p + Z**2 / (2 * n)), Z * np.sqrt(p * (1 - p) / n + Z**2 / (4 * n**2))
    low, high = ((middle + sign * half) / (1 + Z**2 / n) for sign in (-1, 1))
    return f"{p:.2f} ({max(low, 0):.2f} to {min(high, 1):.2f})"


def rate_of(count: int, watched: float) -> str:
    """A rate with its 95 % interval, by the square root of a Poisson count."""
    if not watched:
        return "-"
    low, high = max(np.sqrt(count) - Z / 2, 0) ** 2, (np.sqrt(count + 1) + Z / 2) ** 2
    return f"{count / watched:.2f} ({low / watched:.2f} to {high / watched:.2f})"


def costs(names: Sequence[str], seed: int) -> Table:
    """Processor time and memory of whole commands on one drawn day, each in a process of its own."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="zeek-beacons-") as scratch:
        folder = Path(scratch)
        write_switched_on(seed, folder / "logs")
        tables = read_all(folder / "logs")
        watched = host_days(tables, Stretch(0, len(tables.axis)))
        commands: dict[str, list[str]] = {
            f"forecast, {name}": ["forecast", "--model", name, "--most", str(MOST)] for name in names
        }
        commands[PAIR_SCORER] = ["score"]
        for method, words in commands.items():
            seconds, memory = measured([*words, str(folder / "logs"), "-o", str(folder / "out")])
            rows.append((method, f"{watched:.0f}", f"{seconds:.1f}", f"{seconds / watched:.2f}", f"{memory / 1e6:.0f}"))
    return Table(("method", "host-days", "CPU seconds", "CPU seconds a host-day", "memory, MB"), rows)


def measured(words: Sequence[str]) -> tuple[float, float]:
    """CPU seconds and most bytes of memory of a command of the product."""
    command = [sys.executable, "-m", "zeek_beacons", *words]
    told = subprocess.run([sys.executable, "-c", LAUNCH, *command], capture_output=True, text=True, check=True)  # noqa: S603
    seconds, kilobytes = told.stdout.split()
    return float(seconds), float(kilobytes) * 1024.0


def read_all(folder: Path) -> SiteWindows:
    """The windows of a folder of logs."""
    return read(read_connections(Request([str(folder)]), Config())[0], WIDTH)
