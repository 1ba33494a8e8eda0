"""Flow CSV by its many names and units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from zeek_beacons.errors import InputError

from .logs import T0, load

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
