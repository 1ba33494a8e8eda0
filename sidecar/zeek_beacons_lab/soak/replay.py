"""The day that is replayed: the rows of the sample `site`, each when Zeek would write it, day after day."""

from __future__ import annotations

import gzip
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from zeek_beacons.samples import files_of

DAY, HOUR = 86_400.0, 3600.0
KEPT = 26  # hours of rotated logs that lie beside what grows
LOGS = ("conn", "ssl", "http")
FEED = (
    "start uid orig_h orig_p resp_h resp_p service duration orig_bytes resp_bytes conn_state name"  # soak.zeek's record
)


class Row(NamedTuple):
    """A row of a log. `at`: when it is written, seconds from the beginning of its day."""

    at: float
    log: str
    start: float
    uid: str
    rest: str  # as it stands in the log, with the tab before it


@dataclass(frozen=True, slots=True)
class SiteDay:
    """A day's rows in the order in which they are written, and each log's header."""

    rows: list[Row]
    headers: dict[str, str]
    names: dict[str, str]  # uid to server name

    @classmethod
    def load(cls) -> SiteDay:
        """The sample's day."""
        rows: list[Row] = []
        headers, names = dict.fromkeys(LOGS, ""), {}
        files = files_of("site")
        first = min(_starts(files["conn.log"].decode()))
        for log in LOGS:
            fields: list[str] = []
            for line in files[f"{log}.log"].decode().splitlines():
                if line.startswith("#"):
                    headers[log] += f"{line}\n"
                    fields = line.split("\t")[1:] if line.startswith("#fields") else fields
                    continue
                start, uid, rest = line.split("\t", 2)
                told = dict(zip(fields, line.split("\t"), strict=True))
                took = told.get("duration", "-")
                begin = float(start) - first
                rows.append(Row(begin + (0.0 if took == "-" else float(took)), log, begin, uid, f"\t{rest}\n"))
                if log == "ssl" and told["server_name"] != "-":
                    names[uid] = told["server_name"]
        return cls(sorted(rows), headers, names)

    def days(self, number: int) -> Iterator[Row]:
        """The same rows for so many days, from 0 on, under uids of their own."""
        days = ([self._moved(row, day) for row in self.rows] for day in range(number))
        return heapq.merge(*days)

    def feed(self, row: Row, begin: float) -> str:
        """A row of conn.log as soak.zeek reads it; the first day begins at `begin`."""
        (_, orig_h, orig_p, resp_h, resp_p, proto, service, *numbers) = row.rest.rstrip("\n").split("\t")
        name = self.names.get(row.uid.rpartition("d")[0], "-")
        ends = f"{orig_h}\t{orig_p}/{proto}\t{resp_h}\t{resp_p}/{proto}"
        facts = "\t".join(numbers[:4])
        return f"{begin + row.start:.6f}\t{row.uid}\t{ends}\t{service}\t{facts}\t{name}\n"

    @staticmethod
    def _moved(row: Row, day: int) -> Row:
        return row._replace(at=row.at + day * DAY, start=row.start + day * DAY, uid=f"{row.uid}d{day}")


class RotatedLogs:
    """Logs that grow in a folder, are packed into folders by day each hour, and deleted after KEPT hours."""

    def __init__(self, folder: Path, headers: dict[str, str], begin: float) -> None:
        self._folder, self._headers, self._begin = folder, headers, begin
        self._hour = 0
        (folder / "current").mkdir(parents=True)
        for log in headers:
            self._fresh(log)

    def write(self, rows: list[Row], now: float) -> None:
        """Appends rows, and rotates for each hour that is over at `now`, seconds from the beginning."""
        texts: dict[str, list[str]] = {}
        for row in rows:
            if row.at >= (self._hour + 1) * HOUR:
                self._append(texts)
                texts = {}
                while row.at >= (self._hour + 1) * HOUR:
                    self._rotate()
            texts.setdefault(row.log, []).append(f"{self._begin + row.start:.6f}\t{row.uid}{row.rest}")
        self._append(texts)
        while now >= (self._hour + 1) * HOUR:
            self._rotate()

    def _append(self, texts: dict[str, list[str]]) -> None:
        for log, lines in texts.items():
            with self._current(log).open("a") as file:
                file.write("".join(lines))

    def _rotate(self) -> None:
        day, name = self._named(self._hour)
        self._hour += 1
        (self._folder / day).mkdir(exist_ok=True)
        for log in self._headers:
            packed = self._folder / day / f"{log}.{name}.log.gz"
            packed.with_suffix(".tmp").write_bytes(gzip.compress(self._current(log).read_bytes(), 1))
            packed.with_suffix(".tmp").rename(packed)
            self._current(log).unlink()
            self._fresh(log)
        if self._hour > KEPT:
            day, name = self._named(self._hour - KEPT - 1)
            for log in self._headers:
                (self._folder / day / f"{log}.{name}.log.gz").unlink()

    def _named(self, hour: int) -> tuple[str, str]:
        begin, end = (datetime.fromtimestamp(self._begin + HOUR * one, UTC) for one in (hour, hour + 1))
        return f"{begin:%Y-%m-%d}", f"{begin:%H:%M:%S}-{end:%H:%M:%S}"

    def _current(self, log: str) -> Path:
        return self._folder / "current" / f"{log}.log"

    def _fresh(self, log: str) -> None:
        self._current(log).write_text(self._headers[log])


def _starts(text: str) -> Iterator[float]:
    return (float(line.split("\t", 1)[0]) for line in text.splitlines() if not line.startswith("#"))
