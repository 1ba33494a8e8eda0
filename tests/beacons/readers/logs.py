"""Logs built in the test: rows as mappings, written in every format the readers know."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from zeek_beacons.config import Config
from zeek_beacons.keys import CHANNELS
from zeek_beacons.pairs import PROTOS, Pairs
from zeek_beacons.readers import Request, read
from zeek_beacons.readers.ingest import Ingest

T0 = 1_767_225_600.0  # 2026-01-01T00:00:00Z
Row = Mapping[str, Any]


def _words(text: str) -> list[str]:
    return text.split()


CONN = _words(
    "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto service duration orig_bytes resp_bytes conn_state history"
)
FLOW = _words("timestamp src_ip src_port direction dst_ip dst_port protocol total_bytes out_bytes duration_seconds")
EXPORT = {  # column of an export (UWF-ZeekData's names) -> of conn.log
    "community_id": "",
    "conn_state": "conn_state",
    "duration": "duration",
    "history": "history",
    "src_ip": "id.orig_h",
    "src_port": "id.orig_p",
    "dest_ip": "id.resp_h",
    "dest_port": "id.resp_p",
    "proto": "proto",
    "orig_bytes": "orig_bytes",
    "resp_bytes": "resp_bytes",
    "service": "service",
    "ts": "ts",
    "uid": "uid",
}
BINETFLOW = _words(
    "StartTime Dur Proto SrcAddr Sport Dir DstAddr Dport State sTos dTos TotPkts TotBytes SrcBytes Label"
)
CANDIDATE = _words(
    "ts uid id.orig_h id.orig_p id.resp_h id.resp_p proto resp service server_name conns named first_ts reason "
    "resp_hosts site_hosts local_orig local_resp name_conns dns_name dns_named site_tls_named "
    "cert_name cert_issuer cert_self_signed cert_valid cert_days cert_servers user_agent agent_hosts no_host intel "
    "starts durations orig_bytes resp_bytes states"
)


def conn(at: float = 0.0, **given: Any) -> dict[str, Any]:
    """A connection `at` seconds after T0; `given` by column, dots written as `__`. None leaves a value out."""
    row: dict[str, Any] = {
        "ts": T0 + at,
        "uid": f"C{at}",
        "id.orig_h": "10.0.0.5",
        "id.orig_p": 40_000,
        "id.resp_h": "203.0.113.9",
        "id.resp_p": 443,
        "proto": "tcp",
        "service": "ssl",
        "duration": 0.25,
        "orig_bytes": 300,
        "resp_bytes": 1200,
        "conn_state": "SF",
        "history": "ShADadFf",
    }
    return row | {name.replace("__", "."): value for name, value in given.items()}


def conns(times: Sequence[float], **given: Any) -> list[dict[str, Any]]:
    """Connections at these times, each from a port of its own."""
    return [conn(at, **({"id__orig_p": 40_000 + number} | given)) for number, at in enumerate(times)]


def tsv(rows: Sequence[Row], columns: Sequence[str] = CONN, log: str = "conn", close: bool = True) -> bytes:
    """A Zeek log with its headers."""
    end = b"#close\t2026-01-01-01-00-00\n" if close else b""
    return tsv_header(columns, log) + b"".join(tsv_line(row, columns) for row in rows) + end


def tsv_header(columns: Sequence[str] = CONN, log: str = "conn") -> bytes:
    text = "\t".join(columns)
    return (
        "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n"
        f"#path\t{log}\n#open\t2026-01-01-00-00-00\n#fields\t{text}\n#types\t{text}\n"
    ).encode()


def tsv_line(row: Row, columns: Sequence[str] = CONN) -> bytes:
    return ("\t".join(_tsv_value(row.get(name), name) for name in columns) + "\n").encode()


def _tsv_value(value: Any, name: str) -> str:
    if value is None:
        return "-"
    if isinstance(value, (list, tuple)):
        return ",".join(_tsv_value(element, name) for element in value) or "(empty)"
    return f"{value:.6f}" if isinstance(value, float) else str(value) or "(empty)"


def json_line(row: Row) -> bytes:
    return json.dumps({name: value for name, value in row.items() if value is not None}).encode() + b"\n"


def json_log(rows: Sequence[Row]) -> bytes:
    """A Zeek log as JSON lines; unset values are left out, as Zeek does."""
    return b"".join(map(json_line, rows))


def flow(row: Row) -> dict[str, Any]:
    """A connection as a row of the normalized CSV."""
    values = ("ts", "id.orig_h", "id.orig_p", "", "id.resp_h", "id.resp_p", "proto", "orig_bytes", "resp_bytes")
    return dict(zip(FLOW, [row.get(name) for name in (*values, "duration")], strict=True)) | {"direction": "->"}


def export(row: Row) -> dict[str, Any]:
    """A connection as a row of an export."""
    return {name: row.get(column) for name, column in EXPORT.items()}


def binetflow(row: Row, label: str = "flow=Background", **given: Any) -> dict[str, Any]:
    """A connection as a row of CTU-13."""
    sent, received = row.get("orig_bytes"), row.get("resp_bytes")
    values = {
        "StartTime": f"{datetime.fromtimestamp(row['ts'], UTC):%Y/%m/%d %H:%M:%S.%f}",
        "Dur": row.get("duration"),
        "Proto": row["proto"],
        "SrcAddr": row["id.orig_h"],
        "Sport": row["id.orig_p"],
        "Dir": "   ->",
        "DstAddr": row["id.resp_h"],
        "Dport": "0x0303" if row["proto"] == "icmp" else row["id.resp_p"],
        "State": {"SF": "FSPA_FSPA", "S0": "S_", "REJ": "S_RA"}.get(row.get("conn_state") or "", "CON"),
        "TotPkts": 4,
        "TotBytes": None if sent is None or received is None else sent + received,
        "SrcBytes": sent,
        "Label": label,
    }
    return values | given


def csv_line(row: Row, columns: Sequence[str] = FLOW) -> bytes:
    values = (row.get(name) for name in columns)
    texts = ("" if value is None else f"{value:.6f}" if isinstance(value, float) else str(value) for value in values)
    return ",".join(texts).encode() + b"\n"


def flow_csv(rows: Sequence[Row], columns: Sequence[str] = FLOW) -> bytes:
    return ",".join(columns).encode() + b"\n" + b"".join(csv_line(row, columns) for row in rows)


def candidate(times: Sequence[float], **given: Any) -> dict[str, Any]:
    """A line of beacon_candidates.log with observations at these times after T0."""
    starts = [T0 + at for at in times]
    row: dict[str, Any] = {
        "ts": starts[-1] + 1,
        "uid": "C1",
        "id.orig_h": "10.0.0.5",
        "id.orig_p": 40_000,
        "id.resp_h": "203.0.113.9",
        "id.resp_p": 443,
        "proto": "tcp",
        "resp": "203.0.113.9",
        "service": "ssl",
        "server_name": "",
        "conns": len(starts),
        "named": 0,
        "first_ts": min(starts),
        "reason": "count",
        "resp_hosts": 1,
        "site_hosts": 7,
        "starts": starts,
        "durations": [0.25] * len(starts),
        "orig_bytes": [300] * len(starts),
        "resp_bytes": [1200] * len(starts),
        "states": ["SF"] * len(starts),
    }
    return row | {name.replace("__", "."): value for name, value in given.items()}


def traffic(n: int = 400, seed: int = 1) -> list[dict[str, Any]]:
    """Connections of a small site in the order of their ends: pairs of all sizes, some values missing."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(n):
        proto = ("tcp", "tcp", "udp", "icmp")[rng.integers(4)]
        at = float(np.round(rng.uniform(0, 86_400), 6))
        rows.append(
            conn(
                at,
                uid=f"C{seed}x{number}",
                id__orig_h=f"10.0.0.{rng.integers(1, 6)}",
                id__orig_p=0 if proto == "icmp" else int(rng.integers(1024, 65_536)),
                id__resp_h=("203.0.113.9", "198.51.100.7", "2001:db8::7")[rng.integers(3)],
                id__resp_p=0 if proto == "icmp" else (53, 443)[rng.integers(2)],
                proto=proto,
                service=(None, "ssl", "http", "dns")[rng.integers(4)],
                duration=None if rng.random() < 0.2 else float(np.round(rng.exponential(30), 6)),
                orig_bytes=None if rng.random() < 0.2 else int(rng.integers(0, 10_000)),
                resp_bytes=None if rng.random() < 0.2 else int(rng.integers(0, 10_000)),
                conn_state=("SF", "S0", "REJ", "RSTO")[rng.integers(4)],
            )
        )
    return sorted(rows, key=lambda row: row["ts"] + (row["duration"] or 0.0))


