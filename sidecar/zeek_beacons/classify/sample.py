"""A random sample of connections, drawn while they come by, and what is counted of all of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.classify.columns import inputs
from zeek_beacons.pairs import Ints
from zeek_beacons.readers.columns import Texts
from zeek_beacons.readers.connection_table import ConnectionTable

SIZE = 100_000  # connections in the sample
NUMBERS = ("duration", "orig_bytes", "resp_bytes", "orig_pkts", "resp_pkts")
WORDS = ("proto", "conn_state", "service")
CHECKED = (*NUMBERS, "service", "conn_state", "history", "uid", "community_id")

Column = NDArray[Any]


@dataclass(slots=True)
class ConnectionSample:
    """Every connection stays with the same chance, whatever the length of the input."""

    seed: int
    connections: int = 0
    missing: Counter[str] = field(default_factory=Counter)  # connections without a value, by column
    counts: dict[str, Counter[str]] = field(default_factory=lambda: {name: Counter() for name in WORDS})
    columns: dict[str, Column] = field(default_factory=dict)
    _drawn: Column | None = None

    def add(self, table: ConnectionTable, said: Ints) -> None:
        """Takes connections, and the class that each is said to be of."""
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(self.connections,)))
        self.connections += len(table)
        for name in CHECKED:
            self.missing[name] += _missing(getattr(table, name))
        for name in WORDS:
            column: Texts = getattr(table, name)
            seen = np.bincount(column.codes + 1, minlength=len(column.values) + 1)
            self.counts[name].update(
                {text: int(n) for text, n in zip(["(none)", *column.values], seen, strict=True) if n}
            )
        draws, kept = rng.random(len(table)), np.arange(len(table))
        if len(table) > SIZE:
            kept = np.sort(np.argpartition(draws, SIZE)[:SIZE])
        self._merge(_columns(table.take(kept), said[kept]), draws[kept])

    def _merge(self, fresh: dict[str, Column], draws: Column) -> None:
        if self._drawn is not None:
            fresh = {name: np.concatenate([self.columns[name], column]) for name, column in fresh.items()}
            draws = np.concatenate([self._drawn, draws])
        if len(draws) > SIZE:
            kept = np.sort(np.argpartition(draws, SIZE)[:SIZE])
            fresh, draws = {name: column[kept] for name, column in fresh.items()}, draws[kept]
        self.columns, self._drawn = fresh, draws


def _columns(table: ConnectionTable, said: Ints) -> dict[str, Column]:
    return {
        **{name: getattr(table, name) for name in NUMBERS},
        **{name: _spelled(getattr(table, name)) for name in (*WORDS, "orig_h")},
        "inputs": inputs(table),
        "said": said,
    }


def _spelled(column: Texts) -> Column:
    return np.array([*column.values, "(none)"], dtype=np.object_)[column.codes]


def _missing(column: Any) -> int:
    if isinstance(column, Texts):
        return int((column.codes < 0).sum())
    return int(np.isnan(column).sum()) if isinstance(column, np.ndarray) else int(column.null_count)
