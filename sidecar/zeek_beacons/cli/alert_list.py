"""The alert list on the screen: a line for each incident, one for what belongs to it; then what comes from outside."""

from __future__ import annotations

import numpy as np
from rich.table import Table
from rich.text import Text

from zeek_beacons.pipeline import Scored
from zeek_beacons.reports.incident_text import further
from zeek_beacons.reports.outside import looks_like, quiet_from_outside
from zeek_beacons.reports.sentence import duration, target
from zeek_beacons.verdicts import KINDS, SEVERITIES

SHOWN = 20
FROM_OUTSIDE_SHOWN = 3


def incident_table(scored: Scored) -> Table:
    """The incidents with the highest scores."""
    verdicts, pairs, incidents = scored.verdicts, scored.pairs, scored.incidents
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name, justify in (
        ("#", "right"), ("severity", "left"), ("score", "right"), ("from", "left"), ("to", "left"),
        ("every", "right"), ("jitter", "right"), ("times", "right"), ("over", "right"),
    ):  # fmt: skip
        table.add_column(name, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for rank, (rows, members) in enumerate(zip(incidents.rows[:SHOWN], incidents.members, strict=False), 1):
        row = int(rows[0])
        sleep, jitter, score = verdicts.sleep[row], verdicts.jitter[row], verdicts.score[row]
        table.add_row(
            str(rank),
            SEVERITIES[verdicts.severity[row]],
            KINDS[verdicts.kind[row]] if np.isnan(score) else f"{score:.2f}",  # what is counted has none
            Text(pairs.orig_h[row]),  # names and addresses are data, never markup
            Text(target(scored, row)),
            "?" if np.isnan(sleep) else duration(sleep),
            "?" if np.isnan(jitter) else f"{jitter * 100:.0f} %",
            str(pairs.conns[row]),
            duration(pairs.last_ts[row] - pairs.first_ts[row]),
        )
        if more := further(members):
            table.add_row("", "", "", "", Text(f"+ {more}"))
    return table


def from_outside(scored: Scored) -> str:
    """How many pairs come from outside, and the first of them; empty where there is none."""
    rows = quiet_from_outside(scored)
    if not len(rows):
        return ""
    top = rows[:FROM_OUTSIDE_SHOWN]
    told = [
        f"{scored.pairs.orig_h[row]} to {target(scored, row)}{f' ({guess})' if guess else ''}"
        for row, guess in zip(top.tolist(), looks_like(scored, top), strict=True)
    ]
    more = f" and {len(rows) - len(top)} more" if len(rows) > len(top) else ""
    return f"from outside, not alerting: {len(rows)} pair{'s' if len(rows) > 1 else ''}: {', '.join(told)}{more}"