AWS = _words(
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
)
NUMBER_OF = {"tcp": 6, "udp": 17, "icmp": 1}


def aws(row: Row, **given: Any) -> dict[str, Any]:
    """A connection as a record of a VPC flow log, by the names of its fields."""
    record: dict[str, Any] = {
        "version": 2,
        "account-id": "123456789010",
        "interface-id": "eni-0123456789abcdef0",
        "srcaddr": row["id.orig_h"],
        "dstaddr": row["id.resp_h"],
        "srcport": row["id.orig_p"],
        "dstport": row["id.resp_p"],
        "protocol": NUMBER_OF[row["proto"]],
        "packets": 4,
        "bytes": row.get("orig_bytes"),
        "start": int(row["ts"]),
        "end": int(row["ts"] + (row.get("duration") or 0.0)),
        "action": "ACCEPT",
        "log-status": "OK",
    }
    return record | given


def aws_line(record: Row, fields: Sequence[str] = AWS) -> bytes:
    values = (record.get(name) for name in fields)
    return " ".join("-" if value is None else str(value) for value in values).encode() + b"\n"


def azure(row: Row, state: str = "B") -> str:
    """A connection as the tuple of a virtual network's flow log."""
    sizes = ["" if row.get(name) is None else row[name] for name in ("orig_bytes", "resp_bytes")]
    values = (round(row["ts"] * 1000), row["id.orig_h"], row["id.resp_h"], row["id.orig_p"], row["id.resp_p"])
    return ",".join(map(str, (*values, NUMBER_OF[row["proto"]], "O", state, "NX", 4, sizes[0], 3, sizes[1])))


