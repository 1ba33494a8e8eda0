"""What a soak measured over time: as CSV, as a picture, and whether anything grew.

Each series is compared with itself a day of the replayed time before, hour by hour, over the last day of a run: the
same connections came then. The median of these differences stays below MOST_GROWTH of the series' median, or of SMALL
where that is more. So the rhythm of a day, a peak, or a file that is written and cut in turns does not count, and what
grows all the time does. Nothing is started anew in the two days that are compared. A file that was given a size that it
may reach (CAPS) may grow to that.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from zeek_beacons.errors import ConfigError
from zeek_beacons.files import write_all
from zeek_beacons_lab.studies.plots import lines

MOST_GROWTH = 0.05  # of the median, a day
DAY = 24.0  # hours
# Bytes that a series may reach, by the end of its name: a history of 1 MB and what it writes before it forgets, two
# write-ahead logs that SQLite writes back at 4 MB.
CAPS = {"history": 1.5e6, "write-ahead logs": 8.5e6}
SMALL = 1e6  # bytes


@dataclass(frozen=True, slots=True)
class Growth:
    """How one series behaved over the last day."""

    name: str
    median: float  # bytes
    more: float  # bytes, than a day before
    most: float  # bytes, over the whole run

    @property
    def share(self) -> float:
        """What is more, as a share of the median."""
        return self.more / max(self.median, SMALL)

    @property
    def is_flat(self) -> bool:
        """Whether it stayed as it was, or below what it may reach."""
        cap = CAPS.get(self.name.rpartition(": ")[2])
        return self.share < MOST_GROWTH if cap is None else self.most < cap


class Samples:
    """Bytes by series, taken at hours of the replayed time."""

    def __init__(self) -> None:
        self.hours: list[float] = []
        self.series: dict[str, list[float]] = {}

    def add(self, hour: float, found: dict[str, float]) -> None:
        """One sample of each series, the same series each time."""
        self.hours.append(hour)
        for name, value in found.items():
            self.series.setdefault(name, []).append(value)

    def growth(self) -> list[Growth]:
        """Of every series. Raises ConfigError where there are too few samples."""
        hours = np.array(self.hours)
        last = hours > hours.max(initial=0.0) - DAY
        if hours.max(initial=0.0) < 1.9 * DAY or np.count_nonzero(last) < 10:
            raise ConfigError("fewer than two days, or ten samples a day: let it run for longer")
        found = []
        for name, values in self.series.items():
            column = np.array(values)
            before = np.interp(hours[last] - DAY, hours, column)
            more = float(np.median(column[last] - before))
            found.append(Growth(name, float(np.median(column[last])), more, float(column.max())))
        return found

    def write(self, folder: Path) -> None:
        """Writes samples.csv and soak.png. Raises OutputError."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["hour", *self.series])
        for at, hour in enumerate(self.hours):
            table.writerow([f"{hour:.3f}", *(int(values[at]) for values in self.series.values())])
        write_all(folder, {"samples.csv": lambda stream: stream.write(text.getvalue())}, force=True)
        hours = np.array(self.hours)
        curves = {
            f"{name} (x{scale:g} MB)": (hours, np.array(values) / (scale * 1e6))
            for name, values in self.series.items()
            for scale in [_scale(values)]
        }
        lines(
            folder / "soak.png",
            curves,
            "Memory and files over the replayed time",
            "hours of the replayed time; from the second day on nothing is started anew",
            "each series by its own scale",
            y_limits=(0.0, 1.05),
        )


def table(growths: Sequence[Growth]) -> list[str]:
    """The report's lines."""
    found = ["| what | median MB | most MB | more than a day before | |", "|---|---|---|---|---|"]
    for one in growths:
        told = "**grows**" if not one.is_flat else "flat" if one.share < MOST_GROWTH else "below its size"
        found.append(f"| {one.name} | {one.median / 1e6:.2f} | {one.most / 1e6:.2f} | {one.share:+.1%} | {told} |")
    return found


def _scale(values: Sequence[float]) -> float:
    """Megabytes that the highest value fits into: 1, 2 or 5 times a power of ten."""
    most = max(*values, 1.0) / 1e6
    power = 10.0 ** np.floor(np.log10(most))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= most))
