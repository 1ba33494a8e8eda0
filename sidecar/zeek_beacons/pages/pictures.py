"""The charts of one pair, from what the read model holds of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from zeek_beacons.charts.gaps import GapLaw, gap_histogram
from zeek_beacons.charts.hours import hours_of_day
from zeek_beacons.charts.sizes import sizes
from zeek_beacons.charts.timeline import Slice, View, timeline
from zeek_beacons.charts.weeks import weeks
from zeek_beacons.pairs import Floats
from zeek_beacons.readmodel import Beacon, GapFit

WIDE, NARROW, ON_PAPER = 960, 360, 1180
SLICES = 12  # parts of the timeline that are links
CLOSEST = 10.0  # seconds
HOUR = 3600.0
LONG = 48 * HOUR  # seconds from which on a report draws the weeks

Address = Callable[[float, float], str]  # of the page that shows the timeline from one time to another


@dataclass(frozen=True, slots=True)
class Zoom:
    """What the timeline shows, and ways to see more or less of it: words and address each."""

    begin: float
    end: float
    ways: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Pictures:
    """All charts of a pair, as SVG; those with `_narrow` are for a phone."""

    timeline: str
    timeline_narrow: str
    weeks: str
    weeks_narrow: str
    gaps: str
    sizes: str
    hours: str


@dataclass(frozen=True, slots=True)
class PaperPictures:
    """The charts of a pair for a report, where there is one width."""

    timeline: str
    weeks: str  # "" of a pair that was not seen for long
    gaps: str
    sizes: str
    hours: str


def on_paper(beacon: Beacon) -> PaperPictures:
    """The charts of a pair over all of its time, without links."""
    times, starts = np.array(beacon.checkins.time), np.array(beacon.observations.start)
    hours, counts = _by_hour(beacon, starts)
    view = View(*whole(beacon), ON_PAPER)
    seen = (beacon.row.last_seen or 0.0) - (beacon.row.first_seen or 0.0)
    return PaperPictures(
        timeline=timeline(times, view, beacon.row.sleep, beacon.stretch),
        weeks=weeks(hours, counts) if seen >= LONG else "",
        gaps=_gaps(beacon, times),
        sizes=_sizes(beacon, starts),
        hours=hours_of_day(hours, counts),
    )


def pictures(beacon: Beacon, begin: float, end: float, link: Address | None = None) -> Pictures:
    """The charts of a pair, with the timeline from `begin` to `end`; `link`: parts of it lead to that part."""
    times = np.array(beacon.checkins.time)
    starts = np.array(beacon.observations.start)
    slices = [] if link is None else _slices(begin, end, link)
    hours, counts = _by_hour(beacon, starts)

    def marks(width: int) -> str:
        return timeline(times, View(begin, end, width), beacon.row.sleep, beacon.stretch, slices)

    return Pictures(
        timeline=marks(WIDE),
        timeline_narrow=marks(NARROW),
        weeks=weeks(hours, counts),
        weeks_narrow=weeks(hours, counts, narrow=True),
        gaps=_gaps(beacon, times),
        sizes=_sizes(beacon, starts),
        hours=hours_of_day(hours, counts),
    )


def law(fit: GapFit | None) -> GapLaw | None:
    """What the histogram draws of a fit."""
    if fit is None:
        return None
    low, high = (fit.middle, fit.middle) if fit.law == "constant" else (fit.low, fit.high)
    return GapLaw(fit.law, low, high, fit.mean, fit.std, fit.core_share)


def whole(beacon: Beacon) -> tuple[float, float]:
    """From the first to the last check-in that is held, with a little room."""
    times = beacon.checkins.time
    if not times:
        last = beacon.row.last_seen or 0.0
        return last - HOUR, last
    room = max((times[-1] - times[0]) * 0.01, 1.0)
    return times[0] - room, times[-1] + room


def zoom(beacon: Beacon, begin: float | None, end: float | None, link: Address, everything: str) -> Zoom:
    """What the address asks for, within what there is; `everything`: the address without a choice."""
    first, last = whole(beacon)
    low = min(max(first if begin is None else begin, first), last - CLOSEST)
    high = max(min(last if end is None else end, last), low + CLOSEST)
    length = high - low
    ways = [("all", everything)]
    ways += [(name, link(last - size, last)) for name, size in _newest(last - first)]
    if low > first:
        ways.append(("← earlier", link(low - length, low)))
    if high < last:
        ways.append(("later →", link(high, high + length)))
    if length > 4 * CLOSEST:
        ways.append(("closer", link(low + length / 4, high - length / 4)))
    if length < last - first:
        ways.append(("wider", link(low - length / 2, high + length / 2)))
    return Zoom(low, high, tuple(ways))


def _newest(length: float) -> Sequence[tuple[str, float]]:
    sizes_ = (
        ("newest week", 168 * HOUR),
        ("newest day", 24 * HOUR),
        ("newest 6 hours", 6 * HOUR),
        ("newest hour", HOUR),
    )
    return [(name, size) for name, size in sizes_ if size < length]


def _slices(begin: float, end: float, link: Address) -> list[Slice]:
    edges = np.linspace(begin, end, SLICES + 1).tolist()
    if edges[1] - edges[0] < CLOSEST / 2:
        return []
    return [Slice(low, high, link(low, high)) for low, high in pairwise(edges)]


def _gaps(beacon: Beacon, times: Floats) -> str:
    waits = np.array(beacon.fit.gaps) if beacon.fit else np.diff(times)
    return gap_histogram(waits, law(beacon.fit))


def _sizes(beacon: Beacon, starts: Floats) -> str:
    held = beacon.observations
    return sizes(starts, _known(held.orig_bytes), _known(held.resp_bytes))


def _by_hour(beacon: Beacon, starts: Floats) -> tuple[Floats, Floats]:
    """The counts of months where they are kept, else those of the connections held."""
    if beacon.hours.hours:
        return np.array(beacon.hours.hours, dtype=np.float64) * HOUR, np.array(beacon.hours.counts, dtype=np.float64)
    return starts, np.ones(len(starts))


def _known(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)
