"""What happened while reading: rows read, used and skipped, the time they span, and jumps of the clock."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zeek_beacons.errors import InputError
from zeek_beacons.keys import Key
from zeek_beacons.pairs import MICROSECONDS, Ints

EXAMPLES = 3
EXAMPLE_LENGTH = 120
# A log is written in the order of connection ends; a step back or a silence longer than this is worth telling.
JUMP_US = 3600 * MICROSECONDS
# Why a row is a duplicate.
TWICE = "the same pair, source port, start and duration as another row, as where files overlap"


@dataclass(slots=True)
class Skipped:
    """Rows left out for one reason, with the first few as (file, line, text)."""

    rows: int = 0
    examples: list[tuple[str, int, str]] = field(default_factory=list)


@dataclass(slots=True)
class Ingest:
    """Diagnostics of one reading, over all files. `strict`: the first bad row stops the reading."""

    strict: bool = False
    files: dict[str, str] = field(default_factory=dict)  # path -> format
    rows: int = 0
    merged: int = 0  # mid-stream pieces joined to the connection they continue
    answers: int = 0  # rows joined to the connection that they answer
    duplicates: int = 0
    outside: Counter[str] = field(default_factory=Counter)  # rows left out by direction, time range or protocol
    skipped: dict[str, Skipped] = field(default_factory=dict)  # bad rows, by what is wrong
    notes: list[str] = field(default_factory=list)
    # By key, start and duration of the longest connection that a pair does not hold any more; seconds.
    long_gone: dict[Key, tuple[float, float]] = field(default_factory=dict)
    first_us: int | None = None
    last_us: int | None = None
    backward_jumps: int = 0
    longest_backward: float = 0.0  # seconds
    silences: int = 0
    longest_silence: float = 0.0  # seconds
    _newest_us: int | None = None

    @property
    def rows_skipped(self) -> int:
        """Bad rows, over all reasons."""
        return sum(skipped.rows for skipped in self.skipped.values())

    @property
    def rows_used(self) -> int:
        """Rows that became (part of) an observation."""
        return self.rows - self.rows_skipped - sum(self.outside.values()) - self.duplicates

    def begin_file(self) -> None:
        """A new file begins; its clock is looked at by itself."""
        self._newest_us = None

    def room(self, reason: str) -> int:
        """How many more examples of this reason are wanted."""
        return EXAMPLES - len(self.skipped[reason].examples) if reason in self.skipped else EXAMPLES

    def skip(self, reason: str, path: str, line: int, text: str, rows: int = 1) -> None:
        """Counts a bad row; in strict mode raises InputError."""
        if self.strict:
            raise InputError(path, f"{reason}: {_short(text)}", line)
        skipped = self.skipped.setdefault(reason, Skipped())
        skipped.rows += rows
        if len(skipped.examples) < EXAMPLES:
            skipped.examples.append((path, line, _short(text)))

    def span(self, start_us: Ints) -> None:
        """Notes the span of rows that are used."""
        if not len(start_us):
            return
        first, last = int(start_us.min()), int(start_us.max())
        self.first_us = first if self.first_us is None else min(self.first_us, first)
        self.last_us = last if self.last_us is None else max(self.last_us, last)

    def clock(self, end_us: Ints) -> None:
        """Notes where the ends of a file's good rows jump."""
        if not len(end_us):
            return
        ends = end_us if self._newest_us is None else np.concatenate(([self._newest_us], end_us))
        newest = np.maximum.accumulate(ends)
        back = newest - ends
        jumped = np.flatnonzero((back[1:] > JUMP_US) & (back[:-1] <= JUMP_US)) + 1
        silent = np.diff(newest)
        silent = silent[silent > JUMP_US]
        self.backward_jumps += len(jumped)
        self.silences += len(silent)
        if len(jumped):
            self.longest_backward = max(self.longest_backward, float(back.max()) / MICROSECONDS)
        if len(silent):
            self.longest_silence = max(self.longest_silence, float(silent.max()) / MICROSECONDS)
        self._newest_us = int(newest[-1])

    def summary(self) -> dict[str, Any]:
        """The diagnostics as plain data for run_summary.json."""
        return {
            "files": self.files,
            "rows": self.rows,
            "used": self.rows_used,
            "merged_pieces": self.merged,
            "joined_answers": self.answers,
            "duplicates": self.duplicates,
            "left_out": dict(self.outside),
            "skipped": {
                reason: {
                    "rows": skipped.rows,
                    "examples": [f"{path}:{line}: {text}" for path, line, text in skipped.examples],
                }
                for reason, skipped in self.skipped.items()
            },
            "first": None if self.first_us is None else self.first_us / MICROSECONDS,
            "last": None if self.last_us is None else self.last_us / MICROSECONDS,
            "clock": {
                "backward_jumps": self.backward_jumps,
                "longest_backward_seconds": self.longest_backward,
                "silences_over_an_hour": self.silences,
                "longest_silence_seconds": self.longest_silence,
            },
            "notes": self.notes,
        }


def _short(text: str) -> str:
    printable = "".join(
        c if c.isprintable() else " " if c == "\t" else f"\\x{ord(c):02x}" for c in text[:EXAMPLE_LENGTH]
    )
    return printable if len(text) <= EXAMPLE_LENGTH else printable + " …"
