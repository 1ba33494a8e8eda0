"""What one connection carries: sizes, duration, state. The same machinery for C2 and benign."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeek_beacons.pairs import STATE_CODE, Bytes, Floats, Ints
from zeek_beacons_lab.traffic.series import (
    REJ,
    S0,
    SF,
    Rng,
    log_uniform,
    one_of,
)

# How a responder ends its TCP connections: states, their shares, how often such a responder occurs (assumed,
# after the mix of conn_state seen on ordinary networks).
_ENDINGS: tuple[tuple[tuple[str, ...], tuple[float, ...]], ...] = (
    (("SF",), (1.0,)),
    (("SF", "RSTO", "RSTR"), (0.95, 0.03, 0.02)),
    (("RSTO", "SF"), (0.9, 0.1)),
    (("RSTR", "SF"), (0.85, 0.15)),
    (("SF", "S1", "S3", "SHR"), (0.85, 0.08, 0.04, 0.03)),
)
_ENDING_ODDS = (0.5, 0.75, 0.84, 0.91, 1.0)


@dataclass(frozen=True, slots=True)
class Wire:
    """How the connections of one pair look.

    Sizes are payload bytes: a median, multiplied by a lognormal of the given spread (0: always the same), plus
    padding uniform between 0 and `pad`. A share `big` of the answers is `factor` times as large.
    """

    up: float
    down: float
    up_spread: float = 0.0
    down_spread: float = 0.0
    pad: float = 0.0
    big: float = 0.0
    factor: float = 20.0
    seconds: float = 0.2  # median duration
    seconds_spread: float = 0.3
    linger: float = 0.0  # an idle keep-alive before the close, seconds
    answered: float = 1.0  # share that gets an answer at all (udp, icmp)


def converse(rng: Rng, wire: Wire, proto: str, n: int) -> tuple[Floats, Floats, Floats, Bytes]:
    """Duration, orig_bytes, resp_bytes and state of `n` connections that came about."""
    up = np.full(n, wire.up)
    down = np.full(n, wire.down)
    if wire.up_spread:
        up *= np.exp(wire.up_spread * rng.standard_normal(n))
    if wire.down_spread:
        down *= np.exp(wire.down_spread * rng.standard_normal(n))
    if wire.pad:
        up += wire.pad * rng.random(n)
        down += wire.pad * rng.random(n)
    if wire.big:
        down = np.where(rng.random(n) < wire.big, down * wire.factor * (0.5 + rng.random(n)), down)
    seconds = wire.seconds * np.exp(wire.seconds_spread * rng.standard_normal(n)) + wire.linger
    states = _endings(rng, n) if proto == "tcp" else np.full(n, SF if proto == "udp" else STATE_CODE["OTH"], np.uint8)
    if wire.answered < 1.0:
        silent = rng.random(n) >= wire.answered
        down = np.where(silent, 0.0, down)
        states = np.where(silent & (proto == "udp"), np.uint8(S0), states)
    return seconds, np.rint(up), np.rint(down), states


def refuse(rng: Rng, nth: Ints, proto: str = "tcp", *, kernel: bool = False) -> tuple[Floats, Floats, Floats, Bytes]:
    """Connections that came to nothing: unanswered or refused, all of one sort, as from one dead responder.

    `nth`: which retry of its beat each is. Zeek logs a single SYN without duration and sizes; with retransmissions it
    has a duration and zero bytes. `kernel`: the first holds the SYNs of the first seconds, later ones are single.
    """
    n = len(nth)
    unset, nothing, silent = np.full(n, np.nan), np.zeros(n), np.full(n, S0, np.uint8)
    if kernel:
        first = nth == 0
        sizes = np.where(first, 0.0, np.nan)
        return np.where(first, 3.05 + 0.1 * rng.random(n), np.nan), sizes, sizes.copy(), silent
    if proto == "tcp" and rng.random() < 0.35:
        return 0.02 + 0.1 * rng.random(n), nothing, nothing.copy(), np.full(n, REJ, np.uint8)
    if proto == "tcp" and rng.random() < 0.5:
        retried = one_of(rng, (3.0, 9.0)) + 0.02 * rng.random(n)
        return retried, nothing, nothing.copy(), silent
    return unset, unset.copy(), unset.copy(), silent


def web(rng: Rng, *, small: bool = True) -> Wire:
    """An HTTP(S) request: what varies from pair to pair, C2 or benign (ranges assumed).

    `small` answers are the "nothing new" of a poll; otherwise content.
    """
    return Wire(
        up=log_uniform(rng, 150, 2500),
        down=log_uniform(rng, 80, 6000) if small else log_uniform(rng, 2000, 300_000),
        up_spread=one_of(rng, (0.0, 0.01, 0.05, 0.25, 0.8), (0.35, 0.5, 0.7, 0.9, 1.0)),
        down_spread=one_of(rng, (0.0, 0.01, 0.1, 0.5, 1.2), (0.3, 0.45, 0.65, 0.85, 1.0)) if small else 0.8,
        seconds=log_uniform(rng, 0.03, 1.2),
        seconds_spread=one_of(rng, (0.02, 0.15, 0.4, 0.9)),
        linger=one_of(rng, (0.0, 5.0, 15.0, 60.0), (0.7, 0.8, 0.9, 1.0)),
    )


def _endings(rng: Rng, n: int) -> Bytes:
    names, shares = one_of(rng, _ENDINGS, _ENDING_ODDS)
    codes = np.array([STATE_CODE[name] for name in names], dtype=np.uint8)
    if len(codes) == 1:
        return np.full(n, codes[0])
    chosen: Bytes = codes[np.searchsorted(np.cumsum(shares)[:-1], rng.random(n), side="right")]
    return chosen
