"""What is told by counting, and exchanges inside one connection, by the same verdict on every road."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import TRACES
from .test_channels import alerting, loop, rows, same, scored, told, verdicts

T0 = 1_700_000_000.0


def strobe_packets() -> Iterator[tuple[float, bytes]]:
    """A datagram from a port of its own every 0.9 s, over 2.2 hours; IPv4 without a link layer."""
    for number in range(8800):
        datagram = struct.pack("!HHHH", 10_000 + number, 4444, 10, 0) + b"hi"
        head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 30, number, 0, 64, 17, 0, b"\n\0\0\5", b"\xb9\x0c\x2d\x3c")
        total = sum(struct.unpack("!10H", head))
        checksum = ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF
        yield T0 + 0.9 * number, head[:10] + struct.pack("!H", checksum) + head[12:] + datagram


@pytest.fixture(scope="module")
def strobe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The trace of a strobe; written here, for it takes half a megabyte."""
    path = tmp_path_factory.mktemp("strobe") / "strobe.pcap"
    with path.open("wb") as file:
        file.write(struct.pack("<IHHIIII", 0xA1B2C3D4, 2, 4, 0, 0, 65_535, 101))
        for ts, packet in strobe_packets():
            file.write(struct.pack("<IIII", int(ts), round(ts % 1 * 1e6), len(packet), len(packet)) + packet)
    return path


def of_kind(folder: Path, kind: str) -> list[dict[str, str]]:
    """The notices of one kind."""
    found = [row for row in rows(folder / "notice.log") if row["note"] == "Beacons::C2_Beacon"]
    return [row for row in found if f"kind={kind} " in row["sub"]]


def test_a_strobe_is_one_notice_on_every_road(
    strobe: Path, zeek: str, run_zeek: Callable[..., Path], tmp_path: Path
) -> None:
    looped = loop(zeek, strobe, tmp_path / "loop")
    (notice,) = of_kind(looped, "strobe")
    assert len(rows(looped / "notice.log")) == 1
    said = "10.0.0.5 talks to 185.12.45.60:4444/udp: 8800 connections in 2.2 h, more than one a second: a strobe"
    assert notice["msg"].startswith(said)
    for log in (looped / "conn.log", run_zeek(strobe) / "beacon_candidates.log"):
        found = scored(log)
        assert [members[0].conns for members in found.incidents.members] == [8800]
        assert f"incident={found.incidents.ids[0]} " in notice["sub"]


def test_a_connection_of_a_day_is_one_notice_on_every_road(
    zeek: str, run_zeek: Callable[..., Path], tmp_path: Path
) -> None:
    trace = TRACES / "day.pcap"
    # What is said in it looks regular for a while: with the channel poll the incident is named after that.
    looped = loop(zeek, trace, tmp_path / "loop", "--no-poll")
    noticed = {row["src"]: row for row in of_kind(looped, "long")}
    assert len(rows(looped / "notice.log")) == len(noticed) == 2
    said = "10.0.0.5 talks to 185.12.45.60:443: a connection that has lasted 25.0 h, its only one"
    assert noticed["10.0.0.5"]["msg"].startswith(said)
    assert noticed["10.0.0.6"]["msg"].startswith(
        "10.0.0.6 talks to c2.example:443: a connection that has lasted 27.0 h"
    )
    for log in (looped / "conn.log", run_zeek(trace) / "beacon_candidates.log"):
        found = scored(log)
        assert {
            f"incident={name} " in noticed[members[0].orig_h]["sub"]
            for name, members in zip(found.incidents.ids, found.incidents.members, strict=True)
        } == {True}
        assert len(found.incidents) == 2


POLL = "Beacons::poll_channel=T"
# Who hides in a connection that stays open, and whom it asks.
HIDDEN = {("10.0.0.5", "poll", "c2.example"), ("10.0.0.6", "poll", "185.12.45.61")}
PING = ("10.0.0.7", "poll", "185.12.45.62")
CHAT = ("10.0.0.8", "poll", "185.12.45.63")


def test_exchanges_inside_a_connection_are_found_by_every_road(
    zeek: str, run_zeek: Callable[..., Path], tmp_path: Path
) -> None:
    trace = TRACES / "sessions.pcap"
    looped = loop(zeek, trace, tmp_path / "loop", "--zeek-arg", POLL)
    by_candidates = scored(run_zeek(trace, POLL) / "beacon_candidates.log")
    assert alerting(by_candidates) == HIDDEN
    known = {key: verdict for key, verdict in verdicts(by_candidates).items() if key[1] == "poll"}
    assert known.keys() == HIDDEN | {PING, CHAT}
    same(known, told(looped), known)
    notices = [row for row in rows(looped / "notice.log") if row["note"] == "Beacons::C2_Beacon"]
    assert {row["src"]: row["msg"].partition(" every ")[0] for row in notices} == {
        "10.0.0.5": "10.0.0.5 checks in with c2.example:80, inside connections that stay open,",
        "10.0.0.6": "10.0.0.6 checks in with 185.12.45.61:4444/udp, inside connections that stay open,",
    }


def held(log: Path) -> dict[str, tuple[str, ...]]:
    """By originator the exchanges that the newest candidate holds: starts, and bytes each way."""
    last = {row["id.orig_h"]: row for row in rows(log) if row["channel"] == "poll"}
    return {orig: (row["starts"], row["orig_bytes"], row["resp_bytes"]) for orig, row in last.items()}


def test_a_trace_of_one_host_says_what_a_busy_link_says(run_zeek: Callable[..., Path], tmp_path: Path) -> None:
    """Zeek's timers go by packets: in a trace they come late, on a link they do not."""
    alone = (TRACES / "sessions.pcap").read_bytes()
    packets, at = [], 24
    while at < len(alone):
        seconds, micros, length, _ = struct.unpack_from("<IIII", alone, at)
        packets.append((seconds + micros / 1e6, alone[at : at + 16 + length]))
        at += 16 + length
    arp = b"\xff" * 6 + b"\2" * 6 + b"\x08\x06" + struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + bytes(20)
    for number in range(int(20 * (packets[-1][0] - T0))):
        ts = T0 + number / 20
        packets.append((ts, struct.pack("<IIII", int(ts), round(ts % 1 * 1e6), len(arp), len(arp)) + arp))
    link = tmp_path / "link.pcap"
    link.write_bytes(alone[:24] + b"".join(packet for _, packet in sorted(packets)))
    json = "LogAscii::use_json=T"
    one = held(run_zeek(TRACES / "sessions.pcap", json, POLL) / "beacon_candidates.log")
    other = held(run_zeek(link, json, POLL) / "beacon_candidates.log")
    for found in (one, other):
        found.pop("10.0.0.9", None)  # it never pauses: one exchange, of which a late timer makes two
    assert set(one) == {"10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8"}
    assert one == other
