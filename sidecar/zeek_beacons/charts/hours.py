"""The hours of the day at which a pair is active: a timer knows no night."""

from __future__ import annotations

import numpy as np

from zeek_beacons.charts.axis import Scale, round_marks, value_axis
from zeek_beacons.charts.svg import LATEST, chart, label, number, path, short
from zeek_beacons.pairs import Floats

WIDTH, HEIGHT = 400, 200
LEFT, RIGHT, TOP, BOTTOM = 40, 12, 12, 24


def hours_of_day(times: Floats, counts: Floats | None = None) -> str:
    """How many connections began in each hour of the day, UTC; `counts` where a time stands for several."""
    when = np.asarray(times, dtype=np.float64)
    many = np.ones(len(when)) if counts is None else np.asarray(counts, dtype=np.float64)
    known = np.isfinite(when) & np.isfinite(many) & (many > 0)
    hour = (np.clip(when[known], 0, LATEST) % 86_400 // 3600).astype(np.int64)
    by_hour = np.bincount(hour, np.minimum(many[known], 1e12), 24)[:24].astype(np.float64)
    most = max(float(by_hour.max()), 1.0)
    across, up = Scale(0.0, 24.0, LEFT, WIDTH - RIGHT), Scale(0.0, most * 1.05, HEIGHT - BOTTOM, TOP)
    whole = [mark for mark in round_marks(most, 3) if mark == int(mark)]
    parts = [value_axis(up, LEFT, WIDTH - RIGHT, whole, short)]
    parts += [label(across.at(mark), HEIGHT - 8, f"{mark:02}:00") for mark in (0, 6, 12, 18)]
    parts.append(path(_bars(across, up, by_hour), "mark bar"))
    return chart("hours", WIDTH, HEIGHT, "Connections by hour of the day, UTC", _told(by_hour), parts)


def _bars(across: Scale, up: Scale, by_hour: Floats) -> list[str]:
    wide, ground = across.at(1) - across.at(0) - 2, number(up.begin)
    return [
        f"M{number(across.at(at) + 1)} {ground}V{number(up.at(count))}h{number(wide)}V{ground}z"
        for at, count in enumerate(by_hour.tolist())
        if count
    ]


def _told(by_hour: Floats) -> str:
    if not by_hour.any():
        return "none known"
    active, busiest = int((by_hour > 0).sum()), int(by_hour.argmax())
    return f"active in {active} of 24 hours, the busiest {busiest:02}:00 with {by_hour[busiest]:.0f}"
