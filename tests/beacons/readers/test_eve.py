"""Suricata's eve.json: flow events among others, their states, and the names that other events tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zeek_beacons.pairs import STATES
from zeek_beacons.readers import eve as reader
from zeek_beacons.readers import files

from .logs import T0, assert_same, conn, conns, eve, flow, flow_csv, json_line, load


def log(events: list[dict[str, Any]]) -> bytes:
    return b"".join(map(json_line, events))


def test_flows_say_what_a_flow_csv_says(tmp_path: Path) -> None:
    rows = conns([60.0 * at for at in range(20)])
    by_eve, ingest = load(tmp_path, log([eve(row) for row in rows]), "eve.json")
    by_csv, _ = load(tmp_path, flow_csv([flow(row) for row in rows]), "f.csv")
    assert set(ingest.files.values()) == {"eve"}
    for name in ("orig_h", "resp", "resp_p", "proto", "start", "duration", "orig_bytes", "resp_bytes"):
        assert getattr(by_eve, name).tolist() == getattr(by_csv, name).tolist(), name


def other(kind: str, flow_id: int, **given: Any) -> dict[str, Any]:
    return {"timestamp": "2026-01-01T00:00:00.1+0000", "flow_id": flow_id, "event_type": kind, "proto": "TCP"} | given


def with_names() -> list[dict[str, Any]]:
    flows = [eve(row, flow_id=number, app_proto="tls") for number, row in enumerate(conns([0.0, 60.0, 120.0]))]
    return [
        {"timestamp": "2026-01-01T00:00:00+0000", "event_type": "stats", "stats": {"uptime": 1}},
        other("tls", 0, tls={"sni": "c2.example", "version": "TLS 1.3"}),
        other("dns", 9, dns={"type": "query"}),
        other("http", 1, http={"hostname": "C2.example", "url": "/"}),
        other("tls", 2, tls={"subject": "CN=x"}),
        *flows,
    ]


def test_names_of_other_events_are_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pairs, ingest = load(tmp_path, log(with_names()), "eve.json")
    assert pairs.resp.tolist() == ["203.0.113.9", "c2.example"]
    assert (pairs.conns.tolist(), pairs.named.tolist()) == ([3, 2], [2, 2])
    assert set(pairs.service) == {"ssl"}
    assert ingest.outside == {"event other than flow": 5}
    monkeypatch.setattr(files, "BLOCK", 100)
    assert_same(pairs, load(tmp_path, log(with_names()), "eve.json")[0])


def test_only_so_many_names_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "WAITING", 1)
    pairs, _ = load(tmp_path, log(with_names()), "eve.json")
    assert pairs.named.tolist() == [1, 1]


def tcp(at: float, flags: str, state: str = "closed", syn: bool = True, back: int = 1200) -> dict[str, Any]:
    event = eve(conn(at, id__orig_p=40_000 + int(at)), tcp={"tcp_flags_tc": flags, "syn": syn})
    event["flow"] |= {"state": state, "bytes_toclient": back}
    return event


def test_states(tmp_path: Path) -> None:
    events = [
        tcp(0.0, "1b"),
        tcp(1.0, "00", "new", back=0),
        tcp(2.0, "14"),
        tcp(3.0, "12", "established"),
        tcp(4.0, "18", "established", syn=False),
        tcp(5.0, "?", "established"),
    ]
    pairs, _ = load(tmp_path, log(events), "eve.json")
    assert [STATES[code] for code in pairs.state] == ["SF", "S0", "REJ", "S1", "OTH", "S1"]
    udp = [eve(conn(0.0, proto="udp", resp_bytes=0)), eve(conn(9.0, proto="udp"))]
    assert [STATES[code] for code in load(tmp_path, log(udp), "u.json")[0].state] == ["S0", "SF"]


def test_a_piece_without_a_syn_continues_what_was_left_open(tmp_path: Path) -> None:
    first, second = tcp(0.0, "12", "established"), tcp(0.0, "18", syn=False)
    for event, at in ((first, 0), (second, 600)):
        event["flow"] |= {
            "start": f"2026-01-01T00:{at // 60:02d}:00+0000",
            "end": f"2026-01-01T00:{at // 60:02d}:09+0000",
        }
    pairs, ingest = load(tmp_path, log([first, second]), "eve.json")
    assert (pairs.conns.tolist(), pairs.start.tolist(), ingest.merged) == ([1], [T0], 1)


def test_icmp_has_its_code_for_a_port(tmp_path: Path) -> None:
    pairs, _ = load(tmp_path, log([eve(conn(0.0, proto="icmp"), icmp_code=3)]), "eve.json")
    assert (pairs.proto.tolist(), pairs.resp_p.tolist()) == (["icmp"], [3])


def test_a_file_without_flow_events_names_cause_and_cure(tmp_path: Path) -> None:
    pairs, ingest = load(tmp_path, log(with_names()[:5]), "eve.json")
    assert len(pairs) == 0
    assert "holds no flow events: Suricata writes them where `flow` stands among the types" in ingest.notes[0]


def test_another_host_field_does_not_make_it_an_http_log(tmp_path: Path) -> None:
    _, ingest = load(tmp_path, log([eve(conn(0.0), host="sensor-1")]), "eve.json")
    assert set(ingest.files.values()) == {"eve"}
