"""Scores -> what alerts, and how every series stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from zeek_beacons.forecast.cells import Active, Cells
from zeek_beacons.forecast.level import LevelScores, seen
from zeek_beacons.forecast.persistence import Run, runs
from zeek_beacons.forecast.plan import ForecastPlan, Shares, fits
from zeek_beacons.forecast.windows import SiteWindows
from zeek_beacons.pairs import Floats, Ints

NEW = "new"  # the level of an alert that names a pair nobody knew, by the host's series
NAMED = 5  # further new pairs named beside the first


@dataclass(frozen=True, slots=True)
class Finding:
    """One alert: a series that was surprising for long enough. Times in seconds since the epoch."""

    level: str  # pair, host, service; new: a pair that the baseline has not seen, by its host's series
    orig_h: str
    resp_h: str
    service: str
    begin: float
    told: float  # the end of the window at which it had lasted long enough
    end: float
    windows: int
    score: float  # the highest score that was held
    threshold: float
    tail_probability: float  # at most this, in each of the windows that made the alert
    active_windows: int  # of the series named here
    connections: int
    also_new: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """The most surprising stretch of one series."""

    level: str
    status: str  # known: forecast; new: not seen in the baseline, with the score of its host
    orig_h: str
    resp_h: str
    service: str
    score: float
    threshold: float
    highest_residual: float
    tail_probability: float
    at: float
    active_windows: int
    connections: int


def findings(windows: SiteWindows, levels: dict[str, LevelScores], parts: Shares, plan: ForecastPlan) -> list[Finding]:
    """All alerts, the farthest above their threshold first."""
    schedule = fits(parts, plan)
    found: list[Finding] = []
    for level, scored in levels.items():
        above = scored.above
        for position in np.flatnonzero(above.any(axis=1)).tolist():
            for run in runs(above[position], plan.persistence):
                made = _finding(windows, scored, parts, position, run)
                if level == "host":
                    since = max(ahead.begin for _, ahead in schedule if ahead.begin <= parts.judged.begin + run.told)
                    made = _with_new(windows, levels["pair"], parts, run, made, since)
                found.append(made)
    return sorted(found, key=lambda one: (-one.score / one.threshold, one.level, one.orig_h, one.resp_h, one.service))


def _finding(windows: SiteWindows, scored: LevelScores, parts: Shares, position: int, run: Run) -> Finding:
    axis, judged = windows.axis, parts.judged.begin
    row = int(scored.rows[position])
    orig_h, resp_h, service = windows.who(scored.level, int(scored.active.key[row]))
    cells = _cells_of(windows.cells[scored.level], scored.active, row)
    active, connections = _within(windows, cells, parts, run)
    return Finding(
        level=scored.level,
        orig_h=orig_h,
        resp_h=resp_h,
        service=service,
        begin=float(axis.start[judged + run.begin]),
        told=float(axis.start[judged + run.told] + axis.width),
        end=float(axis.start[judged + run.last] + axis.width),
        windows=run.last - run.begin + 1,
        score=seen(scored.held[position, run.told : run.last + 1]),
        threshold=scored.threshold,
        tail_probability=seen(scored.tail[position, run.begin : run.told + 1]),
        active_windows=active,
        connections=connections,
    )


def _with_new(windows: SiteWindows, pairs: LevelScores, parts: Shares, run: Run, host: Finding, since: int) -> Finding:
    """The alert of a host, with the pairs in it that were new: the one with the most active windows gives its name."""
    code = windows.hosts.find(host.orig_h)
    begin, end = np.searchsorted(pairs.active.key, (code << 32, (code + 1) << 32)).tolist()
    ranked: list[tuple[int, int, str]] = []
    for row in (begin + np.flatnonzero(pairs.first[begin:end] >= since)).tolist():
        active, connections = _within(windows, _cells_of(windows.cells["pair"], pairs.active, row), parts, run)
        if active:
            ranked.append((-active, -connections, windows.who("pair", int(pairs.active.key[row]))[1]))
    if not ranked:
        return host
    ranked.sort()
    (active, connections, first), others = ranked[0], [name for _, _, name in ranked[1 : NAMED + 1]]
    columns = {name: getattr(host, name) for name in Finding.__dataclass_fields__}
    named = {"level": NEW, "resp_h": first, "active_windows": -active, "connections": -connections}
    return Finding(**(columns | named | {"also_new": " ".join(others)}))


def _cells_of(cells: Cells, active: Active, row: int) -> Cells:
    begin = int(active.begin[row])
    return cells.take(np.arange(begin, begin + int(active.windows[row])))


def _within(windows: SiteWindows, cells: Cells, parts: Shares, run: Run) -> tuple[int, int]:
    """Active windows and connections inside of a run."""
    place = windows.axis.place(cells.window) - parts.judged.begin
    inside = (place >= run.begin) & (place <= run.last)
    return int(inside.sum()), int(cells.connections()[inside].sum(dtype=np.float64))


def standings(windows: SiteWindows, levels: dict[str, LevelScores], parts: Shares) -> list[Standing]:
    """Every series that has a score, the highest in relation to its threshold first."""
    found = [standing for scored in levels.values() for standing in _known(windows, scored, parts)]
    found += _new(windows, levels, parts)
    return sorted(found, key=lambda one: (-_relation(one), one.level, one.orig_h, one.resp_h, one.service))


def _relation(one: Standing) -> float:
    return one.score / one.threshold if np.isfinite(one.threshold) else 0.0


def _known(windows: SiteWindows, scored: LevelScores, parts: Shares) -> Iterator[Standing]:
    best = np.nan_to_num(scored.held, nan=-1).argmax(axis=1) if scored.held.size else np.zeros(0, np.int64)
    for position, place in enumerate(best.tolist()):
        score = float(scored.held[position, place])
        if np.isfinite(score):
            row = int(scored.rows[position])
            yield _standing(
                *(windows, scored, parts, row, score, place),
                status="known" if scored.first[row] < parts.judged.begin else NEW,
                residual=seen(scored.residual[position]),
                tail=float(scored.tail[position, place]),
            )


def _new(windows: SiteWindows, levels: dict[str, LevelScores], parts: Shares) -> Iterator[Standing]:
    """New pairs without a forecast of their own, each with what its host held while it was active."""
    pairs, hosts = levels["pair"], levels["host"]
    forecast = np.zeros(len(pairs.active.key), np.bool_)
    forecast[pairs.rows[np.isfinite(pairs.held).any(axis=1)]] = True
    rows = np.flatnonzero(~forecast & (pairs.first >= parts.judged.begin))
    place_of = {int(hosts.active.key[row]): position for position, row in enumerate(hosts.rows.tolist())}
    for row in rows.tolist():
        position = place_of.get(int(pairs.active.key[row]) >> 32)
        if position is None:
            continue
        score, place = _while_active(windows, pairs, row, hosts.held[position], parts)
        if np.isfinite(score):
            tail = float(hosts.tail[position, place])
            yield _standing(windows, pairs, parts, row, score, place, NEW, score, tail, hosts.threshold)


def _while_active(windows: SiteWindows, pairs: LevelScores, row: int, held: Floats, parts: Shares) -> tuple[float, int]:
    cells = _cells_of(windows.cells["pair"], pairs.active, row)
    places: Ints = windows.axis.place(cells.window) - parts.judged.begin
    values = np.nan_to_num(held[places], nan=-1)
    best = int(values.argmax())
    return (float(values[best]) if values[best] >= 0 else float("nan")), int(places[best])


def _standing(
    windows: SiteWindows,
    scored: LevelScores,
    parts: Shares,
    row: int,
    score: float,
    place: int,
    status: str,
    residual: float,
    tail: float,
    threshold: float | None = None,
) -> Standing:
    active = scored.active
    orig_h, resp_h, service = windows.who(scored.level, int(active.key[row]))
    return Standing(
        level=scored.level,
        status=status,
        orig_h=orig_h,
        resp_h=resp_h,
        service=service,
        score=score,
        threshold=scored.threshold if threshold is None else threshold,
        highest_residual=residual,
        tail_probability=tail,
        at=float(windows.axis.start[parts.judged.begin + place]),
        active_windows=int(active.windows[row]),
        connections=int(active.connections[row]),
    )
