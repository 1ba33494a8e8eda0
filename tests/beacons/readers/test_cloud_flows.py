"""Flow logs of AWS, Azure and GCP: their fields, what a record in several intervals is, and what is left out."""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pyarrow as pa
import pyarrow.parquet as parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeek_beacons.errors import InputError
from zeek_beacons.pairs import STATES, Pairs
from zeek_beacons.readers import files

from .logs import (
    AWS,
    T0,
    assert_same,
    aws,
    aws_line,
    azure,
    azure_line,
    conn,
    conns,
    gcp,
    json_line,
    load,
    traffic,
)

VERSION_7 = (
    *("version", "vpc-id", "instance-id", "action", "tcp-flags", "type", "pkt-srcaddr", "pkt-dstaddr", "dstport"),
    *("srcport", "dstaddr", "srcaddr", "protocol", "bytes", "packets", "end", "start", "flow-direction", "log-status"),
    *("ecs-cluster-arn", "reject-reason"),
)


def aws_log(records: list[dict[str, Any]], fields: tuple[str, ...] | list[str] = AWS, header: bool = True) -> bytes:
    return (" ".join(fields).encode() + b"\n") * header + b"".join(aws_line(record, fields) for record in records)


def one_check_in_a_minute(n: int = 20) -> list[dict[str, Any]]:
    return conns([60.0 * at for at in range(n)], duration=2.0)


def shown(pairs: Pairs) -> list[tuple[float, float, float, str]]:
    """Start after T0, duration, bytes and state of each connection, of pairs that are one."""
    assert len(pairs) == 1
    states = [STATES[code] for code in pairs.state]
    return list(
        zip((pairs.start - T0).tolist(), pairs.duration.tolist(), pairs.orig_bytes.tolist(), states, strict=True)
    )


@pytest.mark.parametrize("fields", [AWS, VERSION_7], ids=["version 2", "version 7 in another order"])
def test_aws_by_its_header(fields: list[str], tmp_path: Path) -> None:
    records = [aws(row, **{"tcp-flags": 3}) for row in one_check_in_a_minute()]
    pairs, ingest = load(tmp_path, aws_log(records, fields), "flows.log")
    assert set(ingest.files.values()) == {"aws"}
    assert (pairs.orig_h[0], pairs.resp[0], pairs.resp_p[0], pairs.proto[0]) == ("10.0.0.5", "203.0.113.9", 443, "tcp")
    assert [row[:3] for row in shown(pairs)] == [(60.0 * at, 2.0, 300.0) for at in range(20)]


@pytest.mark.parametrize("timed", [False, True])
def test_aws_without_a_header_is_in_the_default_order(timed: bool, tmp_path: Path) -> None:
    records = [aws(row) for row in traffic(200)]
    plain, _ = load(tmp_path, aws_log(records), "a.log")
    lines = [(b"2026-01-01T00:00:00.000Z " * timed) + aws_line(record) for record in records]
    assert_same(plain, load(tmp_path, b"".join(lines), "b.log")[0])


def test_aws_in_parquet_is_the_same(tmp_path: Path) -> None:
    records = [aws(row, **{"tcp-flags": 2}) for row in traffic(200)]
    plain, _ = load(tmp_path, aws_log(records, [*AWS, "tcp-flags"]), "a.log")
    names = {name: name.replace("-", "_") for name in records[0]}
    stream = io.BytesIO()
    parquet.write_table(pa.table({new: [record[old] for record in records] for old, new in names.items()}), stream)
    pairs, ingest = load(tmp_path, stream.getvalue(), "a.parquet")
    assert set(ingest.files.values()) == {"aws"}
    assert_same(plain, pairs)


def test_aws_files_joined_with_their_headers_hold_no_bad_line(tmp_path: Path) -> None:
    data = aws_log([aws(row) for row in one_check_in_a_minute()])
    other = aws_log([aws(row) for row in conns([5.0, 65.0], id__orig_h="10.0.0.6")])
    _, ingest = load(tmp_path, data + other, "flows.log")
    assert (ingest.rows_used, ingest.rows_skipped) == (22, 0)


