"""Hosts by what their connections come to: scanners by many targets, and not by what is mistaken anyhow."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.beacons.classify.made import normal, sweep, table
from zeek_beacons.classify import hosts
from zeek_beacons.classify.hosts import BRUTE, SCAN, HostTable
from zeek_beacons.classify.model import CLASSES

SHARES = dict.fromkeys(CLASSES[1:], 0.02)


def test_a_scanner_is_told_by_its_targets(tmp_path: Path) -> None:
    found = HostTable(SHARES)
    for part in (sweep(60), normal(30)):
        rows = table(tmp_path, part)
        scans = np.full(len(rows), SCAN if part[0]["label"] == "scan" else 0)
        found.add(rows, scans)
    row = found.table().to_pylist()[0]
    assert (row["host"], row["roles"], row["began_scan"], row["scan_targets"]) == ("10.0.0.66", "scanner", 60, 60)
    assert found.role_counts()["scanner"] == 1


def test_retries_to_a_dead_server_are_no_scan(tmp_path: Path) -> None:
    found, rows = HostTable(SHARES), table(tmp_path, [*normal(60), *sweep(1)])
    found.add(rows, np.full(61, SCAN))
    assert (found.role_counts()["scanner"], found.role_counts()["scanned"]) == (0, 0)


def test_a_scanned_host_is_told_by_its_ports(tmp_path: Path) -> None:
    rows = [{**row, "id.resp_h": "10.0.0.9", "id.resp_p": 1 + at} for at, row in enumerate(sweep(40))]
    found = HostTable(SHARES)
    found.add(table(tmp_path, rows), np.full(40, SCAN))
    assert {row["host"]: row["roles"] for row in found.table().to_pylist()} == {
        "10.0.0.66": "scanner",
        "10.0.0.9": "scanned",
    }


def test_targets_are_counted_once_over_chunks(tmp_path: Path) -> None:
    found, rows = HostTable(SHARES), table(tmp_path, sweep(30))
    for _ in range(3):
        found.add(rows, np.full(30, SCAN))
    row = found.table().to_pylist()[0]
    assert (row["began_scan"], row["scan_targets"]) == (90, 30)


def test_targets_have_a_cap(tmp_path: Path) -> None:
    found = HostTable(SHARES)
    found.add(table(tmp_path, sweep(60)), np.full(60, SCAN))
    assert len(found._seen) == 60
    assert hosts.MOST_TARGETS > 60
    found._targets[:] = hosts.MOST_TARGETS
    found.add(table(tmp_path, sweep(60, port=22)), np.full(60, SCAN))
    assert len(found._seen) == 60


def test_what_is_mistaken_anyhow_is_no_role(tmp_path: Path) -> None:
    """Two in a hundred of 2,000 normal connections look like brute force: that says nothing."""
    rows = table(tmp_path, normal(2000))
    found = HostTable(SHARES)
    found.add(rows, np.where(np.arange(2000) < 40, BRUTE, 0))
    assert found.role_counts()["brute_forcer"] == 0
    found.add(rows, np.where(np.arange(2000) < 1000, BRUTE, 0))
    assert found.role_counts() == dict.fromkeys(hosts.ROLES, 0) | {"brute_forcer": 1, "brute_forced": 1}
