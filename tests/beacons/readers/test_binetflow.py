"""What is particular to CTU-13's files: labels, directions, ports in hexadecimal, states of Argus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zeek_beacons.errors import InputError
from zeek_beacons.readers.binetflow import kind, labels, zeek_state

from .logs import BINETFLOW, assert_same, binetflow, conn, conns, csv_line, load, traffic, tsv


def data(rows: list[dict[str, Any]]) -> bytes:
    return ",".join(BINETFLOW).encode() + b"\n" + b"".join(csv_line(row, BINETFLOW) for row in rows)


def test_a_binetflow_gives_what_the_same_conn_log_gives(tmp_path: Path) -> None:
    rows = [row for row in traffic() if row["conn_state"] in ("SF", "S0", "REJ") and row["proto"] == "tcp"]
    rows = [row | {"history": None, "service": None} for row in rows]
    rows = [row for row in rows if row["orig_bytes"] is not None and row["resp_bytes"] is not None]
    by_zeek, _ = load(tmp_path, tsv(rows))
    by_argus, _ = load(tmp_path, data([binetflow(row) for row in rows]), "x.binetflow")
    assert_same(by_zeek, by_argus)


def test_pairs_are_never_formed_by_source_port(tmp_path: Path) -> None:
    pairs, _ = load(tmp_path, data([binetflow(row) for row in conns([0.0, 60.0, 120.0])]), "x.binetflow")
    assert pairs.conns.tolist() == [3]


@pytest.mark.parametrize("arrow", ["  <-", " <?"])
def test_a_backward_arrow_swaps_the_ends(arrow: str, tmp_path: Path) -> None:
    row = binetflow(conn(), Dir=arrow, SrcAddr="203.0.113.9", Sport=443, DstAddr="10.0.0.5", Dport=40_000)
    pairs, _ = load(tmp_path, data([row]), "x.binetflow")
    assert (pairs.orig_h[0], pairs.resp[0], pairs.resp_p[0]) == ("10.0.0.5", "203.0.113.9", 443)
    assert (pairs.orig_bytes[0], pairs.resp_bytes[0]) == (1200, 300)


def test_other_protocols_are_left_out_whatever_their_addresses(tmp_path: Path) -> None:
    rows = [
        binetflow(conn()),
        binetflow(conn(1.0), Proto="arp", Dir="  who", Sport=None, Dport=None),
        binetflow(conn(2.0), Proto="llc", SrcAddr="00:15:17:2c:e5:2d", Dport=None),
        binetflow(conn(3.0), Proto="rtp"),
        binetflow(conn(4.0), Proto="icmp", Sport="0x0008", Dport="0x4f2a"),
    ]
    pairs, ingest = load(tmp_path, data(rows), "x.binetflow")
    assert sorted(pairs.proto) == ["icmp", "tcp", "udp"]
    assert dict(ingest.outside) == {"protocol other than tcp, udp, icmp": 2}
    assert ingest.rows_skipped == 0


def test_what_the_originator_did_not_send_came_back(tmp_path: Path) -> None:
    rows = [binetflow(conn()), binetflow(conn(1.0), TotBytes=None), binetflow(conn(2.0), TotBytes=10)]
    pairs, _ = load(tmp_path, data(rows), "x.binetflow")
    np.testing.assert_array_equal(pairs.resp_bytes, [1200, np.nan, np.nan])
    assert pairs.orig_bytes.tolist() == [300, 300, 300]


@pytest.mark.parametrize(
    ("argus", "zeek"),
    [
        *(("FSPA_FSPA", "SF"), ("S_", "S0"), ("S_RA", "REJ"), ("SPA_SPA", "S1"), ("FSPA_SRPA", "RSTR")),
        *(("SRPA_SPA", "RSTO"), ("PA_PA", "OTH"), ("CON", "SF"), ("INT", "S0"), ("ECO", ""), ("", "")),
    ],
)
def test_states_of_argus(argus: str, zeek: str) -> None:
    assert zeek_state(argus) == zeek


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("flow=From-Botnet-V42-TCP-CC6-Plain-HTTP-Encrypted-Data", "c2"),
        ("flow=From-Botnet-V42-UDP-DNS", "malicious_other"),
        ("flow=From-Normal-V42-Stribrek", "benign"),
        ("flow=Background-TCP-Established", ""),
        ("flow=To-Botnet-V42-UDP-NTP", ""),
    ],
)
def test_kinds_of_labels(label: str, expected: str) -> None:
    assert kind(label) == expected


def test_the_gravest_label_of_a_pair_counts(tmp_path: Path) -> None:
    path = tmp_path / "x.binetflow"
    flows = [
        binetflow(conn(0.0), "flow=Background"),
        binetflow(conn(1.0), "flow=From-Botnet-V42-TCP-CC6"),
        binetflow(conn(2.0), "flow=From-Botnet-V42-TCP-Attempt"),
        binetflow(conn(3.0, id__resp_p=80), "flow=From-Normal-V42-Jist"),
        binetflow(conn(4.0, id__resp_p=25), "flow=Background"),
    ]
    path.write_bytes(data(flows))
    ends = ("10.0.0.5", "203.0.113.9")
    assert labels(str(path)) == {(*ends, 443, "tcp"): "c2", (*ends, 80, "tcp"): "benign", (*ends, 25, "tcp"): ""}


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="required column missing: resp_p"):
        load(tmp_path, b"StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,State,TotBytes\n", "x.binetflow")