def test_aws_intervals_without_traffic_are_left_out(tmp_path: Path) -> None:
    nothing = dict.fromkeys(("srcaddr", "dstaddr", "srcport", "dstport", "protocol", "bytes", "action"))
    records = [
        *(aws(row) for row in one_check_in_a_minute()),
        aws(conn(0.0), **nothing, **{"log-status": "NODATA"}),
        aws(conn(0.0), **nothing, **{"log-status": "SKIPDATA"}),
    ]
    _, ingest = load(tmp_path, aws_log(records), "flows.log")
    assert ingest.outside == {"interval without traffic": 1, "interval that AWS left out": 1}
    assert not ingest.skipped


def test_aws_answers_are_known_by_their_flags(tmp_path: Path) -> None:
    """Between two high ports only the flags tell, and they overrule the ports."""
    ends = {"srcport": 8443, "dstport": 50_000}
    records = [aws(conn(0.0), **ends, **{"tcp-flags": 19}), aws(conn(9.0), srcport=50_000, dstport=8443)]
    records += [
        aws(conn(20.0), srcport=500, dstport=4500, **{"tcp-flags": 2}),
        aws(conn(30.0), srcport=443, dstport=4501),
    ]
    pairs, ingest = load(tmp_path, aws_log(records, [*AWS, "tcp-flags"]), "flows.log")
    assert pairs.resp_p.tolist() == [4500, 8443]
    assert ingest.outside == {"answering half of a flow": 2}


def test_aws_behind_a_nat_gateway_names_the_ends_of_the_packets(tmp_path: Path) -> None:
    given = {"pkt-srcaddr": "10.0.0.77", "pkt-dstaddr": "198.51.100.1"}
    records = [aws(conn(0.0), **given), aws(conn(60.0), **dict.fromkeys(given))]
    pairs, _ = load(tmp_path, aws_log(records, [*AWS, *given]), "flows.log")
    assert sorted(zip(pairs.orig_h, pairs.resp, strict=True)) == [
        ("10.0.0.5", "203.0.113.9"),
        ("10.0.0.77", "198.51.100.1"),
    ]


def every_minute(**given: Any) -> list[dict[str, Any]]:
    """One connection that something goes over all the time, as a record a minute."""
    return [conn(60.0 * at, duration=58.0, **given) for at in range(60)]


@pytest.mark.parametrize("proto", ["tcp", "udp"])
def test_a_long_flow_in_many_intervals_is_one_connection(proto: str, tmp_path: Path) -> None:
    rows = every_minute(proto=proto)
    by_aws, ingest = load(tmp_path, aws_log([aws(row) for row in rows]), "a.log")
    assert [row[:3] for row in shown(by_aws)] == [(0.0, 59 * 60 + 58.0, 300.0 * 60)]
    assert ingest.merged == 59
    by_gcp, _ = load(tmp_path, b"".join(json_line(gcp(row)) for row in rows), "g.json")
    assert [row[:3] for row in shown(by_gcp)] == [(0.0, 59 * 60 + 58.0, 300.0 * 60)]
    tuples = [azure(row, "B" if at == 0 else "E" if at == 59 else "C") for at, row in enumerate(rows)]
    by_azure, _ = load(tmp_path, azure_line(tuples), "z.json")
    assert shown(by_azure) == [(0.0, 59 * 60.0, 300.0 * 60, "SF" if proto == "tcp" else "")]


def test_datagrams_of_the_same_port_after_a_silence_are_another_connection(tmp_path: Path) -> None:
    rows = [conn(64.0 * at, id__orig_p=123, id__resp_p=123, proto="udp", duration=0.0) for at in range(10)]
    pairs, _ = load(tmp_path, aws_log([aws(row) for row in rows]), "a.log")
    assert pairs.conns.tolist() == [10]


