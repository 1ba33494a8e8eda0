"""The series that are worth a picture, each with its scores over time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeek_beacons.forecast.findings import NEW, Finding, Standing
from zeek_beacons.forecast.run import Forecast
from zeek_beacons.pairs import Floats

MOST = 8


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """One series, (judged windows,) each."""

    title: str
    times: Floats
    scores: Floats  # NaN where there is no forecast
    threshold: float
    alerts: tuple[tuple[float, float], ...]


def tracks(found: Forecast) -> list[Track]:
    """Of what alerts, else of what stands highest; the first ones."""
    wanted = [*map(_of_alert, found.alerts), *map(_of_standing, found.standings)]
    made: dict[tuple[str, str, str, str], Track] = {}
    for key in wanted:
        if len(made) == MOST:
            break
        if key not in made and (track := _track(found, key)) is not None:
            made[key] = track
    return list(made.values())


def titled(level: str, orig_h: str, resp_h: str, service: str) -> str:
    """A series in words."""
    if level == "host":
        return f"{orig_h}, all that it does"
    return f"{orig_h}, service {service}" if level == "service" else f"{orig_h} to {resp_h}"


def _of_alert(one: Finding) -> tuple[str, str, str, str]:
    return ("host", one.orig_h, "", "") if one.level == NEW else (one.level, one.orig_h, one.resp_h, one.service)


def _of_standing(one: Standing) -> tuple[str, str, str, str]:
    return one.level, one.orig_h, one.resp_h, one.service


def _track(found: Forecast, key: tuple[str, str, str, str]) -> Track | None:
    level, orig_h, resp_h, service = key
    scored, windows = found.levels[level], found.windows
    for position, row in enumerate(scored.rows.tolist()):
        if not np.isfinite(scored.residual[position]).any():
            continue
        if windows.who(level, int(scored.active.key[row])) == (orig_h, resp_h, service):
            times = windows.axis.start[found.parts.judged.windows]
            alerts = tuple((one.begin, one.end) for one in found.alerts if _of_alert(one) == key)
            return Track(titled(*key), times, scored.residual[position].astype(float), scored.threshold, alerts)
    return None
