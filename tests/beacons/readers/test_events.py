"""Event tables of endpoints: published ones, Sysmon, Elastic, osquery; and what they tell of the process."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeek_beacons.errors import InputError
from zeek_beacons.pairs import PROCESS, Pairs
from zeek_beacons.readers.processes import file_name

from .logs import EVENT, T0, conns, csv_line, event, flow_csv, json_line, load

ROWS = conns([60.0 * at for at in range(8)])


def told(pairs: Pairs) -> tuple[str, str, str, float]:
    assert len(pairs) == 1
    return tuple(getattr(pairs, name)[0] for name in PROCESS)


def csv_of(rows: list[dict[str, Any]], columns: list[str]) -> bytes:
    return flow_csv(rows, columns)


def test_a_published_event_table(tmp_path: Path) -> None:
    columns = [
        *("event_id", "host_id", "timestamp", "src_ip", "dst_ip", "dst_port", "protocol", "bytes_out", "bytes_in"),
        *("inter_event_seconds", "proc_name", "user", "country_code", "signed_binary"),
    ]
    rows = [event(row, proc_name="rundll32.exe", signed_binary=0) for row in ROWS]
    pairs, ingest = load(tmp_path, csv_of(rows, columns), "events.csv")
    assert set(ingest.files.values()) == {"events"}
    assert told(pairs) == ("rundll32.exe", "", "user1", 0.0)
    assert (pairs.start - T0).tolist() == [60.0 * at for at in range(8)]
    assert (pairs.orig_bytes.tolist(), pairs.resp_bytes.tolist()) == ([300.0] * 8, [1200.0] * 8)


def sysmon(row: dict[str, Any], **given: Any) -> dict[str, Any]:
    at = int(row["ts"] - T0)
    return {
        "UtcTime": f"2026-01-01 00:{at // 60:02d}:{at % 60:02d}.000",
        "Image": r"C:\Windows\System32\WindowsPowerShell\v1.0\PowerShell.exe",
        "User": r"NT AUTHORITY\SYSTEM",
        "Protocol": "tcp",
        "SourceIp": "10.0.0.5",
        "SourcePort": str(row["id.orig_p"]),
        "DestinationIp": "203.0.113.9",
        "DestinationPort": "443",
        "DestinationHostname": "c2.example",
    } | given


def test_sysmon_as_csv(tmp_path: Path) -> None:
    rows = [{"EventID": 3} | sysmon(row) for row in ROWS] + [{"EventID": 1, "Image": "x.exe", "UtcTime": "2026-01-01"}]
    pairs, ingest = load(tmp_path, csv_of(rows, [*rows[0]]), "sysmon.csv")
    assert pairs.resp.tolist() == ["203.0.113.9", "c2.example"]
    assert pairs.process.tolist() == ["powershell.exe"] * 2
    assert pairs.user.tolist() == [r"NT AUTHORITY\SYSTEM"] * 2
    assert ingest.outside == {"event other than a connection": 1}


def test_sysmon_as_an_agent_ships_it(tmp_path: Path) -> None:
    rows = [{"@timestamp": "x", "winlog": {"event_id": 3, "event_data": sysmon(row)}} for row in ROWS]
    pairs, ingest = load(tmp_path, b"".join(json_line(row) for row in rows), "winlogbeat.json")
    assert pairs.process.tolist() == ["powershell.exe"] * 2
    assert (pairs.start[:8] - T0).tolist() == [60.0 * at for at in range(8)]
    assert not ingest.skipped


def elastic(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "@timestamp": f"2026-01-01T00:{int(row['ts'] - T0) // 60:02d}:00.000Z",
        "event": {"code": 3, "category": ["network"]},
        "source": {"ip": "10.0.0.5", "port": row["id.orig_p"], "bytes": 300},
        "destination": {"ip": "203.0.113.9", "port": 443, "bytes": 1200},
        "network": {"transport": "tcp"},
        "process": {
            "executable": "C:\\Program Files\\App\\App.EXE",
            "parent": {"name": "winword.exe"},
            "code_signature": {"trusted": False},
        },
        "user": {"name": "ann"},
    }


@pytest.mark.parametrize("around", [None, "_source"])
def test_elastic_documents(around: str | None, tmp_path: Path) -> None:
    rows = [{around: elastic(row)} if around else elastic(row) for row in ROWS]
    pairs, ingest = load(tmp_path, b"".join(json_line(row) for row in rows), "elastic.json")
    assert told(pairs) == ("app.exe", "winword.exe", "ann", 0.0)
    assert (pairs.conns[0], pairs.orig_bytes[0], ingest.rows_skipped) == (8, 300.0, 0)


def test_osquery_names_its_own_end_first(tmp_path: Path) -> None:
    rows = [
        {
            "name": "sockets",
            "unixTime": int(row["ts"]),
            "columns": {
                "action": action,
                "path": "/usr/bin/python3",
                "local_address": "10.0.0.5",
                "local_port": port,
                "remote_address": "203.0.113.9",
                "remote_port": other,
                "protocol": "6",
            },
        }
        for row in ROWS
        for action, port, other in (("connect", str(row["id.orig_p"]), "443"), ("accept", "22", "50000"))
    ]
    pairs, _ = load(tmp_path, b"".join(json_line(row) for row in rows), "osquery.json")
    ends = list(zip(pairs.orig_h, pairs.resp, pairs.resp_p.tolist(), pairs.process, strict=True))
    assert ends == [("10.0.0.5", "203.0.113.9", 443, "python3"), ("203.0.113.9", "10.0.0.5", 22, "python3")]


def test_the_newest_connection_speaks_for_the_pair(tmp_path: Path) -> None:
    names = ["a.exe", "", "b.exe", "c.exe", None, None, None, None]
    rows = [event(row, proc_name=name, user="", signed_binary="") for row, name in zip(ROWS, names, strict=True)]
    for order in (rows, rows[::-1]):
        pairs, _ = load(tmp_path, csv_of(order, EVENT), "events.csv")
        assert told(pairs)[:3] == ("c.exe", "", "")
        assert np.isnan(pairs.signed[0])


def test_logs_without_processes_know_none(tmp_path: Path) -> None:
    pairs, _ = load(tmp_path, flow_csv([dict.fromkeys(["x"])] * 0), "f.csv")
    assert len(pairs) == 0
    from .logs import tsv

    pairs, _ = load(tmp_path, tsv(ROWS))
    assert told(pairs)[:3] == ("", "", "")
    assert np.isnan(pairs.signed[0])


def test_a_missing_column_is_named_with_what_there_is(tmp_path: Path) -> None:
    rows = [json.loads(json_line(elastic(row))) for row in ROWS]
    for row in rows:
        del row["network"]
    with pytest.raises(InputError, match=r"required column missing: proto .* the file has: .*source\.ip"):
        load(tmp_path, b"".join(json_line(row) for row in rows), "elastic.json")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (r"C:\Windows\System32\RunDLL32.exe", "rundll32.exe"),
        ("/usr/bin/python3", "python3"),
        ("chrome.exe", "chrome.exe"),
        ("", ""),
        ("C:\\", "c:"),
    ],
)
def test_names_of_files(path: str, name: str) -> None:
    assert file_name(path) == name


@settings(max_examples=60, deadline=None)
@given(process=st.text(max_size=200), user=st.text(max_size=200), signed=st.text(max_size=8))
def test_what_strangers_call_themselves_is_short_and_printable(process: str, user: str, signed: str) -> None:
    row = {"proc_name": process, "user": user, "signed_binary": signed}
    lines = [json_line(event(one, **row)) for one in ROWS]
    if not process:
        return
    with tempfile.TemporaryDirectory() as folder:
        pairs, _ = load(Path(folder), b"".join(lines), "events.json")
    for name in PROCESS[:-1]:
        for text in getattr(pairs, name):
            assert len(text) <= 120
            assert text.isascii()
            assert not text or text.isprintable()


def test_csv_line_matches_header() -> None:
    assert csv_line(event(ROWS[0]), EVENT).count(b",") == len(EVENT) - 1
