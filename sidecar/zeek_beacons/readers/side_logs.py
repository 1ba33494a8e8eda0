"""Logs beside the input that only add context: what is wrong with one of them is told, and stops nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from zeek_beacons.errors import InputError
from zeek_beacons.readers.files import BadLine
from zeek_beacons.readers.ingest import Ingest


@contextmanager
def spared(ingest: Ingest) -> Iterator[None]:
    """Goes on where a log beside the input cannot be read, with a note that its context is missing.

    In strict mode it raises the InputError.
    """
    try:
        yield
    except InputError as error:
        if ingest.strict:
            raise
        ingest.notes.append(f"{error}; nothing of this log is used, the verdicts do without what it tells")


@dataclass(slots=True)
class BadRows:
    """Rows of one such log that are left out. `strict`: the first one raises InputError."""

    path: str
    strict: bool = False
    rows: int = 0
    first: str = ""  # where the first one is, and what is wrong with it

    def add(self, problem: str, line: int, rows: int = 1) -> None:
        """Counts rows with one problem; `line`: of the first of them."""
        if self.strict:
            raise InputError(self.path, problem, line)
        self.first = self.first or f"first at {self.path}:{line}: {problem}"
        self.rows += rows

    def add_lines(self, lines: Sequence[BadLine]) -> None:
        """Counts lines that do not parse."""
        for line in lines:
            self.add(line.problem, line.number)

    def notes(self) -> list[str]:
        """What to tell of them; nothing where there are none."""
        plural = "" if self.rows == 1 else "s"
        return [f"left out {self.rows} bad row{plural} of {self.path}, {self.first}"] if self.rows else []
