"""Numbers and times as a person reads them, for templates."""

from __future__ import annotations

import math

from zeek_beacons.charts.axis import clock
from zeek_beacons.pairs import is_group
from zeek_beacons.readmodel import PairRow
from zeek_beacons.reports.facts import size
from zeek_beacons.reports.sentence import duration
from zeek_beacons.reports.target import server_text

UNKNOWN = "not known"
NOTHING = "—"
SURE = 0.995  # from here on a probability would read as certainty


def when(seconds: float | None) -> str:
    """`2026-01-31 14:05`, UTC."""
    return UNKNOWN if seconds is None else clock(seconds, "%Y-%m-%d %H:%M")


def exactly(seconds: float) -> str:
    """`2026-01-31 14:05:09`, UTC."""
    return clock(seconds, "%Y-%m-%d %H:%M:%S")


def stamp(seconds: float) -> str:
    """ISO 8601, for machines."""
    return clock(seconds, "%Y-%m-%dT%H:%M:%SZ")


def ago(seconds: float, now: float) -> str:
    """`5 min ago`."""
    past = now - seconds
    if past < 60:
        return "just now"
    for unit, name in ((86_400, "d"), (3600, "h"), (60, "min")):
        if past >= unit:
            return f"{past / unit:.0f} {name} ago"
    return ""


def percent(share: float) -> str:
    """`20 %`."""
    return f"{share:.0%}".replace("%", " %")


def score(value: float | None) -> str:
    """Two digits; nothing is quite certain."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return "> 0.99" if value >= SURE else f"{value:.2f}"


def span(seconds: float | None) -> str:
    return NOTHING if seconds is None else duration(seconds)


def count(number: float) -> str:
    """`12,300`."""
    return f"{number:,.0f}"


def octets(number: float | None) -> str:
    return UNKNOWN if number is None else size(int(number))


def plural(number: int, one: str, several: str = "") -> str:
    """`1 beacon`, `3 beacons`."""
    return f"{count(number)} {one if number == 1 else several or one + 's'}"


def target(row: PairRow) -> str:
    """The responder with its port, and its protocol where that is not TCP."""
    if is_group(row.resp):
        return "several servers in turn"
    return server_text(row.resp, row.resp_p, row.proto, row.channel)


def timer(row: PairRow) -> str:
    """`60 s`, `5 min`."""
    return NOTHING if row.sleep is None else duration(row.sleep).replace(".0 ", " ")


def jitter(row: PairRow) -> str:
    """`jitter 20 %`, "" where there is none or it is not known."""
    return "" if row.sleep is None or row.jitter is None else f"jitter {percent(row.jitter)}"


FILTERS = {
    one.__name__: one
    for one in (when, exactly, stamp, ago, percent, score, span, count, octets, plural, target, timer, jitter)
}
