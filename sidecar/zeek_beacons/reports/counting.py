"""What is told of a pair by counting, in words: a strobe, or a connection that stays open for long."""

from __future__ import annotations

import numpy as np

from zeek_beacons.pipeline import Scored
from zeek_beacons.scoring import counted
from zeek_beacons.verdicts import LONG, STROBE

HOUR = 3600.0


def clause(scored: Scored, row: int) -> str:
    """`9000 connections in 2.5 h, more than one a second: a strobe`; "" for what is told by its rhythm."""
    kind, conns = scored.verdicts.kind[row], int(scored.pairs.conns[row])
    if kind == STROBE:
        hours = float(scored.pairs.last_ts[row] - scored.pairs.first_ts[row]) / HOUR
        return f"{conns} connections in {hours:.1f} h, more than one a second: a strobe"
    if kind == LONG:
        one = "its only one" if conns == 1 else f"one of {conns}"
        return f"a connection that has lasted {_number(scored, row) / HOUR:.1f} h, {one}"
    return ""


def reason(scored: Scored, row: int) -> dict[str, object]:
    """The same as a reason: code (`strobe`, `long`), text, and value: connections a second, or hours; {} for none."""
    kind = scored.verdicts.kind[row]
    if kind not in (STROBE, LONG):
        return {}
    value = _number(scored, row) / (1.0 if kind == STROBE else HOUR)
    return {"code": "strobe" if kind == STROBE else "long", "text": clause(scored, row), "value": round(value, 3)}


def _number(scored: Scored, row: int) -> float:
    """Connections a second of a strobe, seconds of a long connection."""
    pair = scored.pairs.take(np.array([row]))
    return float((counted.rate if scored.verdicts.kind[row] == STROBE else counted.longest)(pair)[0])
