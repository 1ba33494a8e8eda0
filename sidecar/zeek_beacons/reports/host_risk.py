"""Hosts by the risk of their pairs: what is added to hosts.csv, and hosts that only an endpoint tells of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from zeek_beacons.pipeline import Scored
from zeek_beacons.scoring import process
from zeek_beacons.verdicts import NOT_SUPPRESSED

Table = Any  # pyarrow ships no types


def beside(hosts: Table, scored: Scored) -> Table:
    """The table of hosts with the highest and the mean risk of each one's pairs.

    Hosts whose pairs are all too short for a score, but of known processes, follow by their highest risk.
    """
    pairs, risk = scored.pairs, scored.risk.fused
    may = (scored.verdicts.suppressed == NOT_SUPPRESSED) & ~pairs.is_group & ~np.isnan(risk)
    names, host = np.unique(pairs.orig_h[may].astype(str), return_inverse=True)
    highest = np.full(len(names), -np.inf)
    np.maximum.at(highest, host, risk[may])
    mean = np.bincount(host, risk[may], len(names)) / np.maximum(np.bincount(host, minlength=len(names)), 1)
    place = {name: at for at, name in enumerate(names.tolist())}
    listed = hosts.column("host").to_pylist()
    known = set(pairs.orig_h[may & process.known(pairs)].tolist()) - set(listed)
    more = sorted(known, key=lambda name: (-highest[place[name]], name))
    if more:
        hosts = pa.concat_tables([hosts, _without_score(more, hosts.schema)])
    at = [place.get(name, -1) for name in [*listed, *more]]
    for title, values in (("risk_max", highest), ("risk_mean", mean)):
        shown = [None if row < 0 else round(float(values[row]), 6) for row in at]
        hosts = hosts.append_column(title, pa.array(shown, pa.float64()))
    return hosts


def _without_score(names: list[str], schema: Any) -> Table:
    """Rows of hosts of which no pair was scored."""
    counts = {"combined_risk": 0.0, "beaconing_pairs": 0, "scored_pairs": 0}
    columns = {field.name: names if field.name == "host" else [counts.get(field.name)] * len(names) for field in schema}
    return pa.table({field.name: pa.array(columns[field.name], field.type) for field in schema})
