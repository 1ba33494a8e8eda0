"""Columns that the user names: --map FIELD=COLUMN."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as parquet
import pytest

from zeek_beacons.config import Config
from zeek_beacons.errors import ConfigError, InputError
from zeek_beacons.readers.flow_csv import ALIASES

from .logs import T0, assert_same, conns, flow, flow_csv, load

ROWS = [flow(row) for row in conns([60.0 * at for at in range(20)])]
OWN = {"timestamp": "When", "src_ip": "Source", "dst_ip": "Destination", "dst_port": "Service Port", "protocol": "IP"}
FIREWALL = flow_csv([{OWN.get(name, name): value for name, value in row.items()} for row in ROWS], [*OWN.values()])
MAP = ("start=When", "orig_h=Source", "resp_h=Destination", "resp_p=Service Port", "proto=IP")


def test_unknown_headings_are_read_as_they_are_said_to_be(tmp_path: Path) -> None:
    plain, _ = load(tmp_path, flow_csv(ROWS, [*OWN]), "a.csv")
    assert_same(plain, load(tmp_path, FIREWALL, "b.csv", Config(map=MAP))[0])


def test_a_field_may_be_called_by_any_of_its_names_and_a_column_in_any_case(tmp_path: Path) -> None:
    plain, _ = load(tmp_path, flow_csv(ROWS, [*OWN]), "a.csv")
    named = ("timestamp = when", "src_ip=SOURCE", "Dst IP=destination", "dport=service port", "protocol=ip")
    assert_same(plain, load(tmp_path, FIREWALL, "b.csv", Config(map=named))[0])


def test_without_a_map_the_error_says_what_is_missing_and_what_is_there(tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        load(tmp_path, FIREWALL, "b.csv")
    assert "it lacks start, orig_h, resp_h, resp_p, proto" in str(error.value)
    assert "its columns are: When, Source, Destination, Service Port, IP" in str(error.value)
    assert "--map start=COLUMN" in str(error.value)
    with pytest.raises(InputError, match=r"required column missing: start .* the file has: When, Source"):
        load(tmp_path, FIREWALL, "b.csv", Config(map=MAP[1:]))


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"column 'Bytes Out' \(for orig_bytes\) of --map is not in the header, which has"
    ):
        load(tmp_path, FIREWALL, "b.csv", Config(map=(*MAP, "orig_bytes=Bytes Out")))


@pytest.mark.parametrize(
    ("text", "problem"),
    [("colour=When", "no such field, expected one of start, duration"), ("start=IP", "column 'IP' was given before")],
)
def test_a_map_that_cannot_be_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=problem):
        load(tmp_path, FIREWALL, "b.csv", Config(map=(*MAP[1:], text)))


def test_a_mapped_column_is_no_other_field_beside(tmp_path: Path) -> None:
    """`total_bytes` would be what the originator sent, if it were not said to be what came back."""
    pairs, _ = load(tmp_path, flow_csv(ROWS), "a.csv", Config(map=("resp_bytes=total_bytes",)))
    assert pairs.resp_bytes.tolist() == [300] * 20


def test_parquet_takes_a_map(tmp_path: Path) -> None:
    columns = {OWN.get(name, name): [row[name] for row in ROWS] for name in ROWS[0]}
    stream = io.BytesIO()
    parquet.write_table(pa.table(columns), stream)
    pairs, _ = load(tmp_path, stream.getvalue(), "a.parquet", Config(map=MAP))
    assert (pairs.start - T0).tolist() == [60.0 * at for at in range(20)]


@pytest.mark.parametrize(
    "header",
    [
        "first,src_ip,spt,dst_ip,dpt,ipprotocol",
        "flowstart,sa,sp,da,dp,transportProtocol",
        "flowStart,srcaddr,srcport,dstaddr,dstport,IPProtocol",
    ],
)
def test_more_names_are_known(header: str, tmp_path: Path) -> None:
    data = f"{header}\n1767225600,10.0.0.5,40000,203.0.113.9,443,6\n".encode()
    pairs, _ = load(tmp_path, data, "f.csv")
    assert (pairs.start.tolist(), pairs.resp_p.tolist()) == ([T0], [443])


def test_no_alias_stands_for_two_fields() -> None:
    known = [alias for aliases in ALIASES.values() for alias in aliases]
    assert len(known) == len(set(known))
