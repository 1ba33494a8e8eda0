"""The address bar of a list: which rows it asks for, and how to say that to the read model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from zeek_beacons.errors import ConfigError
from zeek_beacons.pipeline import NEAR
from zeek_beacons.readmodel import About, Filter, Listing, Page, PairRow
from zeek_beacons.readmodel.readable import Readable

SHOWS = {
    "alerts": "what alerts",
    "near": "near misses",
    "quiet": "kept quiet",
    "all": "every pair",
}
PERIODS = {"1h": 3600.0, "24h": 86_400.0, "7d": 7 * 86_400.0, "30d": 30 * 86_400.0}
SORTS = {
    "": "worst first",
    "last_seen": "newest first",
    "since": "newest alert first",
    "connections": "most connections",
    "orig_h": "by host",
    "resp": "by responder",
}
UPWARDS = frozenset({"orig_h", "resp"})
ROWS, MOST_ROWS = 50, 200


@dataclass(frozen=True, slots=True)
class Selection:
    """What a list of pairs shows."""

    show: str
    which: Filter
    page: Page

    @property
    def is_filtered(self) -> bool:
        """Whether anything is left out that belongs to what is shown."""
        which = self.which
        texts = (which.host, which.resp, which.severity, which.kind, which.text, which.sensor)
        return any(texts) or which.since is not None


def selection(query: Mapping[str, str], now: float) -> Selection:
    """What stands in the address. Raises ConfigError for what it cannot mean."""
    sort = _one_of("sort", query.get("sort", ""), SORTS)
    which = Filter(
        host=query.get("host", "").strip(),
        resp=query.get("resp", "").strip(),
        severity=query.get("severity", ""),
        kind=query.get("kind", ""),
        text=query.get("q", "").strip(),
        sensor=query.get("sensor", ""),
        since=since(query, now),
    )
    return Selection(_one_of("show", query.get("show", "alerts"), SHOWS), which, page(query, sort, sort not in UPWARDS))


def page(query: Mapping[str, str], sort: str = "", descending: bool = True) -> Page:
    """Which part of a list. Raises ConfigError."""
    limit = min(_whole(query, "limit", ROWS), MOST_ROWS)
    return Page(offset=_whole(query, "offset", 0), limit=limit, sort=sort, descending=descending)


def since(query: Mapping[str, str], now: float) -> float | None:
    """From when on. Raises ConfigError."""
    period = query.get("since", "")
    return None if not period else now - PERIODS[_one_of("since", period, PERIODS)]


def listed(model: Readable, chosen: Selection, about: About) -> Listing[PairRow]:
    """The rows that a selection asks for. Raises InputError."""
    which = chosen.which
    if chosen.show == "alerts":
        return model.beacons(which, chosen.page)
    if chosen.show == "near":
        least = max((about.threshold or 0.0) - NEAR, 0.0)
        return model.pairs(_with(which, label="benign", suppressed=False, min_score=least), chosen.page)
    if chosen.show == "quiet":
        return model.pairs(_with(which, label="beacon", suppressed=True), chosen.page)
    return model.pairs(which, chosen.page)


def number(query: Mapping[str, str], name: str) -> float | None:
    """A number of the address, None where there is none. Raises ConfigError."""
    text = query.get(name, "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ConfigError(f"{name} is {text!r}, expected a number")
    return value


def _with(which: Filter, label: str, suppressed: bool, min_score: float | None = None) -> Filter:
    return Filter(
        host=which.host,
        resp=which.resp,
        severity=which.severity,
        kind=which.kind,
        text=which.text,
        since=which.since,
        label=label,
        suppressed=suppressed,
        min_score=min_score,
    )


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "") or str(default)
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise ConfigError(f"{name} is {text!r}, expected a whole number")
    return int(text)


def _one_of(name: str, value: str, known: Mapping[str, object]) -> str:
    if value not in known:
        raise ConfigError(f"{name} is {value!r}, expected one of {', '.join(filter(None, known))}")
    return value
