"""The vocabulary of the generator: what a kind is asked for (`Plan`), and what it answers (`Story`)."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np

from zeek_beacons.pairs import STATE_CODE, Bools, Bytes, Floats, Ints

T = TypeVar("T")
Rng: TypeAlias = np.random.Generator

SF, S0, REJ = (STATE_CODE[name] for name in ("SF", "S0", "REJ"))


@dataclass(frozen=True, slots=True)
class Plan:
    """How long a history is to be, drawn by one law for C2 and benign alike, so that length says nothing.

    A kind chooses its period so that `n` connections take about `n * gap` seconds, whatever it skips or repeats.
    """

    n: int  # connections wanted, at least 2
    gap: float  # mean seconds between them
    window: float  # seconds that the history may take at most
    rough: float = 1.0  # scales how often anything disturbs the rhythm; 0: the bare law


@dataclass(frozen=True, slots=True)
class Series:
    """One pair's connections, sorted by start. Seconds from the begin of the history; NaN where Zeek logs `-`."""

    start: Floats
    duration: Floats
    orig_bytes: Floats
    resp_bytes: Floats
    state: Bytes

    def take(self, index: Ints | Bools | slice) -> Series:
        return Series(
            self.start[index],
            self.duration[index],
            self.orig_bytes[index],
            self.resp_bytes[index],
            self.state[index],
        )


@dataclass(frozen=True, slots=True)
class Peer:
    """The responder's side of a pair, as Zeek would describe it."""

    service: str = "ssl"  # "" where Zeek recognises nothing
    port: int = 443
    proto: str = "tcp"
    name: str = ""  # first label of the server name, "" for a bare address
    inside: bool = False  # on the site's own network


@dataclass(frozen=True, slots=True)
class Story:
    """One pair as a kind made it. `sleep`, `jitter` and `jitter_kind` are the truth of what was configured."""

    series: Series
    peer: Peer
    sleep: float = float("nan")  # seconds between check-ins without jitter
    jitter: float = float("nan")  # 0 to 1, share of the sleep
    jitter_kind: str = ""  # a name of laws.LAWS, "" where there is no timer


def log_uniform(rng: Rng, low: float, high: float) -> float:
    """A value between low and high, every order of magnitude equally likely."""
    return float(low * (max(high, low) / low) ** rng.random())


def one_of(rng: Rng, values: Sequence[T], odds: Sequence[float] = ()) -> T:
    """One of the values; `odds` are cumulative and end at 1 (default: all alike)."""
    draw = float(rng.random())
    return values[bisect_right(odds, draw, hi=len(odds) - 1) if odds else int(draw * len(values))]


def nearest(value: float, choices: tuple[float, ...]) -> float:
    """The choice nearest to the value on a log scale."""
    return min(choices, key=lambda choice: abs(math.log(choice / value)))
