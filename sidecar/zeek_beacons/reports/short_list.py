"""report.md: the list at its top, a line for each incident."""

from __future__ import annotations

from zeek_beacons.pipeline import Scored
from zeek_beacons.reports.about import BESIDE
from zeek_beacons.reports.escape import plain
from zeek_beacons.reports.sentence import sentence
from zeek_beacons.verdicts import SEVERITIES


def short_list(scored: Scored, most: int) -> list[str]:
    """The incidents' heads, one line each; nothing where nothing alerts."""
    heads = [int(rows[0]) for rows in scored.incidents.rows[:most]]
    if not heads:
        return []
    listed = [f"{rank}. **{SEVERITIES[scored.verdicts.severity[row]]}**: {plain(sentence(scored, row))}"
              for rank, row in enumerate(heads, 1)]  # fmt: skip
    return ["## In short", "", *listed, "", BESIDE[scored.verdicts.calibrated], ""]
