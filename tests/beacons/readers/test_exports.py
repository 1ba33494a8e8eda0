"""conn.log as CSV and Parquet: the usual names and types, and what breaks such files."""

from __future__ import annotations

import gzip
import io
import random
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.readers import Request, exports, parquet_rows, read

from .logs import CONN, EXPORT, T0, assert_same, conns, csv_line, export, flow_csv, load, take, traffic, tsv


def by_columns(rows: list[dict[str, Any]], names: dict[str, str]) -> dict[str, list[Any]]:
    return {name: [row.get(column) for row in rows] for name, column in names.items()}


def packed(columns: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    parquet.write_table(pa.table(columns), stream)
    return stream.getvalue()


@pytest.fixture
def rows() -> list[dict[str, Any]]:
    return traffic(200)


def test_csv_and_parquet_give_what_the_log_gives(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    plain, _ = load(tmp_path, tsv(rows))
    by_csv, ingest = load(tmp_path, flow_csv([export(row) for row in rows], [*EXPORT]), "conn.csv")
    assert_same(plain, by_csv)
    assert set(ingest.files.values()) == {"exports"}
    by_parquet, ingest = load(tmp_path, packed(by_columns(rows, EXPORT)), "conn.parquet")
    assert_same(plain, by_parquet)
    assert ingest.rows == len(rows)


@pytest.mark.parametrize(
    "ends",
    [
        ("id_orig_h", "id_orig_p", "id_resp_h", "id_resp_p"),
        ("src_ip_zeek", "src_port_zeek", "dest_ip_zeek", "dest_port_zeek"),
        ("source.ip", "source.port", "Destination.IP", "Destination.Port"),
        ("id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"),
    ],
)
def test_usual_names(ends: tuple[str, ...], rows: list[dict[str, Any]], tmp_path: Path) -> None:
    plain, _ = load(tmp_path, tsv(rows))
    rename = dict(zip(("id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p"), ends, strict=True))
    names = {rename.get(name, name): name for name in CONN}
    assert_same(plain, load(tmp_path, packed(by_columns(rows, names)), "c.parquet")[0])
    renamed = [{new: row.get(old) for new, old in names.items()} for row in rows]
    assert_same(plain, load(tmp_path, flow_csv(renamed, [*names]), "c.csv")[0])


def texts(values: list[Any]) -> Any:
    return pa.array([None if value is None else str(value) for value in values], pa.string())


@pytest.mark.parametrize(
    ("column", "make"),
    [
        ("ts", lambda v: pa.array([datetime.fromtimestamp(one, UTC) for one in v], pa.timestamp("us", "UTC"))),
        ("ts", lambda v: pa.array([datetime.fromtimestamp(one, UTC).isoformat() for one in v])),
        ("ts", lambda v: pa.array([round(one * 1e6) for one in v], pa.int64())),
        ("dest_port", lambda v: texts([f"{one}.0" for one in v])),
        ("src_port", lambda v: pa.array(v, pa.uint16())),
        ("orig_bytes", lambda v: texts(["-" if one is None else one for one in v])),
        ("duration", lambda v: pa.array([None if x is None else round(x * 1e6) for x in v], pa.duration("us"))),
        ("conn_state", lambda v: pa.array(v).dictionary_encode()),
        ("service", lambda v: pa.array(["-" if one is None else one for one in v], pa.large_string())),
        ("src_ip", lambda v: pa.array([one.encode() for one in v], pa.binary())),
    ],
)
def test_usual_types(column: str, make: Callable[[list[Any]], Any], rows: list[dict[str, Any]], tmp_path: Path) -> None:
    plain, _ = load(tmp_path, tsv(rows))
    columns: dict[str, Any] = by_columns(rows, EXPORT)
    columns[column] = make(columns[column])
    assert_same(plain, load(tmp_path, packed(columns), "c.parquet")[0])


def test_parquet_in_pieces_packed_or_from_stdin_is_the_same(
    rows: list[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = packed(by_columns(rows, EXPORT))
    plain, _ = load(tmp_path, data, "c.parquet")
    assert_same(plain, load(tmp_path, gzip.compress(data), "c.parquet.gz")[0])
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert_same(plain, take(["-"])[0])
    monkeypatch.setattr(parquet_rows, "BATCH", 7)
    assert_same(plain, load(tmp_path, data, "c.parquet")[0])
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "part-0.parquet").write_bytes(data)
    assert_same(plain, read(Request([str(folder)]), Config())[0])


def test_bad_rows_are_counted_and_named(tmp_path: Path) -> None:
    columns = by_columns(conns([0.0, 1.0, 2.0]), EXPORT)
    columns["src_ip"][1] = "no address"
    pairs, ingest = load(tmp_path, packed(columns), "c.parquet")
    assert pairs.conns.tolist() == [2]
    assert ingest.skipped["originator is no address"].examples == [
        (str(tmp_path / "c.parquet"), 2, "row of a Parquet file")
    ]


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    columns = by_columns(conns([0.0]), EXPORT)
    del columns["dest_port"]
    with pytest.raises(InputError, match=r"c\.parquet:1: required column missing: resp_p"):
        load(tmp_path, packed(columns), "c.parquet")


def test_names_form_pairs(tmp_path: Path) -> None:
    columns = by_columns(conns([0.0, 1.0]), EXPORT) | {"server_name": ["a.example", "a.example"]}
    pairs, _ = load(tmp_path, packed(columns), "c.parquet")
    assert sorted(pairs.resp) == ["203.0.113.9", "a.example"]


def test_a_broken_parquet_file_is_an_input_error(tmp_path: Path) -> None:
    data = packed(by_columns(conns([float(at) for at in range(50)]), EXPORT))
    rng = random.Random(1)
    for cut in (4, 8, 50, len(data) // 2, len(data) - 1):
        with pytest.raises(InputError, match=r"c\.parquet"):
            load(tmp_path, data[:cut], "c.parquet")
    for _ in range(200):
        broken = bytearray(data)
        for _ in range(rng.randint(1, 5)):
            broken[rng.randrange(4, len(data))] = rng.randrange(256)
        try:
            load(tmp_path, bytes(broken), "c.parquet")
        except InputError as error:
            assert str(error).startswith(str(tmp_path))  # noqa: PT017


def test_flow_records_without_zeeks_columns_stay_flow_records() -> None:
    assert not exports.sniff(b"timestamp,src_ip,dst_ip,dst_port,protocol,total_bytes\n")
    assert exports.sniff(b"ts,src_ip,dest_ip,dest_port,proto,conn_state\n")
    assert csv_line(export(conns([T0])[0]), [*EXPORT]).count(b",") == len(EXPORT) - 1
