"""What a soak measured over time: as CSV, as a picture, and whether anything grew.

Nothing may grow over the second half of a run, in which no process is started anew: the slope of each series there, the
median of the slopes between all its samples (Theil 1950; Sen 1968, doi:10.1080/01621459.1968.10480934), stays below
MOST_GROWTH of its median, or of SMALL where that is more, an hour of the replayed time. So a peak, or a file that is
written and cut in turns, does not count, and what grows all the time does.
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
from zeek_beacons.pairs import Floats
from zeek_beacons_lab.studies.plots import lines

MOST_GROWTH = 0.0025  # of the median, an hour
SMALL = 1e6  # bytes


@dataclass(frozen=True, slots=True)
class Growth:
    """How one series behaved over the second half."""

    name: str
    median: float  # bytes
    slope: float  # bytes an hour
    most: float  # bytes, over the whole run

    @property
    def share(self) -> float:
        """The slope as a share of the median."""
        return self.slope / max(self.median, SMALL)

    @property
    def is_flat(self) -> bool:
        """Whether it stayed as it was."""
        return self.share < MOST_GROWTH


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
        second = hours >= hours[-1] / 2 if len(hours) else hours
        if np.count_nonzero(second) < 10:
            raise ConfigError("fewer than ten samples in the second half: let it run for longer")
        found = []
        for name, values in self.series.items():
            column = np.array(values)
            of_half = column[second]
            found.append(Growth(name, float(np.median(of_half)), slope(hours[second], of_half), float(column.max())))
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
            "hours of the replayed time; from the middle on nothing is started anew",
            "each series by its own scale",
            y_limits=(0.0, 1.05),
        )


def slope(hours: Floats, values: Floats) -> float:
    """The median of the slopes between all samples, bytes an hour."""
    before, after = np.triu_indices(len(hours), 1)
    return float(np.median((values[after] - values[before]) / (hours[after] - hours[before])))


def table(growths: Sequence[Growth]) -> list[str]:
    """The report's lines."""
    found = ["| what | median MB | most MB | growth an hour | |", "|---|---|---|---|---|"]
    for one in growths:
        told = "flat" if one.is_flat else "**grows**"
        found.append(f"| {one.name} | {one.median / 1e6:.2f} | {one.most / 1e6:.2f} | {one.share:+.3%} | {told} |")
    return found


def _scale(values: Sequence[float]) -> float:
    """Megabytes that the highest value fits into: 1, 2 or 5 times a power of ten."""
    most = max(*values, 1.0) / 1e6
    power = 10.0 ** np.floor(np.log10(most))
    return float(next(step * power for step in (1, 2, 5, 10) if step * power >= most))
