"""What is told by counting, and exchanges inside one connection, by the same verdict on every road."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import TRACES
from .test_channels import loop, rows, scored

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
    looped = loop(zeek, trace, tmp_path / "loop")
    told = {row["src"]: row for row in of_kind(looped, "long")}
    assert len(rows(looped / "notice.log")) == len(told) == 2
    said = "10.0.0.5 talks to 185.12.45.60:4444: a connection that has lasted 25.0 h, its only one"
    assert told["10.0.0.5"]["msg"].startswith(said)
    assert told["10.0.0.6"]["msg"].startswith("10.0.0.6 talks to c2.example:443: a connection that has lasted 27.0 h")
    for log in (looped / "conn.log", run_zeek(trace) / "beacon_candidates.log"):
        found = scored(log)
        assert {
            f"incident={name} " in told[members[0].orig_h]["sub"]
            for name, members in zip(found.incidents.ids, found.incidents.members, strict=True)
        } == {True}
        assert len(found.incidents) == 2
