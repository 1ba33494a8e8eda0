"""What cannot be read is named with its cause and its cure; what only looks so is read."""

from __future__ import annotations

import bz2
import json
import lzma
from pathlib import Path

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.readers import Request, read
from zeek_beacons.readers.ingest import Ingest

from .logs import CONN, T0, conns, flow, flow_csv, tsv

LOG = tsv(conns([0.0, 60.0, 120.0]))
FLOWS = flow_csv([flow(row) for row in conns([0.0, 60.0, 120.0])])
ENTRY = {"insertId": "1", "jsonPayload": {"connection": {"src_ip": "10.0.0.5"}}}


def bare(log: bytes) -> bytes:
    return b"".join(line for line in log.splitlines(keepends=True) if not line.startswith(b"#"))


@pytest.mark.parametrize(
    ("content", "cause", "cure"),
    [
        (bz2.compress(LOG), "packed with bzip2", "bunzip2"),
        (lzma.compress(LOG), "packed with xz", "unxz"),
        (FLOWS.decode().encode("utf-16"), "text in UTF-16", "iconv -f UTF-16"),
        (FLOWS.decode().encode("utf-16-le"), "text in UTF-16", "iconv -f UTF-16"),
        (b"[\n" + json.dumps(ENTRY).encode() + b"\n]\n", "in one JSON array", "jq -c '.[]'"),
        (
            b"eni-1 10.0.0.5 203.0.113.9 40000 443 6 300 1767225600\n",
            "separated by spaces without a header",
            "in front",
        ),
        (FLOWS.replace(b",", b";"), "separated by `;`", "convert it"),
        (bare(LOG), "without its header", "in front"),
        (FLOWS.split(b"\n", 1)[1], "a CSV without a header", "timestamp,src_ip"),
        (
            json.dumps({"preview": False, "result": {"id.orig_h": "10.0.0.5"}}).encode(),
            "inside `result`",
            "jq -c .result",
        ),
    ],
)
def test_cause_and_cure_are_named(content: bytes, cause: str, cure: str, tmp_path: Path) -> None:
    file = tmp_path / "some.log"
    file.write_bytes(content)
    with pytest.raises(InputError) as error:
        read(Request([str(file)]), Config())
    assert cause in str(error.value)
    assert cure in str(error.value)


def test_a_folder_of_packed_logs_says_so(tmp_path: Path) -> None:
    (tmp_path / "conn.log.bz2").write_bytes(bz2.compress(LOG))
    with pytest.raises(InputError, match=r"conn\.log\.bz2 is packed in a way that is not read: unpack it first"):
        read(Request([str(tmp_path)]), Config())


def stream(names_first: bool) -> bytes:
    """All logs in one file: connections, and what ssl, http and dns say beside them."""
    rows = [{"_path": "conn"} | row for row in conns([60.0 * n for n in range(8)])]
    said = [{"_path": "ssl", "ts": T0, "uid": rows[n]["uid"], "server_name": "c2.example"} for n in range(7)]
    said += [{"_path": "http", "ts": T0, "uid": rows[7]["uid"], "host": "c2.example:443"}]
    said += [
        {"_path": "dns", "ts": T0 - 9, "uid": "Cx", "id.orig_h": rows[0]["id.orig_h"], "query": "looked-up.example"}
    ]
    said[-1] |= {"qtype_name": "A", "answers": [rows[0]["id.resp_h"]], "TTLs": [300.0]}
    both = said + rows if names_first else rows + said
    return "".join(json.dumps(row) + "\n" for row in both).encode()


@pytest.mark.parametrize("names_first", [True, False])
def test_names_in_a_stream_of_all_logs_are_joined(names_first: bool, tmp_path: Path) -> None:
    file = tmp_path / "all.json"
    file.write_bytes(stream(names_first))
    pairs, ingest = read(Request([str(file)]), Config())
    assert sorted(pairs.resp[pairs.is_named]) == ["c2.example"]
    assert pairs.named.tolist() == [8, 8]
    assert pairs.dns_name[~pairs.is_named].tolist() == ["looked-up.example"]
    assert ingest.outside == {"row of another log": 9}


def test_a_stream_from_a_pipe_says_that_names_are_missing(tmp_path: Path) -> None:
    import os
    import threading

    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(stream(False),))
    writer.start()
    pairs, ingest = read(Request([str(pipe)]), Config())
    writer.join()
    assert not pairs.is_named.any()
    assert "names in a stream of all logs are joined from a file, not from a pipe" in ingest.notes


@pytest.mark.parametrize("text", [False, True])
def test_the_time_of_a_splunk_export_is_read(text: bool, tmp_path: Path) -> None:
    rows = conns([60.0 * n for n in range(8)])
    for row in rows:
        at = row.pop("ts")
        row["_time"] = f"2026-01-01T00:{int(at - T0) // 60:02d}:00.000+00:00" if text else at
    log = tmp_path / "export.json"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = tmp_path / "export.csv"
    columns = ["_time", *(name for name in CONN if name != "ts")]
    lines = [",".join(columns), *(",".join(str(row.get(name, "")) for name in columns) for row in rows)]
    table.write_text("\n".join(lines) + "\n")
    for file in (log, table):
        pairs, _ingest = read(Request([str(file)]), Config())
        np.testing.assert_allclose(pairs.start, [T0 + 60.0 * n for n in range(8)])


def test_the_span_is_that_of_the_time_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "conn.log"
    file.write_bytes(tsv(conns([60.0 * n for n in range(100)])))
    _pairs, ingest = read(Request([str(file)], begin=T0 + 600, until=T0 + 1200), Config())
    assert ingest.first_us == (T0 + 600) * 1e6
    assert ingest.last_us == (T0 + 1140) * 1e6
    assert isinstance(ingest, Ingest)
    assert ingest.outside == {"outside the time range": 90}
