"""On the driver: OCSF network activity (class 4001), as Amazon Security Lake keeps it -> our fields.

Names and units by the OCSF schema (schema.ocsf.io, class network_activity): times and durations are milliseconds,
`traffic.bytes_out` goes from the source to the destination.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F  # noqa: N812  as everybody calls it

from zeek_beacons.errors import InputError
from zeek_beacons.spark.rows import CLASS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_MARKS = {CLASS, "src_endpoint.ip", "dst_endpoint.ip"}
# Our field -> where OCSF has it; of several the first that a row has.
_FIELDS: Mapping[str, Sequence[str]] = {
    "start": ("start_time", "time", "start_time_dt", "time_dt"),
    "orig_h": ("src_endpoint.ip",),
    "orig_p": ("src_endpoint.port",),
    "resp_h": ("dst_endpoint.ip",),
    "resp_p": ("dst_endpoint.port",),
    "proto": ("connection_info.protocol_name", "connection_info.protocol_num"),
    "orig_bytes": ("traffic.bytes_out",),
    "resp_bytes": ("traffic.bytes_in",),
    "name": ("tls.sni",),
}
_NEEDED = ("start", "resp_p", "proto")


def is_ocsf(columns: Mapping[str, str]) -> bool:
    """Whether a table with these columns holds OCSF events with two ends."""
    return columns.keys() >= _MARKS


def connections(name: str, frame: DataFrame, columns: Mapping[str, str]) -> tuple[DataFrame, dict[str, str]]:
    """The table with our fields and the class of each event, and where each field comes from.

    `columns`: a column as OCSF calls it -> as Spark does. Raises InputError where a needed one is missing.
    """
    found = {ours: [one for one in known if one in columns] for ours, known in _FIELDS.items()}
    if missing := [f"{' or '.join(_FIELDS[ours])} (for {ours})" for ours in _NEEDED if not found[ours]]:
        raise InputError(name, f"OCSF events without {', '.join(missing)}")
    chosen: dict[str, Any] = {ours: _first(ours, known, columns) for ours, known in found.items() if known}
    lengths = [F.col(columns["duration"])] if "duration" in columns else []
    if "start_time" in columns and "end_time" in columns:
        lengths.append(F.col(columns["end_time"]) - F.col(columns["start_time"]))
    if lengths:
        chosen["duration"] = F.coalesce(*lengths) / 1000.0
        found["duration"] = ["duration"]
    fields = [value.alias(ours) for ours, value in chosen.items()]
    return frame.select(*fields, F.col(columns[CLASS]).alias(CLASS)), {ours: found[ours][0] for ours in chosen}


def _first(ours: str, known: Sequence[str], columns: Mapping[str, str]) -> Any:
    """The first of these columns that a row has; times as milliseconds, the others as texts where they differ."""
    if len(known) == 1 and ours != "start":
        return F.col(columns[known[0]])
    if ours == "start":
        return F.coalesce(*(_milliseconds(one, columns[one]) for one in known))
    return F.coalesce(*(F.col(columns[one]).cast("string") for one in known))


def _milliseconds(name: str, column: str) -> Any:
    return (
        F.unix_micros(F.col(column).cast("timestamp")) / 1000.0
        if name.endswith("_dt")
        else F.col(column).cast("double")
    )