def azure_line(tuples: Sequence[str]) -> bytes:
    """A record of a flow log, on a line of its own."""
    record = {
        "time": "2026-01-01T00:00:00.0000000Z",
        "category": "FlowLogFlowEvent",
        "flowRecords": {"flows": [{"aclID": "0", "flowGroups": [{"rule": "r", "flowTuples": list(tuples)}]}]},
    }
    return json.dumps(record).encode() + b"\n"


def zulu(ts: float) -> str:
    return f"{datetime.fromtimestamp(ts, UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def gcp(row: Row, **given: Any) -> dict[str, Any]:
    """A connection as an entry of Cloud Logging."""
    connection = {"src_ip": row["id.orig_h"], "dest_ip": row["id.resp_h"], "protocol": NUMBER_OF[row["proto"]]}
    if row["proto"] != "icmp":
        connection |= {"src_port": row["id.orig_p"], "dest_port": row["id.resp_p"]}
    sent = row.get("orig_bytes")
    payload = {
        "connection": connection,
        "start_time": zulu(row["ts"]),
        "end_time": zulu(row["ts"] + (row.get("duration") or 0.0)),
        "bytes_sent": None if sent is None else str(sent),
        "packets_sent": "4",
        "reporter": "SRC",
    }
    return {"insertId": "1", "jsonPayload": payload | given, "logName": "projects/p/logs/vpc_flows"}


