"""Flow CSV by its many names and units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.readers import files, reservoir

from .logs import T0, assert_same, load

_ZEROS = ",0,0,0,0,0,0,0,0"
NFDUMP_16 = (
    "ts,te,td,sa,da,sp,dp,pr,flg,fwd,stos,ipkt,ibyt,opkt,obyt,in,out,sas,das,smk,dmk,dtos,dir\n"
    f"2026-01-01 00:00:00,2026-01-01 00:00:01,1.25,10.0.0.5,203.0.113.9,40000,443,TCP,.,0,0,5,300,0,0{_ZEROS}\n"
    f"2026-01-01 00:00:00,2026-01-01 00:00:01,1.25,203.0.113.9,10.0.0.5,443,40000,TCP,.,0,0,5,1200,0,0{_ZEROS}\n"
    f"2026-01-01 00:01:00,2026-01-01 00:01:01,0.00,10.0.0.5,203.0.113.9,40001,443,TCP,.,0,0,5,300,0,0{_ZEROS}\n"
    "Summary\nflows,bytes,packets,avg_bps,avg_pps,avg_bpp\n3,1800,15,1,1,1\n"
)
NFDUMP_17 = (
    "firstSeen,duration,proto,srcAddr,srcPort,dstAddr,dstPort,packets,bytes,bps,bpp,flows\n"
    "2026-01-01 00:00:00.000,1.250,TCP,10.0.0.5,40000,203.0.113.9,443,5,300,1,1,1\n"
    "2026-01-01 00:01:00.000,0.000,TCP,10.0.0.5,40001,203.0.113.9,443,5,300,1,1,1\n"
)
IPFIX = (
    "flowStartMilliseconds,flowDurationMilliseconds,sourceIPv4Address,sourceTransportPort,destinationIPv4Address,"
    "destinationTransportPort,protocolIdentifier,octetDeltaCount\n"
    f"{T0 * 1000:.0f},1250,10.0.0.5,40000,203.0.113.9,443,6,300\n"
    f"{(T0 + 60) * 1000:.0f},0,10.0.0.5,40001,203.0.113.9,443,6,300\n"
)
NORMALIZED = (
    "timestamp,src_ip,direction,dst_ip,dst_port,protocol,total_bytes,label,duration_seconds\n"
    "2026-01-01T00:00:00,10.0.0.5,->,203.0.113.9,443,tcp,300,c2,1.25\n"
    "2026-01-01T00:01:00,10.0.0.5,->,203.0.113.9,443,tcp,300,c2,0\n"
)


@pytest.mark.parametrize(
    "text", [NFDUMP_16, NFDUMP_17, IPFIX, NORMALIZED], ids=["nfdump16", "nfdump17", "ipfix", "own"]
)
def test_every_dialect_says_the_same(text: str, tmp_path: Path) -> None:
    pairs, ingest = load(tmp_path, text.encode(), "flows.csv")
    assert (pairs.orig_h.tolist(), pairs.resp.tolist(), pairs.resp_p.tolist()) == (["10.0.0.5"], ["203.0.113.9"], [443])
    assert (pairs.start - T0).tolist() == [0.0, 60.0]
    assert pairs.duration.tolist() == [1.25, 0.0]
    assert pairs.orig_bytes.tolist() == [300, 300]
    assert not ingest.skipped


def test_the_answering_half_is_left_out(tmp_path: Path) -> None:
    ingest = load(tmp_path, NFDUMP_16.encode(), "flows.csv")[1]
    assert ingest.outside == {"answering half of a flow": 1}


def test_flows_of_both_directions_are_not_halves(tmp_path: Path) -> None:
    text = "ts,src_ip,src_port,dst_ip,dst_port,proto,bytes_sent,bytes_received\n1,10.0.0.5,123,10.0.0.6,4000,udp,1,{}\n"
    assert len(load(tmp_path, text.format(7).encode(), "f.csv")[0]) == 1
    assert len(load(tmp_path, text.format(0).encode(), "f.csv")[0]) == 0


def test_arrows_turn_a_row_round(tmp_path: Path) -> None:
    text = NORMALIZED.replace("10.0.0.5,->,203.0.113.9", "203.0.113.9,<-,10.0.0.5").replace(
        "dst_port", "src_port,dst_port"
    )
    pairs, _ = load(tmp_path, text.replace(",443,", ",443,50000,").encode(), "f.csv")
    assert (pairs.orig_h.tolist(), pairs.resp.tolist(), pairs.resp_p.tolist()) == (["10.0.0.5"], ["203.0.113.9"], [443])


@pytest.mark.parametrize("header", ["TIMESTAMP, SRC_IP ,direction,dst ip,Dst_Port,Protocol,total_bytes,label,x", None])
def test_names_in_any_case_quoted_or_spaced(header: str | None, tmp_path: Path) -> None:
    plain, _ = load(tmp_path, NORMALIZED.encode(), "a.csv")
    first, rest = NORMALIZED.split("\n", 1)
    head = header or ",".join(f'"{name}"' for name in first.split(","))
    quoted = "\n".join(",".join(f'"{cell}"' for cell in line.split(",")) if line else "" for line in rest.split("\n"))
    pairs, ingest = load(tmp_path, f"{head}\n{quoted}".encode(), "b.csv")
    assert (pairs.start.tolist(), ingest.rows_used) == (plain.start.tolist(), 2)


def test_icmp_needs_no_port(tmp_path: Path) -> None:
    text = "ts,sa,da,dp,pr\n1,10.0.0.5,10.0.0.6,,icmp\n2,10.0.0.5,10.0.0.6,,tcp\n3,10.0.0.5,fd00::1,,ipv6-icmp\n"
    pairs, ingest = load(tmp_path, text.encode(), "f.csv")
    assert pairs.resp_p.tolist() == [0, 0]
    assert ingest.skipped["responder port missing or over 65535"].examples[0][1] == 3


def test_zones_and_naive_times(tmp_path: Path) -> None:
    for text in ("2026-01-01 02:00:00+02:00", "2025-12-31T19:00:00-05:00", "2026-01-01 00:00:00", "2026-01-01"):
        pairs, _ = load(tmp_path, f"ts,sa,da,dp,pr\n{text},1.1.1.1,2.2.2.2,80,tcp\n".encode(), "f.csv")
        assert pairs.start.tolist() == [T0], text


@pytest.mark.parametrize("missing", ["timestamp", "dst_port", "protocol"])
def test_a_missing_column_is_named(missing: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"f\.csv:1: required column missing: .*" + missing):
        load(tmp_path, NORMALIZED.replace(missing, "other").encode(), "f.csv")


def test_a_column_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"f\.csv:1: column src_ip twice"):
        load(tmp_path, NORMALIZED.replace("label", "src_ip").encode(), "f.csv")


def test_sizes_missing_everywhere(tmp_path: Path) -> None:
    pairs, _ = load(tmp_path, b"ts,sa,da,dp,pr\n1,1.1.1.1,2.2.2.2,80,tcp\n", "f.csv")
    assert np.isnan([pairs.duration[0], pairs.orig_bytes[0], pairs.resp_bytes[0]]).all()


def ipfix(element: str, first: str, second: str) -> bytes:
    header, one, other, _ = IPFIX.replace("flowStartMilliseconds", element).split("\n")
    cells = [[moment, *line.split(",")[1:]] for moment, line in ((first, one), (second, other))]
    return "\n".join([header, *map(",".join, cells), ""]).encode()


@pytest.mark.parametrize("unit", ["Seconds", "Milliseconds", "Microseconds", "Nanoseconds"])
def test_the_start_of_every_ipfix_element(unit: str, tmp_path: Path) -> None:
    second = {"Seconds": 1, "Milliseconds": 10**3, "Microseconds": 10**6, "Nanoseconds": 10**9}[unit]
    numbers = (str(round(T0) * second), str(round(T0 + 60) * second))
    for moments in (numbers, ("2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"), ("2026-01-01", "2026-01-01 00:01:00")):
        pairs, ingest = load(tmp_path, ipfix(f"flowStart{unit}", *moments), "f.csv")
        assert (pairs.start - T0).tolist() == [0.0, 60.0], moments
        assert not ingest.skipped


PLAIN = "timestamp,src_ip,direction,dst_ip,dst_port,protocol,total_bytes"
WITH_PORT = "timestamp,src_ip,src_port,direction,dst_ip,dst_port,protocol,total_bytes,duration_seconds"
C2 = "203.0.113.9"


def both_ways(*rows: str, header: str = PLAIN) -> bytes:
    return "\n".join([header, *rows, ""]).encode()


@pytest.mark.parametrize(("out", "back"), [("out", "in"), ("outbound", "inbound"), ("EGRESS", " Ingress ")])
@pytest.mark.parametrize(
    ("header", "asks", "answers"),
    [
        (PLAIN, "{at},10.0.0.5,{out},203.0.113.9,443,tcp,300", "{at},10.0.0.5,{back},203.0.113.9,443,tcp,1200"),
        (PLAIN, "{at},10.0.0.5,{out},203.0.113.9,443,tcp,300", "{at},203.0.113.9,{back},10.0.0.5,443,tcp,1200"),
        (
            WITH_PORT,
            "{at},10.0.0.5,4{at:04},{out},203.0.113.9,443,tcp,300,1.5",
            "{at}.25,203.0.113.9,443,{back},10.0.0.5,4{at:04},tcp,1200,2",
        ),
        (
            WITH_PORT,
            "{at},10.0.0.5,4{at:04},{out},203.0.113.9,8443,tcp,300,1.5",
            "{at}.25,10.0.0.5,4{at:04},{back},203.0.113.9,8443,tcp,1200,2",
        ),
    ],
    ids=["same ends", "turned ends", "turned with ports", "same with ports"],
)
def test_a_check_in_given_out_and_in_is_one(
    header: str, asks: str, answers: str, out: str, back: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [row.format(at=at * 60, out=out, back=back) for at in range(30) for row in (asks, answers)]
    pairs, ingest = load(tmp_path, both_ways(*rows, header=header), "f.csv")
    assert (pairs.orig_h.tolist(), pairs.resp.tolist(), pairs.conns.tolist()) == (["10.0.0.5"], [C2], [30])
    assert (pairs.orig_bytes.tolist(), pairs.resp_bytes.tolist()) == ([300] * 30, [1200] * 30)
    assert pairs.start.tolist() == [60.0 * at for at in range(30)]
    assert header == PLAIN or pairs.duration.tolist() == [2.25] * 30
    assert (ingest.answers, ingest.rows_used) == (30, 60)
    monkeypatch.setattr(files, "BLOCK", 100)
    monkeypatch.setattr(reservoir, "LOOSE", 8)
    data = both_ways(*rows, header=header)
    assert_same(pairs, load(tmp_path, data, "f.csv")[0])
    monkeypatch.undo()
    assert_same(pairs, load(tmp_path, both_ways(*reversed(rows), header=header), "f.csv")[0])


def test_what_says_in_and_answers_nothing_is_a_connection_of_its_own(tmp_path: Path) -> None:
    rows = [
        "0,10.0.0.5,out,203.0.113.9,443,tcp,300",
        "0,198.51.100.7,in,10.0.0.5,443,tcp,7",  # another host
        "1,203.0.113.9,in,10.0.0.5,22,tcp,8",  # another port
        "2,203.0.113.9,in,10.0.0.5,443,udp,9",  # another protocol
        "4000,10.0.0.5,in,203.0.113.9,443,tcp,10",  # over an hour later
    ]
    pairs, ingest = load(tmp_path, both_ways(*rows), "f.csv")
    assert (int(pairs.conns.sum()), ingest.answers) == (5, 0)
    assert np.isnan(pairs.resp_bytes).all()


def test_an_answer_belongs_to_the_newest_connection_before_it_and_adds_up(tmp_path: Path) -> None:
    rows = [
        "0,10.0.0.5,out,203.0.113.9,443,tcp,300",
        "10,10.0.0.5,out,203.0.113.9,443,tcp,300",
        "11,10.0.0.5,in,203.0.113.9,443,tcp,5",
        "12,10.0.0.5,in,203.0.113.9,443,tcp,6",
        "13,10.0.0.5,in,203.0.113.9,443,tcp,",
        "20,10.0.0.5,out,203.0.113.9,443,tcp,300",
        "21,10.0.0.5,in,203.0.113.9,443,tcp,",
    ]
    pairs, ingest = load(tmp_path, both_ways(*rows), "f.csv")
    assert pairs.start.tolist() == [0.0, 10.0, 20.0]
    assert np.array_equal(pairs.resp_bytes, [np.nan, 11.0, np.nan], equal_nan=True)
    assert ingest.answers == 4


def test_a_file_of_both_ways_twice_counts_once(tmp_path: Path) -> None:
    rows = [
        *("0,10.0.0.5,40000,out,203.0.113.9,443,tcp,300,1", "0,203.0.113.9,443,in,10.0.0.5,40000,tcp,1200,2"),
        *("60,10.0.0.5,40001,out,203.0.113.9,443,tcp,300,1", "60,203.0.113.9,443,in,10.0.0.5,40001,tcp,1200,2"),
    ]
    once, _ = load(tmp_path, both_ways(*rows, header=WITH_PORT), "f.csv")
    twice, ingest = load(tmp_path, both_ways(*rows, *rows, header=WITH_PORT), "f.csv")
    assert_same(once, twice)
    assert ingest.duplicates == 4


def test_a_direction_chosen_looks_at_whole_connections(tmp_path: Path) -> None:
    rows = ["0,10.0.0.5,out,9.9.9.9,443,tcp,300", "0,9.9.9.9,in,10.0.0.5,443,tcp,1200"]
    pairs, ingest = load(tmp_path, both_ways(*rows), "f.csv", Config(direction="outbound"))
    assert pairs.resp_bytes.tolist() == [1200]
    assert not ingest.outside


def test_flows_with_both_sizes_are_whole_whatever_their_direction(tmp_path: Path) -> None:
    header = "timestamp,src_ip,direction,dst_ip,dst_port,protocol,total_bytes,out_bytes"
    rows = ["0,10.0.0.5,out,203.0.113.9,443,tcp,300,1200", "1,10.0.0.5,in,203.0.113.9,443,tcp,300,1200"]
    assert load(tmp_path, both_ways(*rows, header=header), "f.csv")[0].conns.tolist() == [2]
