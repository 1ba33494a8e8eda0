"""Connections as logs and tables of all kinds, and what Spark and one machine say of them, pair by pair."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as parquet
import pytest

FIELDS = ["ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "service", "duration"]
FIELDS += ["orig_bytes", "resp_bytes", "conn_state", "history"]
KEY = ("orig_h", "resp", "resp_p", "proto", "channel")
BEGIN = 1_767_225_600.0
FEW = ("--max-observations", "64")  # so that pairs hold fewer than they have


def connections() -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Rows of a conn.log as mappings, and names by uid: 40 % of all are one client's at one resolver."""
    rng = np.random.default_rng(7)
    rows: list[dict[str, Any]] = []
    names: dict[str, str] = {}

    def add(ts: float, orig: str, resp: str, port: int, name: str = "", **more: Any) -> None:
        uid = f"C{len(rows)}"
        row = dict(zip(FIELDS, (round(ts, 6), uid, orig, 40_000 + len(rows) % 20_000, resp, port), strict=False))
        row |= {"proto": "tcp", "service": "ssl", "duration": 0.25, "orig_bytes": 300, "resp_bytes": 500}
        rows.append(row | {"conn_state": "SF", "history": "ShADadFf"} | more)
        if name:
            names[uid] = name

    for n in range(1600):
        query = {"proto": "udp", "service": "dns", "history": "Dd"}
        add(BEGIN + n * 20 + rng.random() * 19, "10.0.0.53", "192.0.2.53", 53, **query)
    for n in range(300):
        add(BEGIN + n * 60 + rng.random() * 5, "10.0.0.5", "203.0.113.9", 443, "beacon.example")
        add(BEGIN + n * 60 + rng.random() * 3, "10.0.0.6", f"203.0.113.{20 + int(rng.integers(3))}", 8443)
    for _ in range(1500):
        host, server = int(rng.integers(8)), int(rng.integers(15))
        name = f"s{server % 6}.example" if rng.random() < 0.7 else ""
        sizes = {"orig_bytes": int(rng.integers(100, 9000)), "resp_bytes": int(rng.integers(100, 90_000))}
        add(BEGIN + rng.random() * 30_000, f"10.0.1.{host}", f"198.51.100.{server}", 443, name, **sizes)
    for n in range(40):  # sessions that Zeek's timeout has split
        at = BEGIN + n * 700
        port: dict[str, Any] = {"id.orig_p": 50_000 + n}
        add(at, "10.0.0.7", "203.0.113.77", 22, service="ssh", conn_state="S1", history="ShAD", **port)
        add(at + 400, "10.0.0.7", "203.0.113.77", 22, service=None, conn_state="OTH", history="DadA", **port)
    for n in range(30):  # what is not known
        add(BEGIN + n * 100, "10.0.0.8", "2001:db8::5", 80, duration=None, orig_bytes=None, resp_bytes=None)
    return [rows[at] for at in rng.permutation(len(rows))] + rows[:50], names


def tsv(path: Path, rows: list[dict[str, Any]], log: str = "conn", fields: list[str] = FIELDS) -> None:
    header = f"#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n#path\t{log}\n"
    lines = ["\t".join("-" if row[name] is None else str(row[name]) for name in fields) for row in rows]
    text = header + "#fields\t" + "\t".join(fields) + "\n" + "\n".join(lines) + "\n#close\t2026-01-01-00-00-00\n"
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def json_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    data = "".join(json.dumps({key: value for key, value in row.items() if value is not None}) + "\n" for row in rows)
    path.write_bytes(gzip.compress(data.encode()) if path.suffix == ".gz" else data.encode())


def table(path: Path, rows: list[dict[str, Any]], names: dict[str, str]) -> None:
    columns: dict[str, Any] = {name: pa.array([row[name] for row in rows]) for name in FIELDS}
    columns["server_name"] = pa.array([names.get(row["uid"]) for row in rows], pa.string())
    parquet.write_table(pa.table(columns), path)


def names_log(path: Path, names: dict[str, str], at: float = BEGIN) -> None:
    rows = [{"ts": at, "uid": uid, "server_name": name} for uid, name in names.items()]
    tsv(path, rows, "ssl", ["ts", "uid", "server_name"])


def by_pair(rows: list[dict[str, Any]]) -> dict[tuple[Any, ...], dict[str, Any]]:
    keyed = {tuple(row[name] for name in KEY): row for row in rows}
    assert len(keyed) == len(rows)
    return keyed


def on_spark(folder: Path) -> dict[tuple[Any, ...], dict[str, Any]]:
    return by_pair(parquet.read_table(folder / "scored").drop_columns(["day"]).to_pylist())


def on_one_machine(folder: Path) -> dict[tuple[Any, ...], dict[str, Any]]:
    read = arrow_csv.read_csv(
        folder / "scored_pairs.csv", convert_options=arrow_csv.ConvertOptions(timestamp_parsers=["no times"])
    )
    return by_pair(read.drop_columns(["incident"]).to_pylist())


def alerts(folder: Path) -> list[dict[str, str]]:
    """The alerts in words, but for how to look on in the logs that were read."""
    with (folder / "alerts.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [{name: text for name, text in row.items() if name not in ("command", "uids")} for row in rows]


def assert_same(spark: dict[tuple[Any, ...], dict[str, Any]], one: dict[tuple[Any, ...], dict[str, Any]]) -> None:
    assert spark.keys() == one.keys()
    for key, said in one.items():
        assert spark[key].keys() == said.keys()
        for column, value in said.items():
            other = spark[key][column]
            if value in ("", None):
                assert other in ("", None), (key, column, other)
            elif isinstance(value, float) or isinstance(other, float):
                assert float(other) == pytest.approx(float(value), abs=1e-9), (key, column)
            else:
                assert str(other) == str(value), (key, column)