def eve(row: Row, **given: Any) -> dict[str, Any]:
    """A connection as Suricata's flow event."""

    def moment(ts: float) -> str:
        return zulu(ts).replace("Z", "+0000")

    event: dict[str, Any] = {
        "timestamp": moment(row["ts"] + 60),
        "flow_id": abs(hash((row["ts"], row["id.orig_p"]))) % 2**50,
        "event_type": "flow",
        "src_ip": row["id.orig_h"],
        "dest_ip": row["id.resp_h"],
        "proto": row["proto"].upper(),
        "flow": {
            "bytes_toserver": row.get("orig_bytes"),
            "bytes_toclient": row.get("resp_bytes"),
            "start": moment(row["ts"]),
            "end": moment(row["ts"] + (row.get("duration") or 0.0)),
            "age": int(row.get("duration") or 0),
            "state": "closed",
            "reason": "timeout",
        },
    }
    if row["proto"] == "icmp":
        return event | {"icmp_type": 8, "icmp_code": 0} | given
    event |= {"src_port": row["id.orig_p"], "dest_port": row["id.resp_p"]}
    if row["proto"] == "tcp":
        event["tcp"] = {"tcp_flags": "1b", "tcp_flags_ts": "1b", "tcp_flags_tc": "1b", "syn": True, "state": "closed"}
    return event | given


EVENT = _words(
    "event_id host_id timestamp src_ip src_port dst_ip dst_port protocol bytes_out bytes_in proc_name user "
    "signed_binary"
)


def event(row: Row, **given: Any) -> dict[str, Any]:
    """A connection as a row of an event table."""
    values = ("id.orig_h", "id.orig_p", "id.resp_h", "id.resp_p", "proto", "orig_bytes", "resp_bytes")
    ends = dict(zip(EVENT[3:10], [row.get(name) for name in values], strict=True))
    told = {"event_id": row["uid"], "host_id": "WS-001", "timestamp": row["ts"], "proc_name": "chrome.exe"}
    return told | ends | {"user": "user1", "signed_binary": 1} | given


def load(
    folder: Path, data: bytes, name: str = "conn.log", config: Config | None = None, **request: Any
) -> tuple[Pairs, Ingest]:
    """Writes a log into `folder` and reads it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(data)
    return take([path], config, **request)


def take(paths: Sequence[Path | str], config: Config | None = None, **request: Any) -> tuple[Pairs, Ingest]:
    """Reads these inputs."""
    pairs, ingest = read(Request([str(path) for path in paths], **request), config or Config())
    assert_accounted(ingest)
    assert_well_formed(pairs)
    return pairs, ingest


def assert_accounted(ingest: Ingest) -> None:
    """Every row is used, skipped, left out or a duplicate."""
    assert min(ingest.rows, ingest.rows_used, ingest.rows_skipped, ingest.duplicates, ingest.merged) >= 0
    assert ingest.rows == ingest.rows_used + ingest.rows_skipped + sum(ingest.outside.values()) + ingest.duplicates


def assert_well_formed(pairs: Pairs) -> None:
    assert (pairs.counts >= 1).all()
    assert (pairs.conns >= pairs.counts).all()
    assert ((pairs.named >= 0) & (pairs.named <= pairs.conns)).all()
    assert np.isfinite(pairs.start).all()
    inside = np.ones(len(pairs.start), dtype=np.bool_)
    inside[pairs.offsets[:-1]] = False
    assert (np.diff(pairs.start, prepend=-np.inf)[inside] >= 0).all(), "starts not sorted inside a pair"
    for channel in CHANNELS:
        of = pairs.take(np.flatnonzero(pairs.channel == channel))
        keys = list(zip(of.orig_h, of.resp, of.resp_p.tolist(), map(PROTOS.index, of.proto), strict=True))
        assert keys == sorted(set(keys)), channel


def assert_same(left: Pairs, right: Pairs) -> None:
    """Bit for bit, NaN included."""
    for field in fields(Pairs):
        one, other = getattr(left, field.name), getattr(right, field.name)
        assert one.dtype == other.dtype, field.name
        if one.dtype == np.float64:
            assert np.array_equal(one, other, equal_nan=True), field.name
        else:
            assert np.array_equal(one, other), field.name
