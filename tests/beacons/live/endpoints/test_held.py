"""What held events say of candidates: as where the same events are read as a file; and that they stay few."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.beacons.live.histories import RULES, at, guarded, judge
from tests.beacons.live.made import T0
from tests.beacons.readers.logs import load
from zeek_beacons.config import Config
from zeek_beacons.live.endpoints.held import AHEAD, HeldEvents
from zeek_beacons.live.worker import Worker
from zeek_beacons.pairs import PROCESS, Pairs
from zeek_beacons.readers.event_lines import ProcessEvent, events

DAY = 86_400.0


def held(most: int = 1000, seconds: float = DAY, now: float = T0 + 600.0) -> HeldEvents:
    return HeldEvents(most, seconds, wall=lambda: now)


def said(second: float, process: str = "a.exe", **given: Any) -> ProcessEvent:
    made: dict[str, Any] = {"orig_h": "10.0.0.5", "orig_p": 40_000, "addr": "203.0.113.9", "resp_p": 443}
    return ProcessEvent(round((T0 + second) * 1e6), **(made | {"proto": "tcp", "name": "", "process": process} | given))


def row(**given: Any) -> dict[str, Any]:
    return dict(at(1, [0.0, 60.0], **given).row)


def process(events: HeldEvents, orig_p: int = 40_000, **given: Any) -> str | None:
    told = events.of(row(**given), orig_p)
    return None if told is None else told["process"]


LINE = st.fixed_dictionaries(
    {
        "timestamp": st.integers(0, 8).map(lambda second: T0 + second),
        "src_ip": st.sampled_from(["10.0.0.5", "10.0.0.6"]),
        "src_port": st.integers(1, 3),
        "dst_ip": st.sampled_from(["203.0.113.9", "2001:db8::9"]),
        "dst_port": st.just(443),
        "protocol": st.just("tcp"),
        "server_name": st.sampled_from(["", "c2.example", "C2.example."]),
        "proc_name": st.sampled_from(["", "C:\\a.exe", "b", "c"]),
        "parent_name": st.sampled_from(["", "winword.exe"]),
        "user": st.sampled_from(["ann", "bob"]),
        "signed": st.sampled_from(["", "1", "false"]),
    }
)


@settings(max_examples=150, deadline=None)
@given(st.lists(LINE, min_size=1, max_size=20), st.integers(1, 20))
def test_live_joins_as_batch_does(rows: list[dict[str, Any]], cut: int) -> None:
    """The same events read as a file, and held as they come: each pair has the same process."""
    lines = [json.dumps(one).encode() for one in rows]
    with tempfile.TemporaryDirectory() as folder:
        pairs, _ = load(Path(folder), b"\n".join(lines) + b"\n", "events.json")
    kept = held()
    for part in (lines[:cut], lines[cut:]):
        kept.add(events(part).found)
    for place, (orig_h, resp, resp_p, proto, channel) in enumerate(pairs.keys()):
        candidate = {"orig_h": orig_h, "resp": resp, "resp_p": resp_p, "proto": proto, "channel": channel}
        told = kept.of(candidate | {"addr": pairs.addr[place], "start": pairs.start}, -1)
        batch = [getattr(pairs, name)[place] for name in PROCESS]
        np.testing.assert_equal(batch, ["", "", "", np.nan] if told is None else [told[name] for name in PROCESS])


def test_a_pair_by_name_is_found_by_the_port_of_its_newest_connection() -> None:
    kept = held()
    kept.add([said(60.0, "implant"), said(61.0, "browser", orig_p=50_000)])
    assert process(kept, resp="c2.example", named=2, server_name="c2.example", name_conns=2) == "implant"
    assert process(kept, 50_000, resp="c2.example") == "browser"
    assert process(kept, 1, resp="c2.example") is None
    assert process(kept, resp="c2.example", channel="http") == "implant"
    assert process(kept, resp="example", channel="dns") == "implant"
    assert process(kept) == "browser", "of the address the newest speaks"


def test_a_port_that_was_used_before_tells_nothing() -> None:
    kept = held()
    kept.add([said(60.0 - 301.0, "another")])
    assert process(kept, resp="c2.example") is None


def test_queries_are_not_taken_for_others_of_their_resolver() -> None:
    kept = held()
    kept.add([said(60.0, orig_p=1)])
    assert process(kept, channel="dns") is None


def test_events_are_bounded_and_the_oldest_forgotten() -> None:
    kept = held(most=3)
    kept.add([said(second, addr=f"203.0.113.{second}") for second in (4, 1, 5, 2, 3)])
    assert (len(kept), kept.forgotten) == (3, 2)
    known = [
        address for address in range(6) if process(kept, resp=f"203.0.113.{address}", resp_h=f"203.0.113.{address}")
    ]
    assert known == [3, 4, 5]


def test_events_that_are_too_old_go_and_those_of_other_years_never_come() -> None:
    now = [T0 + 600.0]
    kept = HeldEvents(100, 3600.0, wall=lambda: now[0])
    assert kept.add([said(0), said(-3600), said(600 + AHEAD + 1), said(-40 * 365 * DAY), said(9e9)]) == 1
    assert (len(kept), kept.untimely) == (1, 4)
    now[0] = T0 + 3601.0
    kept.add([])
    assert (len(kept), kept.untimely, kept.forgotten, process(kept)) == (0, 4, 0, None)
    assert not kept._by_pair
    assert not kept._by_connection
    assert not kept._processes


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 3), st.sampled_from("abc"), st.sampled_from(["", "n"]))))
def test_indexes_hold_what_is_held_and_no_more(told: list[tuple[int, int, str, str]]) -> None:
    kept = held(most=5)
    kept.add([said(second, text, orig_p=port, name=name) for second, port, text, name in told])
    assert len(kept) == min(5, len(told))
    alive = set(map(id, kept._events))
    for index in (kept._by_pair, kept._by_name, kept._by_connection):
        assert all(id(one) in alive for one in index.values())
    assert {one.process.text for one in kept._events} == kept._processes.keys()
    assert not kept._events or kept._by_pair[kept._events[0].ends] == max(kept._events)


def test_a_candidate_is_judged_and_stored_with_its_process(path: Path) -> None:
    kept = held()
    kept.add([said(60.0, "C:\\Windows\\RUNDLL32.exe\x1fwinword.exe\x1fann\x1ffalse")])
    worker = Worker("me", RULES, Config(), guarded(path), events=kept)
    (verdict,) = judge(worker, [at(1, [60.0 * minute for minute in range(100)])])
    assert verdict.level
    assert "; opened by rundll32.exe of winword.exe as ann, not signed; " in verdict.summary
    later = Worker("me", RULES, Config(), guarded(path))
    (verdict,) = judge(later, [at(2, [60.0 * minute for minute in range(50, 120)])])
    assert "opened by rundll32.exe" in verdict.summary, "the history has kept it"
    pairs = Pairs.build(list(later._stored([at(3, [0.0])]).values()))
    assert [getattr(pairs, name)[0] for name in PROCESS] == ["rundll32.exe", "winword.exe", "ann", 0.0]
    assert kept.joined == 1


def test_a_long_name_pushes_nothing_else_out_of_the_notice() -> None:
    kept = held()
    kept.add([said(60.0, "\x1f".join("x" * 300 for _ in PROCESS))])
    (verdict,) = judge(Worker("me", RULES, Config(), None, events=kept), [at(1, [60.0 * n for n in range(100)])])
    assert f"; opened by {'x' * 120} of xxx" in verdict.summary
    assert "answered" in verdict.summary


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"
