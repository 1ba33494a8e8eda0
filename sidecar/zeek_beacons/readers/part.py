"""A part of a file as a reader hands it on: connections, where they stand, and which of them are left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from zeek_beacons.pairs import Bools
from zeek_beacons.readers.arrow_parse import Table
from zeek_beacons.readers.columns import Batch
from zeek_beacons.readers.reservoir import Collector
from zeek_beacons.readers.where import Where


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Rows of a file, and the table that they were made of, which may hold columns that a Batch has not."""

    batch: Batch
    where: Where
    table: Table
    left_out: Mapping[str, Bools] = field(default_factory=dict)  # by reason

    def give(self, collector: Collector) -> None:
        """Hands the rows to `collector`."""
        collector.add(self.batch, self.where, self.left_out)
