"""What conn.log alone knows: headers of its own, several of them, JSON streams, damaged ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zeek_beacons.errors import InputError
from zeek_beacons.pairs import STATES

from .logs import CONN, T0, assert_same, conn, conns, json_line, json_log, load, traffic, tsv, tsv_header, tsv_line


def test_several_headers_in_one_file_each_rule_their_rows(tmp_path: Path) -> None:
    rows = traffic(60)
    plain, _ = load(tmp_path, tsv(rows))
    data = tsv(rows[:20]) + tsv(rows[20:40], CONN[::-1], close=False) + tsv(rows[40:], [*CONN, "extra"])
    pairs, ingest = load(tmp_path, data)
    assert_same(plain, pairs)
    assert ingest.rows == 60


def test_the_header_names_separator_unset_and_empty(tmp_path: Path) -> None:
    rows = [conn(0.0, service="", duration=None), conn(60.0, service="", duration=None)]
    plain, _ = load(tmp_path, tsv(rows))
    text = tsv(rows).decode().replace("\t", "|").replace("\\x09", "\\x7c").replace("(empty)", "EMPTY")
    odd, ingest = load(tmp_path, text.replace("|-|", "|NIL|").replace("unset_field|-", "unset_field|NIL").encode())
    assert_same(plain, odd)
    assert (ingest.rows_used, odd.service[0]) == (2, "")


def test_a_half_written_last_line_is_counted(tmp_path: Path) -> None:
    for whole in (tsv(conns([0.0, 60.0, 120.0]), close=False), json_log(conns([0.0, 60.0, 120.0]))):
        pairs, ingest = load(tmp_path, whole[:-20])
        assert pairs.conns.tolist() == [2]
        (skipped,) = ingest.skipped.values()
        assert list(ingest.skipped) == ["last line is incomplete"]
        assert skipped.examples[0][1] == whole.count(b"\n")


def test_states_are_kept(tmp_path: Path) -> None:
    rows = [conn(float(code), conn_state=state or None, history="ShR") for code, state in enumerate(STATES)]
    pairs, _ = load(tmp_path, tsv([*rows, conn(99.0, conn_state="NEW")]))
    assert pairs.state.tolist() == [*range(len(STATES)), 0]


def test_json_with_path_and_streaming_fields(tmp_path: Path) -> None:
    rows = conns([0.0, 60.0])
    plain, _ = load(tmp_path, json_log(rows))
    stream = [{"_path": "conn", "_write_ts": "2026-01-01T00:00:00Z"} | row for row in rows]
    assert_same(plain, load(tmp_path, json_log(stream))[0])


def test_rows_of_other_logs_in_a_json_stream_are_left_out(tmp_path: Path) -> None:
    dns = {"_path": "dns"} | conn(30.0, proto="udp", id__resp_p=53)
    weird = {"_path": "weird", "ts": T0, "name": "active_connection_reuse"}
    pairs, ingest = load(
        tmp_path, json_log([{"_path": "conn"} | conn(0.0), dns, weird, {"_path": "conn"} | conn(60.0)])
    )
    assert pairs.conns.tolist() == [2]
    assert ingest.outside == {"row of another log": 2}
    assert not ingest.skipped


def test_another_log_after_the_first_is_refused(tmp_path: Path) -> None:
    data = tsv(conns([0.0])) + tsv(conns([1.0]), log="dns")
    with pytest.raises(InputError, match=r"conn\.log:\d+: the dns log begins here, expected conn"):
        load(tmp_path, data)


def test_other_zeek_logs_are_named(tmp_path: Path) -> None:
    for data in (tsv([], ("ts", "uid", "query"), "dns"), json_log([{"_path": "dns", "ts": 1.0}])):
        with pytest.raises(InputError, match="this is a Zeek dns log"):
            load(tmp_path, data, "anything")


def test_json_is_recognised_behind_a_broken_first_line(tmp_path: Path) -> None:
    pairs, ingest = load(tmp_path, b'{"ts": 17672\n' + json_log(conns([0.0, 60.0])))
    assert pairs.conns.tolist() == [2]
    assert ingest.skipped["not a valid JSON object"].examples[0][1] == 1


def test_ports(tmp_path: Path) -> None:
    rows = [conn(0.0, id__resp_p=port) for port in (0, 1, 65_535)]
    assert load(tmp_path, tsv(rows))[0].resp_p.tolist() == [0, 1, 65_535]


@pytest.mark.parametrize("missing", ["ts", "id.orig_h", "id.resp_h", "id.resp_p", "proto"])
def test_a_missing_column_is_named_with_its_line(missing: str, tmp_path: Path) -> None:
    columns = [name for name in CONN if name != missing]
    with pytest.raises(InputError, match=f"conn.log:7: column {missing} missing in #fields"):
        load(tmp_path, tsv(conns([0.0]), columns))


@pytest.mark.parametrize(
    "optional", [name for name in CONN if name not in {"ts", "id.orig_h", "id.resp_h", "id.resp_p", "proto"}]
)
def test_the_other_columns_may_be_absent(optional: str, tmp_path: Path) -> None:
    columns = [name for name in CONN if name != optional]
    pairs, ingest = load(tmp_path, tsv(conns([0.0, 60.0]), columns))
    assert (pairs.conns.tolist(), ingest.rows_used) == ([2], 2)


def test_a_column_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"conn\.log:7: column ts twice in #fields"):
        load(tmp_path, tsv(conns([0.0]), [*CONN, "ts"]))


def test_clock_jumps_and_silences_are_told(tmp_path: Path) -> None:
    data = tsv_header() + b"".join(tsv_line(row) for row in conns([0.0, 10_000.0, 10.0, 20_000.0], duration=0.0))
    ingest = load(tmp_path, data)[1]
    assert (ingest.backward_jumps, round(ingest.longest_backward)) == (1, 9990)
    assert (ingest.silences, round(ingest.longest_silence)) == (2, 10_000)


def test_strict_stops_at_the_first_bad_row(tmp_path: Path) -> None:
    for data in (tsv([conn(0.0), conn(1.0, id__resp_p="x")]), json_log([conn(0.0), conn(1.0, id__resp_p="x")])):
        with pytest.raises(InputError, match=r"conn\.log:\d+: field id.resp_p is not a number"):
            load(tmp_path, data, strict=True)
    with pytest.raises(InputError, match=r"conn\.log:9: responder port missing or over 65535"):
        load(tmp_path, tsv([conn(0.0, id__resp_p=70_000)]), strict=True)


def test_json_values_of_the_wrong_kind(tmp_path: Path) -> None:
    good = json_log(conns([0.0, 60.0]))
    kinds: tuple[dict[str, Any], ...] = (
        {"duration": "long"},
        {"id.orig_h": 5},
        {"ts": True},
        {"proto": ["tcp"]},
        {"orig_bytes": {}},
    )
    for bad in kinds:
        pairs, ingest = load(tmp_path, good + json_line(conn(120.0) | bad) + good)
        (name,) = bad
        assert [reason.split(" is")[0] for reason in ingest.skipped] == [f"field {name}"]
        assert ingest.skipped.popitem()[1].examples[0][1] == 3
        assert pairs.conns.tolist() == [2]
