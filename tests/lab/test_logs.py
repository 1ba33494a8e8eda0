"""Traffic as files: what is written parses, agrees with the truth, and is there whole or not at all."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TextIO

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.errors import ConfigError, OutputError
from zeek_beacons.files import write_all
from zeek_beacons.labels import labels_of, read_labels
from zeek_beacons.pairs import STATES
from zeek_beacons.readers import Request, read
from zeek_beacons_lab.traffic import Traffic, generate
from zeek_beacons_lab.traffic.logs import FLOWS, LABELS, write_traffic

_CONN = [
    *("ts", "uid", "id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "service", "duration", "orig_bytes"),
    *("resp_bytes", "conn_state", "local_orig", "local_resp", "missed_bytes", "history", "orig_pkts", "orig_ip_bytes"),
    *("resp_pkts", "resp_ip_bytes", "tunnel_parents", "ip_proto"),
]


@pytest.fixture(scope="module")
def traffic() -> Traffic:
    return generate(beacons=4, benign=25, hours=2, seed=11)


def _tsv(path: Path) -> tuple[dict[str, list[str]], list[list[str]]]:
    lines = path.read_text().splitlines()
    head = {line.split("\t")[0]: line.split("\t")[1:] for line in lines if line.startswith("#")}
    return head, [line.split("\t") for line in lines if not line.startswith("#")]


def test_conn_log_has_the_columns_of_zeek_8(traffic: Traffic, tmp_path: Path) -> None:
    write_traffic(traffic, tmp_path)
    head, rows = _tsv(tmp_path / "conn.log")
    assert head["#fields"] == _CONN
    assert len(head["#types"]) == 22
    assert "#close" in head
    assert {len(row) for row in rows} == {22}
    columns = dict(zip(_CONN, zip(*rows, strict=True), strict=True))
    np.testing.assert_array_equal([float(ts) for ts in columns["ts"]], traffic.start)
    assert all(len(ts.split(".")[1]) == 6 for ts in columns["ts"])
    assert len(set(columns["uid"])) == len(traffic)
    assert list(columns["conn_state"]) == [STATES[code] for code in traffic.state]
    assert [value == "-" for value in columns["duration"]] == np.isnan(traffic.duration).tolist()


def test_names_are_joined_by_uid(traffic: Traffic, tmp_path: Path) -> None:
    write_traffic(traffic, tmp_path)
    uids = {row[1] for row in _tsv(tmp_path / "conn.log")[1]}
    for log, column in (("ssl", "server_name"), ("http", "host")):
        head, rows = _tsv(tmp_path / f"{log}.log")
        assert rows
        assert {row[1] for row in rows} <= uids
        assert column in head["#fields"]


def test_the_reader_finds_the_pairs_and_their_labels(traffic: Traffic, tmp_path: Path) -> None:
    write_traffic(traffic, tmp_path)
    pairs, _ = read(Request([str(tmp_path / "conn.log")]), Config())
    by_address = pairs.take(~pairs.is_named)
    assert len(by_address) == len(traffic.truth)
    assert by_address.conns.sum() == len(traffic)
    labels = labels_of(by_address, read_labels(tmp_path / "labels.csv"))
    assert (labels == "c2").sum() == traffic.truth.is_c2.sum()
    assert (labels != "").all()
    assert by_address.resp_hosts.max() > 3


def test_json_lines_say_the_same_as_tsv(traffic: Traffic, tmp_path: Path) -> None:
    write_traffic(traffic, tmp_path / "tsv")
    write_traffic(traffic, tmp_path / "json", json_lines=True)
    _, rows = _tsv(tmp_path / "tsv" / "conn.log")
    for row, line in zip(rows, (tmp_path / "json" / "conn.log").read_text().splitlines(), strict=True):
        record = json.loads(line)
        assert record["ts"] == float(row[0])
        assert ("duration" in record) == (row[8] != "-")


def test_flow_csv_has_the_normalized_columns(traffic: Traffic, tmp_path: Path) -> None:
    write_traffic(traffic, tmp_path, "csv")
    with (tmp_path / "flows.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == list(FLOWS)
    assert len(rows) == len(traffic)
    assert {row["label"] for row in rows} == {"c2", "benign"}
    pairs, _ = read(Request([str(tmp_path / "flows.csv")]), Config())
    assert pairs.conns.sum() == len(traffic)


def test_labels_have_one_row_a_pair(traffic: Traffic, tmp_path: Path) -> None:
    write_traffic(traffic, tmp_path)
    with (tmp_path / "labels.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert list(rows[0]) == list(LABELS)
    assert len(rows) == len(traffic.truth)
    assert all(row["sleep"] for row in rows if row["label"] == "c2" and row["kind"] != "background")


def test_the_same_traffic_makes_the_same_bytes(traffic: Traffic, tmp_path: Path) -> None:
    for folder in ("one", "two"):
        write_traffic(traffic, tmp_path / folder)
    for name in ("conn.log", "ssl.log", "http.log", "labels.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def _fill(stream: TextIO) -> None:
    stream.write("half")
    raise OSError(28, "No space left on device")


def test_a_write_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No space left"):
        write_all(tmp_path / "new", {"good": lambda stream: None, "bad": _fill})
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_breaks_off_keeps_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "good").write_text("before")
    with pytest.raises(OutputError):
        write_all(tmp_path, {"good": lambda stream: None, "bad": _fill}, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["good"]
    assert (tmp_path / "good").read_text() == "before"


def test_existing_files_are_only_overwritten_by_force(traffic: Traffic, tmp_path: Path) -> None:
    write_traffic(traffic, tmp_path)
    with pytest.raises(OutputError, match="exists already"):
        write_traffic(traffic, tmp_path)
    write_traffic(traffic, tmp_path, force=True)


def test_an_unusable_folder_is_an_output_error(traffic: Traffic, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_traffic(traffic, tmp_path / "file" / "below")
    with pytest.raises(ConfigError):
        write_traffic(traffic, tmp_path, "xml")  # type: ignore[arg-type]
