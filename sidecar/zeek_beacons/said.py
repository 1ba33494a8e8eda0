"""What people have said of pairs: feedback and snoozes. The pipeline holds to it on every road, whatever the model.

False keeps a pair from alerting, and so does a snooze until it ends. True makes it alert, at RAISED_TO or higher.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Self

import numpy as np

from zeek_beacons.keys import Key
from zeek_beacons.pairs import Bools, Ints, Pairs
from zeek_beacons.verdicts import BEACON, LOOK_ALIKE, NOT_SUPPRESSED, SEVERITIES, Verdicts

RAISED_TO = SEVERITIES.index("high")


@dataclass(frozen=True, slots=True)
class Word:
    """One thing that was said, by whom, when and why; `until`: epoch seconds at which it ends, infinite if never."""

    who: str
    at: float
    why: str = ""
    until: float = math.inf


@dataclass(frozen=True, slots=True)
class Said:
    """What holds now, by pair. The empty one changes nothing."""

    true: Mapping[Key, Word] = field(default_factory=dict)
    false: Mapping[Key, Word] = field(default_factory=dict)
    snoozed: Mapping[Key, Word] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.true or self.false or self.snoozed)

    def at(self, now: float) -> Self:
        """Without what has ended by `now`."""
        if all(word.until > now for word in self.snoozed.values()):
            return self
        return replace(self, snoozed={key: word for key, word in self.snoozed.items() if word.until > now})

    def text(self, key: Key) -> str:
        """What was said of a pair, as a clause: `marked as false by ana on 2026-01-31: our backup`; "" for nothing."""
        for words, told in ((self.false, "marked as false"), (self.snoozed, "snoozed"), (self.true, "marked as true")):
            word = words.get(key)
            if word is not None:
                until = "" if math.isinf(word.until) else f" until {_day(word.until, '%Y-%m-%d %H:%M UTC')}"
                return f"{told} by {word.who} on {_day(word.at)}{until}{f': {word.why}' if word.why else ''}"
        return ""

    def texts(self, pairs: Pairs) -> dict[int, str]:
        """What was said of each pair that something was said of, by row."""
        if not self:
            return {}
        told = ((row, self.text(key)) for row, key in enumerate(pairs.keys()))
        return {row: text for row, text in told if text}


def mentioned(words: Mapping[Key, Word], pairs: Pairs, members: Mapping[int, Ints]) -> Bools:
    """Which pairs are meant, (n,); a group too where each of its members is. `members`: rows by the group's row."""
    if not words:
        return np.zeros(len(pairs), dtype=np.bool_)
    found: Bools = np.fromiter(map(words.__contains__, pairs.keys()), dtype=np.bool_, count=len(pairs))
    for group, rows in members.items():
        found[group] |= found[rows].all()
    return found


def raised(verdicts: Verdicts, true: Bools, scored: Bools) -> Verdicts:
    """The verdicts with what is marked as true made an alert, which no look-alike explains away, (n,) each."""
    rows = true & scored
    if not rows.any():
        return verdicts
    return replace(
        verdicts,
        label=np.where(rows, BEACON, verdicts.label).astype(np.uint8),
        severity=np.where(rows, np.maximum(verdicts.severity, RAISED_TO), verdicts.severity).astype(np.uint8),
        suppressed=np.where(rows & (verdicts.suppressed == LOOK_ALIKE), NOT_SUPPRESSED, verdicts.suppressed).astype(
            np.uint8
        ),
    )


def _day(seconds: float, form: str = "%Y-%m-%d") -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(form)