def test_a_flow_that_begins_anew_with_a_syn_is_another_connection(tmp_path: Path) -> None:
    records = [aws(conn(60.0 * at, duration=1.0), **{"tcp-flags": 2}) for at in range(5)]
    pairs, _ = load(tmp_path, aws_log(records, [*AWS, "tcp-flags"]), "a.log")
    assert pairs.conns.tolist() == [5]


def nsg(row: dict[str, Any], decision: str = "A", state: str = "B") -> str:
    """A connection as the tuple of a network security group's flow log, version 2."""
    proto = {"tcp": "T", "udp": "U"}[row["proto"]]
    ends = (row["id.orig_h"], row["id.resp_h"], row["id.orig_p"], row["id.resp_p"])
    sizes = (4, row["orig_bytes"], 3, row["resp_bytes"]) if state != "B" else ("",) * 4
    return ",".join(map(str, (int(row["ts"]), *ends, proto, "O", decision, state, *sizes)))


def nsg_document(tuples: list[str], indent: int | None) -> bytes:
    flows = [{"rule": "r", "flows": [{"mac": "000D3AF87856", "flowTuples": tuples}]}]
    record = {"category": "NetworkSecurityGroupFlowEvent", "properties": {"Version": 2, "flows": flows}}
    return json.dumps({"records": [record, record | {"properties": {"flows": []}}]}, indent=indent).encode()


