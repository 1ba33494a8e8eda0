"""report.md: which hosts to look at first, by the highest and the mean risk of their pairs."""

from __future__ import annotations

from zeek_beacons.pipeline import Scored
from zeek_beacons.reports.escape import plain
from zeek_beacons.reports.tables import hosts

SHOWN = 10


def first_hosts(scored: Scored) -> list[str]:
    """The hosts of highest risk; of equal ones that of the higher mean first."""
    table = hosts(scored)
    if not table.num_rows:
        return []
    rows = sorted(table.to_pylist(), key=lambda row: (-(row["risk_max"] or 0), -(row["risk_mean"] or 0), row["host"]))
    lines = [
        "## Hosts to look at first",
        "",
        "By the risk of their pairs: the score with what an endpoint knows of the process, and how unlike benign pairs "
        "each is. It changes no verdict.",
        "",
        "| host | highest risk | mean risk | incidents | strongest |",
        "|---|---|---|---|---|",
    ]
    for row in rows[:SHOWN]:
        strongest = f"{row['strongest_resp']}:{row['strongest_resp_p']}" if row["strongest_resp"] else ""
        risks = (f"{row[name]:.2f}" if row[name] is not None else "" for name in ("risk_max", "risk_mean"))
        cells = (plain(row["host"]), *risks, str(row["beaconing_pairs"]), plain(strongest))
        lines.append(f"| {' | '.join(cells)} |")
    more = [f"{table.num_rows - SHOWN} further hosts stand in hosts.csv.", ""] if table.num_rows > SHOWN else []
    return [*lines, "", *more]
