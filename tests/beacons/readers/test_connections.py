"""The table of connections: every format, chunk by chunk, with the columns and labels that its input has."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.beacons.readers.logs import CONN, EXPORT, T0, conn, csv_line, export, flow, flow_csv, json_log, tsv
from tests.beacons.readers.samples import samples
from zeek_beacons.config import Config
from zeek_beacons.errors import BeaconsError, InputError
from zeek_beacons.readers import Request, read
from zeek_beacons.readers.connection_table import NO, UNKNOWN, YES, ConnectionTable
from zeek_beacons.readers.connections import PARTS, read_connections
from zeek_beacons.readers.ingest import Ingest

MORE = ["orig_pkts", "resp_pkts", "community_id", "local_orig", "local_resp", "label", "detailed-label"]
SAMPLES = {name: sample for name, sample in samples().items() if not name.startswith("candidates")}


def load(folder: Path, data: bytes, name: str = "conn.log", **request: object) -> tuple[list[ConnectionTable], Ingest]:
    file = folder / name
    file.write_bytes(data)
    tables, ingest = read_connections(Request([str(file)], **request), Config())  # type: ignore[arg-type]
    return list(tables), ingest


def told(**given: object) -> dict[str, object]:
    packets = {"orig_pkts": 5, "resp_pkts": 4, "community_id": "1:abc=", "local_orig": "T", "local_resp": "F"}
    return conn(1.5, **packets, **{"label": "Malicious", "detailed-label": "C&C"}) | given


@pytest.mark.parametrize("name", SAMPLES)
def test_every_format_tells_the_connections_that_its_pairs_are_made_of(tmp_path: Path, name: str) -> None:
    sample = SAMPLES[name]
    tables, ingest = load(tmp_path, sample.data, sample.name)
    pairs, of_pairs = read(Request([str(tmp_path / sample.name)]), Config())
    assert ingest.rows == of_pairs.rows
    assert dict(ingest.outside) == dict(of_pairs.outside)
    assert sum(map(len, tables)) == ingest.rows_used > 200
    starts = np.sort(np.concatenate([table.ts for table in tables]))
    assert np.isin(pairs.start, starts).all()
    assert {host for table in tables for host in table.orig_h.values} == set(pairs.orig_h)


def test_every_reader_of_connections_is_tried() -> None:
    assert {name.split("-")[0] for name in SAMPLES} == PARTS.keys()


@pytest.mark.parametrize("form", ["tsv", "json"])
def test_a_conn_log_gives_all_columns(tmp_path: Path, form: str) -> None:
    truths = {"local_orig": True, "local_resp": False} if form == "json" else {}
    data = json_log([told(**truths)]) if form == "json" else tsv([told()], [*CONN, *MORE])
    table = load(tmp_path, data)[0][0]
    assert table.ts[0] == T0 + 1.5
    assert table.duration[0] == 0.25
    assert (table.orig_pkts[0], table.resp_pkts[0], table.orig_bytes[0]) == (5, 4, 300)
    assert table.uid.to_pylist() == ["C1.5"]
    assert table.community_id.to_pylist() == ["1:abc="]
    assert (table.local_orig[0], table.local_resp[0]) == (YES, NO)
    assert table.history.values[table.history.codes[0]] == "ShADadFf"
    assert {name: column.values[column.codes[0]] for name, column in table.labels.items()} == {
        "label": "Malicious",
        "detailed_label": "C&C",
    }


def test_what_is_missing_stays_missing(tmp_path: Path) -> None:
    row = conn(0.0, duration=None, orig_bytes=None, service=None, conn_state=None, history=None, uid=None)
    table = load(tmp_path, tsv([row]))[0][0]
    assert np.isnan([table.duration[0], table.orig_bytes[0], table.orig_pkts[0], table.resp_pkts[0]]).all()
    assert (table.service.codes[0], table.conn_state.codes[0], table.history.codes[0]) == (-1, -1, -1)
    assert table.uid.to_pylist() == [None]
    assert table.community_id.to_pylist() == [None]
    assert not table.labels
    assert (table.local_orig[0], table.local_resp[0]) == (YES, YES)  # 203.0.113.9 is a documentation address


def test_locality_is_unknown_where_no_network_is_local(tmp_path: Path) -> None:
    (tmp_path / "conn.log").write_bytes(tsv([conn()]))
    tables, _ = read_connections(Request([str(tmp_path / "conn.log")]), Config(local_nets=()))
    assert next(tables).local_orig[0] == UNKNOWN


@pytest.mark.parametrize("as_parquet", [False, True])
def test_labels_and_packets_of_an_export(tmp_path: Path, as_parquet: bool) -> None:
    row = export(conn()) | {"orig_pkts": 7, "resp_pkts": None, "label_tactic": "Reconnaissance"}
    row |= {"mitre_attack_tactics": "none", "community_id": "1:x"}
    columns = [*EXPORT, "orig_pkts", "resp_pkts", "label_tactic", "mitre_attack_tactics"]
    if as_parquet:
        parquet.write_table(pa.Table.from_pylist([row]), tmp_path / "uwf.parquet")
        data = (tmp_path / "uwf.parquet").read_bytes()
    else:
        data = ",".join(columns).encode() + b"\n" + csv_line(row, columns)
    table = load(tmp_path, data, "uwf.csv")[0][0]
    assert table.orig_pkts[0] == 7
    assert np.isnan(table.resp_pkts[0])
    assert table.community_id.to_pylist() == ["1:x"]
    said = {name: column.values[column.codes[0]] for name, column in table.labels.items()}
    assert said == {"label_tactic": "Reconnaissance", "mitre_attack_tactics": "none"}


def test_bad_rows_are_counted_and_bounds_hold(tmp_path: Path) -> None:
    rows = [conn(float(at)) for at in range(10)] + [conn(50.0, id__resp_h="nowhere")]
    tables, ingest = load(tmp_path, gzip.compress(tsv(rows)), begin=T0 + 2, until=T0 + 5)
    assert [len(table) for table in tables] == [3]
    assert ingest.outside["outside the time range"] == 7
    assert ingest.skipped["responder is no address"].examples[0][1] == 19
    with pytest.raises(InputError, match="responder is no address"):
        load(tmp_path, tsv(rows), strict=True)


def test_it_comes_in_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zeek_beacons.readers.files.BLOCK", 4096)
    monkeypatch.setattr("zeek_beacons.readers.connection_table.REMEMBERED", 3)
    rows = [conn(float(at), id__orig_h=f"10.0.0.{at % 200}") for at in range(400)]
    tables, _ = load(tmp_path, tsv(rows))
    assert len(tables) > 5
    assert sum(map(len, tables)) == 400
    hosts = [table.orig_h.values[code] for table in tables for code in table.orig_h.codes.tolist()]
    assert hosts == [row["id.orig_h"] for row in rows]


def test_rows_can_be_taken(tmp_path: Path) -> None:
    table = load(tmp_path, tsv([conn(float(at)) for at in range(4)]))[0][0]
    assert table.take(table.ts > T0 + 2).uid.to_pylist() == ["C3.0"]
    assert table.take(np.array([2, 0])).ts.tolist() == [T0 + 2, T0]


def test_candidates_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds pairs, not connections"):
        load(tmp_path, samples()["candidates-tsv"].data, "beacon_candidates.log")


def test_an_answering_row_is_left_out(tmp_path: Path) -> None:
    row = flow(conn(0.0, resp_bytes=None))
    back = row | {"src_ip": row["dst_ip"], "src_port": 443, "dst_ip": row["src_ip"], "dst_port": row["src_port"]}
    data = flow_csv([row | {"direction": "out"}, back | {"direction": "in"}])
    tables, ingest = load(tmp_path, data, "flows.csv")
    assert sum(map(len, tables)) == 1
    assert ingest.outside["answering half of a flow"] == 1


@pytest.mark.parametrize("name", ["conn-tsv", "conn-json", "exports", "flows"])
@given(data=st.data())
def test_anything_is_a_table_or_a_clear_error(
    tmp_path_factory: pytest.TempPathFactory, name: str, data: st.DataObject
) -> None:
    sample = SAMPLES[name]
    lines = list(sample.lines[:20])
    at = data.draw(st.integers(0, len(lines) - 1))
    cut = data.draw(st.integers(0, len(lines[at])))
    lines[at] = lines[at][:cut] + data.draw(st.binary(max_size=30)) + lines[at][cut:]
    try:
        tables, ingest = load(tmp_path_factory.mktemp("any"), sample.header + b"".join(lines), sample.name)
    except BeaconsError:
        return
    assert sum(map(len, tables)) == ingest.rows_used