@pytest.mark.parametrize("indent", [None, 2])
def test_azure_security_groups_in_a_document_of_any_layout(
    indent: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = one_check_in_a_minute()
    tuples = [text for row in rows for text in (nsg(row), nsg(row | {"ts": row["ts"] + 2}, state="E"))]
    data = nsg_document(tuples, indent)
    pairs, ingest = load(tmp_path, data, "PT1H.json")
    assert set(ingest.files.values()) == {"azure"}
    assert shown(pairs) == [(60.0 * at, 2.0, 300.0, "SF") for at in range(20)]
    assert pairs.resp_bytes.tolist() == [1200.0] * 20
    monkeypatch.setattr(files, "BLOCK", 50)
    assert_same(pairs, load(tmp_path, data, "PT1H.json")[0])


@settings(max_examples=40, deadline=None)
@given(size=st.integers(1, 400), cut=st.integers(0, 2000), indent=st.sampled_from([None, 1]))
def test_an_azure_document_in_pieces_of_any_size_and_cut_anywhere(size: int, cut: int, indent: int | None) -> None:
    """What was whole before the cut is read; what the cut goes through is one bad row, or nothing at all."""
    rows = one_check_in_a_minute()
    data = nsg_document([nsg(row) for row in rows], indent)
    whole = data[: len(data) - cut]
    if b'"flowTuples"' not in whole:
        return
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(files, "BLOCK", size):
        _, ingest = load(Path(folder), whole, "PT1H.json")
    closed = b"]" in whole[whole.index(b'"flowTuples"') :]
    assert (ingest.rows_used, ingest.rows_skipped) == ((20, 0) if closed else (0, 1))


def test_azure_denied_flows_stay_as_attempts(tmp_path: Path) -> None:
    rows = one_check_in_a_minute(3)
    tuples = [nsg(rows[0], "D"), azure(rows[1], "D"), azure(rows[2])]
    pairs, _ = load(tmp_path, azure_line(tuples), "PT1H.json")
    assert [row[3] for row in shown(pairs)] == ["S0", "S0", "S1"]


def test_what_is_no_tuple_is_counted_and_numbered(tmp_path: Path) -> None:
    rows = one_check_in_a_minute()
    tuples = [azure(row) for row in rows]
    tuples[4] = tuples[4].replace(",443,", ",https,")
    tuples[7] = "1,2,3"
    data = azure_line(tuples).replace(b'"flowTuples": [', b'"flowTuples": [7, ') + b'{"flowTuples": ["1767225600,10.0'
    pairs, ingest = load(tmp_path, data, "PT1H.json")
    assert pairs.conns.tolist() == [18]
    assert {reason: skipped.examples[0][1] for reason, skipped in ingest.skipped.items()} == {
        "not a list of flow tuples": 21,
        "field resp_p is not a number": 5,
        "too few fields": 8,
        "the file ends inside a list of flow tuples": 21,
    }


def test_a_list_without_end_is_no_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from zeek_beacons.readers import azure_flows

    monkeypatch.setattr(files, "BLOCK", 100)
    monkeypatch.setattr(azure_flows, "LONGEST_LINE", 1000)
    with pytest.raises(InputError, match="in one list: not a log"):
        load(tmp_path, b'{"records": [{"flowTuples": [' + b'"x",' * 1000, "PT1H.json")


@pytest.mark.parametrize("envelope", [True, False])
def test_gcp_entries_and_payloads(envelope: bool, tmp_path: Path) -> None:
    entries = [gcp(row) for row in one_check_in_a_minute()]
    rows = entries if envelope else [entry["jsonPayload"] for entry in entries]
    pairs, ingest = load(tmp_path, b"".join(map(json_line, rows)), "vpc.json")
    assert set(ingest.files.values()) == {"gcp"}
    assert shown(pairs) == [(60.0 * at, 2.0, 300.0, "OTH") for at in range(20)]


def test_gcp_numbers_as_numbers_or_as_texts(tmp_path: Path) -> None:
    entries = [gcp(row) for row in one_check_in_a_minute()]
    texts, _ = load(tmp_path, b"".join(map(json_line, entries)), "a.json")
    for entry in entries:
        entry["jsonPayload"]["bytes_sent"] = int(entry["jsonPayload"]["bytes_sent"])
    assert_same(texts, load(tmp_path, b"".join(map(json_line, entries)), "b.json")[0])
    entries[3]["jsonPayload"]["bytes_sent"] = "many"
    entries[4]["jsonPayload"]["connection"] = "none"
    _, ingest = load(tmp_path, b"".join(map(json_line, entries)), "c.json")
    assert list(ingest.skipped) == [
        "field jsonPayload.bytes_sent is not a number",
        "field jsonPayload.connection is not an object",
    ]


def test_a_beacon_is_found_in_every_cloud(tmp_path: Path) -> None:
    from zeek_beacons.config import Config
    from zeek_beacons.pipeline import score
    from zeek_beacons.scoring import Scoring
    from zeek_beacons.verdicts import BEACON

    rng = np.random.default_rng(1)
    times = np.cumsum(60.0 + rng.uniform(-3, 3, 200)).round(3).tolist()
    rows = conns(times, duration=1.0, id__resp_h="198.51.100.77", id__resp_p=8443)
    scoring = Scoring.load()
    for name, data in (
        ("a.log", aws_log([aws(row) for row in rows])),
        ("z.json", azure_line([azure(row) for row in rows])),
        ("g.json", b"".join(json_line(gcp(row)) for row in rows)),
    ):
        pairs, _ = load(tmp_path, data, name)
        assert score(pairs, scoring, Config()).verdicts.label.tolist() == [BEACON], name


def test_folders_as_the_clouds_write_them(tmp_path: Path) -> None:
    from .logs import take

    rows = one_check_in_a_minute()
    for path, data in (
        ("aws/123_vpcflowlogs_eu-west-1_fl-1_20260101T0000Z_ab.log", aws_log([aws(row) for row in rows])),
        ("azure/y=2026/h=00/macAddress=00/PT1H.json", azure_line([azure(row) for row in rows])),
        ("gcp/2026/01/01/00:00:00_00:59:59_S0.json", b"".join(json_line(gcp(row)) for row in rows)),
    ):
        file = tmp_path / path
        file.parent.mkdir(parents=True)
        file.write_bytes(data)
        pairs, _ = take([tmp_path / path.split("/")[0]])
        assert pairs.conns.tolist() == [20], path
