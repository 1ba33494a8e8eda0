"""Tables of connections and logs, made in the test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.beacons.readers.logs import CONN, conn, tsv
from zeek_beacons.config import Config
from zeek_beacons.readers import Request
from zeek_beacons.readers.connection_table import ConnectionTable
from zeek_beacons.readers.connections import read_connections

COLUMNS = [*CONN, "orig_pkts", "resp_pkts", "community_id", "label"]


def log(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """A conn.log of these rows."""
    path = folder / "conn.log"
    path.write_bytes(tsv(rows, COLUMNS))
    return path


def table(folder: Path, rows: list[dict[str, Any]]) -> ConnectionTable:
    """The table of these rows."""
    tables, _ = read_connections(Request([str(log(folder, rows))]), Config())
    return next(tables)


def normal(n: int, host: str = "10.0.0.5") -> list[dict[str, Any]]:
    """Requests of a person."""
    return [
        conn(60.0 * at, id__orig_h=host, id__orig_p=40_000 + at, uid=f"N{at}", orig_pkts=9, resp_pkts=9, label="benign")
        for at in range(n)
    ]


def sweep(n: int, host: str = "10.0.0.66", port: int = 3389) -> list[dict[str, Any]]:
    """A scan of one port: nobody is there, or says no."""
    silent: dict[str, Any] = {
        "duration": None,
        "orig_bytes": None,
        "resp_bytes": None,
        "conn_state": "S0",
        "history": "S",
    }
    closed: dict[str, Any] = {"duration": 0.05, "orig_bytes": 0, "resp_bytes": 0, "conn_state": "REJ", "history": "Sr"}
    return [
        conn(
            100.0 + 0.1 * at,
            **(closed if at % 2 else silent),
            uid=f"S{at}",
            id__orig_h=host,
            id__resp_h=f"10.1.{at // 200}.{1 + at % 200}",
            id__resp_p=port,
            service=None,
            orig_pkts=1,
            resp_pkts=at % 2,
            label="scan",
        )
        for at in range(n)
    ]
