"""Rows of logs as batches, and what is held against them on both sides."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeek_beacons.config import Config
from zeek_beacons.errors import ConfigError, InputError
from zeek_beacons.live.forward import batches as module
from zeek_beacons.live.forward.batches import LogBatch, bad_rows, batches, checked, is_log, parted
from zeek_beacons.live.forward.buffer import ForwardBuffer

from ...readers.logs import CONN, conn, json_log, tsv

ROWS = [conn(float(number)) for number in range(50)]
FLOWS = "ts,src_ip,dst_ip,dst_port,protocol\n1,10.0.0.1,203.0.113.1,443,tcp\n2,10.0.0.1,nowhere,443,tcp\n"


def test_a_slice_becomes_batches_that_hold_it(monkeypatch: pytest.MonkeyPatch) -> None:
    data = tsv(ROWS, CONN, "conn", close=False)
    monkeypatch.setattr(module, "LARGEST", 1000)
    found, too_long = batches("conn", data)
    assert (len(found) > 3, too_long) == (True, 0)
    assert all(one.size <= 1000 and one.header.startswith(b"#separator") for one in found)
    assert found[0].header + b"".join(one.rows for one in found) == data
    assert sum(one.count for one in found) == len(ROWS)
    assert parted("conn", found[0].header + found[0].rows) == found[0]


def test_a_row_that_is_too_long_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", 100)
    found, too_long = batches("dns", b'{"a":1}\n' + b'{"a":"' + b"x" * 200 + b'"}\n' + b'{"a":2}\n')
    assert [one.rows for one in found] == [b'{"a":1}\n', b'{"a":2}\n']
    assert too_long == 1


def test_a_stream_of_all_logs_is_parted_by_log() -> None:
    lines = b'{"_path":"conn","n":1}\n{"_path":"files"}\n'
    lines += b'{"uri":"x\\"_path\\":\\"ssl","_path":"http"}\n{"_path":"conn","n":2}\n'
    found, _ = batches("stream", lines)
    assert {one.log: one.count for one in found} == {"conn": 2, "http": 1}


def test_bad_rows_are_named_by_their_number() -> None:
    rows = [conn(1.0), conn(2.0, id__resp_h="nowhere"), conn(3.0, id__resp_p=70_000), conn(4.0)]
    for data in (tsv(rows, CONN, "conn", close=False), json_log(rows)):
        batch = parted("conn", data)
        found = bad_rows(batch, Config())
        assert [(one.row, one.problem.split()[0]) for one in found] == [(2, "responder"), (3, "responder")]
        good, bad = checked(batch, Config())
        assert (good.count, len(bad)) == (2, 2)
    cut = LogBatch("ssl", b"", b'{"uid":"C1"}\n{"uid":\n{"uid":"C2"}\n')
    assert [one.row for one in bad_rows(cut, Config())] == [2]
    assert [one.row for one in bad_rows(parted("flows", FLOWS.encode()), Config())] == [2]


def test_what_cannot_be_read_at_all_says_so() -> None:
    with pytest.raises(InputError):
        bad_rows(LogBatch("conn", b"", b"1\t2\t3\n"), Config())
    good, bad = checked(LogBatch("conn", b"", b"1\t2\t3\n"), Config())
    assert (good.rows, len(bad)) == (b"", 1)


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(["conn", "ssl", "dns", "x509", "flows", "eve", "aws", "gcp", "exports"]), st.binary(max_size=300)
)
def test_whatever_comes_is_read_or_refused(log: str, data: bytes) -> None:
    batch = parted(log, data + b"\n")
    good, bad = checked(batch, Config())
    assert good.count + len(bad) >= 0
    if good.rows:
        assert not bad_rows(good, Config())


def test_names_of_logs() -> None:
    assert all(map(is_log, ("conn", "ssl", "x509", "flows", "aws")))
    assert not any(map(is_log, ("", "files", "conn.log", "../conn", "stream", "candidates")))


def test_the_buffer_keeps_batches_and_progress_together(tmp_path: Path) -> None:
    file = tmp_path / "b.sqlite"
    buffer = ForwardBuffer.open(file, 10_000)
    one, other = LogBatch("conn", b"#h\n", b"1\n2\n"), LogBatch("ssl", b"", b"3\n")
    buffer.add([one, other], {"f": 7})
    stream = buffer.stream
    buffer.close()
    again = ForwardBuffer.open(file, 10_000)
    assert (again.stream, again.progress(), again.batches) == (stream, {"f": 7}, 2)
    first = again.first()
    assert first is not None
    assert first.batch == one
    again.sent(first.seq)
    again.replace(first.seq + 1, other.without({1}))
    left = again.first()
    assert left is not None
    assert (left.seq, left.batch.rows) == (first.seq + 1, b"")
    again.sent(left.seq)
    assert (again.first(), again.bytes, again.batches) == (None, 0, 0)
    again.add([one], {"f": 9})
    found = again.first()
    assert found is not None
    assert found.seq == left.seq + 1  # a number is never given twice, not even when the buffer was empty
    again.close()


def test_another_file_is_no_buffer(tmp_path: Path) -> None:
    file = tmp_path / "b.sqlite"
    file.write_bytes(b"no database" * 100)
    with pytest.raises(ConfigError, match="is no buffer"):
        ForwardBuffer.open(file, 1)
    file.unlink()
    db = sqlite3.connect(file)
    db.executescript("CREATE TABLE x (y); PRAGMA user_version = 3;")
    db.close()
    with pytest.raises(ConfigError, match="is no buffer"):
        ForwardBuffer.open(file, 1)
