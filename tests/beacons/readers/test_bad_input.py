"""Awkward input: each gives one clear error or a counted skip, with the right line, and in time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zeek_beacons.errors import InputError
from zeek_beacons.readers import files
from zeek_beacons.readers.ingest import Ingest

from .logs import conn, conns, flow, flow_csv, json_line, json_log, load, take, tsv, tsv_header, tsv_line
from .samples import samples

PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(range(256))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"\n \n\r\n", "the file is empty"),
        (PNG, "unknown content"),
        (b"<!DOCTYPE html>\n<html><body>404</body></html>\n", "unknown content"),
        (b"just some words\n", "unknown content"),
        (b"a,b,c\n1,2,3\n", "unknown content"),
        (b"a,b\rc,d\r1,2\r", "unknown content"),
        (b"[1, 2, 3]\n", "unknown content"),
        (b"{}\n", "unknown content"),
        (b'{"a": ' * 5000, "unknown content"),
        (b"# a comment\n", "unknown content"),
        (b"#separator \n#fields\n", "unknown content"),
        (b"\x1f\x8bnot gzip at all", "damaged or cut short"),
        (b"\x28\xb5\x2f\xfdnot zstd", "damaged or cut short"),
        (b"\xff\xfe" + "timestamp,src_ip".encode("utf-16-le"), "text in UTF-16"),
    ],
)
def test_what_is_no_log_is_refused_by_name(data: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message) as error:
        load(tmp_path, data, "some.log")
    assert error.value.path.endswith("some.log")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("form", ["conn", "flows", "candidates"])
@pytest.mark.parametrize("data", [PNG, b"{", b'{"ts":', b"\r", b'"', b"#fields\tts\n", b"x\n", b'{"a":' * 2000])
def test_a_forced_format_fails_clearly_or_counts(form: str, data: bytes, tmp_path: Path) -> None:
    path, used = str(tmp_path / "some.log"), 0
    try:
        used = load(tmp_path, data, "some.log", form=form)[1].rows_used
    except InputError as error:
        path = error.path
    assert (path, used) == (str(tmp_path / "some.log"), 0)


def test_formats_are_not_mixed_in_one_call(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(tsv(conns([0.0])))
    (tmp_path / "b.csv").write_bytes(flow_csv([flow(conn(0.0))]))
    with pytest.raises(InputError, match=r"different formats in one call .*a\.log is conn.*b\.csv is flows"):
        take([tmp_path / "a.log", tmp_path / "b.csv"])


BAD_ROWS: list[tuple[dict[str, Any], str]] = [
    ({"ts": None}, "start time missing or impossible"),
    ({"ts": "nan"}, "start time missing or impossible"),
    ({"ts": "inf"}, "start time missing or impossible"),
    ({"ts": "1e300"}, "start time missing or impossible"),
    ({"id.orig_h": "host.example"}, "originator is no address"),
    ({"id.orig_h": None}, "originator is no address"),
    ({"id.resp_h": "1.2.3.256"}, "responder is no address"),
    ({"id.resp_p": 70_000}, "responder port missing or over 65535"),
    ({"id.resp_p": None}, "responder port missing or over 65535"),
    ({"id.resp_p": -1}, "responder port missing or over 65535"),
    ({"id.resp_p": "1e99"}, "responder port missing or over 65535"),
    ({"id.resp_p": "80.5"}, "responder port missing or over 65535"),
    ({"id.orig_p": 65_536}, "originator port over 65535"),
    ({"duration": -0.5}, "duration negative or impossible"),
    ({"duration": "inf"}, "duration negative or impossible"),
    ({"duration": "1e308"}, "duration negative or impossible"),
    ({"orig_bytes": -1}, "byte count negative or impossible"),
    ({"resp_bytes": "inf"}, "byte count negative or impossible"),
    ({"resp_bytes": "1e200"}, "byte count negative or impossible"),
    ({"id.resp_p": "https"}, "field id.resp_p is not a number"),
    ({"duration": "1_000"}, "field duration is not a number"),
    ({"orig_bytes": "0x10"}, "field orig_bytes is not a number"),
]


@pytest.mark.parametrize(("bad", "reason"), BAD_ROWS, ids=lambda value: str(value))
def test_an_impossible_value_is_skipped_with_line_and_text(bad: dict[str, Any], reason: str, tmp_path: Path) -> None:
    row = conn(60.0, uid="CBAD") | bad
    pairs, ingest = load(tmp_path, tsv([conn(0.0), row, conn(120.0)]))
    assert pairs.conns.tolist() == [2]
    ((found, skipped),) = ingest.skipped.items()
    ((path, line, text),) = skipped.examples
    assert (found, skipped.rows, line) == (reason, 1, 10)
    assert path.endswith("conn.log")
    assert "CBAD" in text


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"1\t2\n", "too few fields"),
        (tsv_line(conn(0.0))[:-1] + b"\tmore\n", "too many fields"),
        (tsv_line(conn(0.0)).replace(b"ssl", b"s\x00l"), "line holds a NUL byte"),
        (tsv_line(conn(0.0)).replace(b"ssl", b"\xff\xfe"), "not valid UTF-8"),
        (tsv_line(conn(0.0)).replace(b"ssl", b"x" * 10_000_000), "line too long"),
        (tsv_line(conn(0.0))[:-1] + b"\r" + tsv_line(conn(0.0)), "too many fields"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_line_of_a_tsv(line: bytes, reason: str, tmp_path: Path) -> None:
    good = [tsv_line(row) for row in conns([0.0, 60.0])]
    pairs, ingest = load(tmp_path, tsv_header() + good[0] + b"\n" + line + good[1])
    assert pairs.conns.tolist() == [2]
    ((found, skipped),) = ingest.skipped.items()
    assert (found, skipped.rows, skipped.examples[0][1]) == (reason, 1, 11)
    assert len(skipped.examples[0][2]) < 200
    assert skipped.examples[0][2].isprintable()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"not json\n", "not a valid JSON object"),
        (b"[1]\n", "not a valid JSON object"),
        (b"5\n", "not a valid JSON object"),
        (b'{"ts": 1\n', "not a valid JSON object"),
        (json_line(conn(0.0)).replace(b"ssl", b"\xff"), "not valid UTF-8"),
        (json_line(conn(0.0)).replace(b"ssl", b"\x00"), "line holds a NUL byte"),
        (json_line(conn(0.0)).replace(b"ssl", b"y" * 10_000_000), "line too long"),
        (json_line(conn(0.0))[:-1] * 2 + b"\n", "not a valid JSON object"),
        (b'{"ts": 1, "ts": 2}\n', "line does not parse"),
        (b'{"ts": 1e999}\n', "line does not parse"),
        (b'{"uid": ' + b"[" * 100_000 + b"]" * 100_000 + b"}\n", "start time missing or impossible"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_line_of_json(line: bytes, reason: str, tmp_path: Path) -> None:
    good = [json_line(row) for row in conns([0.0, 60.0])]
    pairs, ingest = load(tmp_path, good[0] + b"\n" + line + good[1])
    assert pairs.conns.tolist() == [2]
    ((found, skipped),) = ingest.skipped.items()
    assert (found, skipped.rows, skipped.examples[0][1]) == (reason, 1, 3)


def test_a_null_at_the_start_of_many_lines_is_one_bad_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [json_line(row) for row in conns([60.0 * at for at in range(1200)])]
    monkeypatch.setattr(files, "BLOCK", len(b"".join(rows[:600])))
    _, ingest = load(tmp_path, b"".join([*rows[:600], b"null\n", *rows[600:]]))
    assert (ingest.rows_used, ingest.rows_skipped) == (1200, 1)


def test_quotes_of_a_csv_do_not_swallow_the_next_lines(tmp_path: Path) -> None:
    lines = flow_csv([flow(row) for row in conns([0.0, 60.0, 120.0, 180.0])]).splitlines(keepends=True)
    broken = [lines[0], lines[1], lines[2].replace(b"tcp", b'"tcp'), lines[3], lines[4].replace(b"tcp", b'"tcp"')]
    pairs, ingest = load(tmp_path, b"".join(broken), "f.csv")
    assert pairs.conns.tolist() == [3]
    assert [skipped.examples[0][1] for skipped in ingest.skipped.values()] == [3]


def test_a_bad_neighbour_changes_nothing_for_good_rows(tmp_path: Path) -> None:
    for sample in samples(100).values():
        plain, _ = load(tmp_path / "a", sample.data, sample.name)
        spoiled = sample.header + b"".join(line + b"\x00bad\n" for line in sample.lines)
        pairs, ingest = load(tmp_path / "b", spoiled, sample.name)
        assert pairs.start.tolist() == plain.start.tolist()
        between_lists = sample.name == "PT1H.json"  # of Azure's documents only what stands in lists of flows is read
        assert ingest.rows_skipped == (0 if between_lists else len(sample.lines))


def test_line_numbers_hold_across_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "BLOCK", 1000)
    rows = [conn(float(at), id__resp_p=99_999 if at == 150 else "x" if at == 170 else 443) for at in range(200)]
    ingest = load(tmp_path, tsv(rows))[1]
    assert [skipped.examples[0][1] for skipped in ingest.skipped.values()] == [8 + 151, 8 + 171]


def test_a_line_without_end_is_no_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LONGEST_LINE", 1000)
    monkeypatch.setattr(files, "BLOCK", 100)
    with pytest.raises(InputError, match=r"conn\.log:11: a line of more than"):
        load(tmp_path, tsv(conns([0.0]), close=False) + b"\n" + b"x" * 3000)


def test_examples_are_few_and_printable(tmp_path: Path) -> None:
    rows = [conn(float(at), uid=f"\x1b[31m{at}", id__resp_p=70_000) for at in range(50)]
    (skipped,) = load(tmp_path, tsv(rows))[1].skipped.values()
    assert (skipped.rows, len(skipped.examples)) == (50, 3)
    assert all("\x1b" not in text for _, _, text in skipped.examples)


@pytest.mark.parametrize("form", ["tsv", "json"])
def test_many_bad_lines_take_seconds(form: str, tmp_path: Path) -> None:
    rows = [conn(float(at), id__resp_p=443 if at % 2 else f"x{at}") for at in range(20_000)]
    data = tsv(rows) if form == "tsv" else json_log(rows)
    began = time.process_time()
    pairs, ingest = load(tmp_path, data)
    assert time.process_time() - began < 10
    assert (pairs.conns.tolist(), ingest.rows_skipped) == ([10_000], 10_000)


def test_strict_names_file_line_and_text() -> None:
    with pytest.raises(InputError, match=r"^a\.log:7: too few fields: x y$"):
        Ingest(strict=True).skip("too few fields", "a.log", 7, "x\ty")


def test_the_summary_adds_up(tmp_path: Path) -> None:
    rows = [*conns([0.0, 60.0]), conn(0.0, id__resp_p=70_000), conn(0.0, proto="sctp"), *conns([0.0])]
    summary = load(tmp_path, tsv(rows))[1].summary()
    assert (summary["rows"], summary["used"], summary["duplicates"]) == (5, 2, 1)
    assert summary["left_out"] == {"protocol other than tcp, udp, icmp": 1}
    assert np.isclose(summary["last"] - summary["first"], 60.0)
