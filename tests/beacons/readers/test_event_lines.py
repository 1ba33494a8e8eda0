"""Events line by line: what a file of the same lines says, and nothing that a writer sends is more than a count."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from zeek_beacons.readers.event_lines import events
from zeek_beacons.readers.processes import unpacked

from .logs import EVENT, T0, conns, event, flow_csv, json_line, load
from .test_events import elastic, sysmon

ROWS = conns([60.0 * at for at in range(4)])
OSQUERY: dict[str, Any] = {
    "unixTime": int(T0),
    "columns": {
        "action": "accept",
        "path": "/usr/bin/python3",
        "local_address": "10.0.0.5",
        "local_port": "22",
        "remote_address": "203.0.113.9",
        "remote_port": "50000",
        "protocol": "6",
    },
}


def test_lines_of_several_agents_are_told_apart() -> None:
    lines = [json_line(row) for row in (sysmon(ROWS[0]), elastic(ROWS[1]), OSQUERY, {"_source": elastic(ROWS[2])})]
    made = events(lines)
    assert (made.bad, made.other) == (0, 0)
    told = {(one.orig_h, one.orig_p, one.addr, one.resp_p, unpacked(one.process)[0], one.name) for one in made.found}
    assert told == {
        ("10.0.0.5", 40_000, "203.0.113.9", 443, "powershell.exe", "c2.example"),
        ("10.0.0.5", 40_001, "203.0.113.9", 443, "app.exe", ""),
        ("10.0.0.5", 40_002, "203.0.113.9", 443, "app.exe", ""),
        ("203.0.113.9", 50_000, "10.0.0.5", 22, "python3", ""),
    }


def test_lines_of_a_csv_go_by_its_header() -> None:
    header, *lines = flow_csv([event(row) for row in ROWS], EVENT).splitlines()
    made = events([*lines, b"too,few"], header)
    assert (len(made.found), made.bad, made.other) == (4, 1, 0)


def test_what_is_no_event_is_counted() -> None:
    good = elastic(ROWS[0])
    bad = [b"{", b"[]", b"null", b"\xff\xfe", b"[" * 5000, b'{"a":1} {"b":2}', json_line(good | {"@timestamp": "soon"})]
    other = [b"{}", json_line({"source": {"ip": "10.0.0.5"}}), json_line(good | {"process": {"name": ""}, "user": {}})]
    bad += [json_line({**good, "destination": {"ip": "c2.example", "port": 443}})]
    bad += [json_line({name: value for name, value in good.items() if name != "network"})]
    made = events([*bad, *other, b"", b"  ", json_line(good)])
    assert (len(made.found), made.bad, made.other) == (1, len(bad), len(other))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=60) | st.sampled_from([json_line(elastic(ROWS[0])), json_line(OSQUERY)])))
def test_each_line_comes_to_one_thing(lines: list[bytes]) -> None:
    whole = [line for data in lines for line in data.split(b"\n") if line.strip()]
    made = events(whole)
    assert len(made.found) + made.bad + made.other == len(whole)


ANY = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.lists(st.integers(), max_size=2)
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.dictionaries(st.sampled_from(EVENT), ANY), max_size=6))
def test_any_value_in_any_field_comes_to_one_thing(changes: list[dict[str, Any]]) -> None:
    lines = [json.dumps(event(ROWS[0]) | change).encode() for change in changes]
    made = events(lines)
    assert len(made.found) + made.bad + made.other == len(lines)


def test_a_file_of_the_same_lines_says_the_same(tmp_path: Path) -> None:
    lines = [json_line(elastic(row)) for row in ROWS]
    pairs, ingest = load(tmp_path, b"".join(lines), "e.json")
    made = events([line.rstrip() for line in lines])
    assert [one.start_us / 1e6 for one in made.found] == pairs.start.tolist()
    assert {unpacked(one.process) for one in made.found} == {("app.exe", "winword.exe", "ann", 0.0)}
    assert ingest.rows_used == len(made.found)
