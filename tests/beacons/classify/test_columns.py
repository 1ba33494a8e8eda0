"""The classifier's columns: missing stays missing, ports are classes only, nothing tells one campaign by its names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.beacons.classify.made import normal, table
from tests.beacons.readers.logs import conn
from zeek_beacons.classify.columns import FEATURES, SERVICES, inputs, service_kind


def one(folder: Path, **given: Any) -> dict[str, float]:
    return dict(zip(FEATURES, inputs(table(folder, [conn(0.0, **given)]))[0].tolist(), strict=True))


def test_missing_stays_missing(tmp_path: Path) -> None:
    seen = one(tmp_path, duration=None, orig_bytes=None, resp_bytes=None, conn_state=None, history=None, service=None)
    missing = [name for name in FEATURES if np.isnan(seen[name])]
    assert {"duration", "orig_bytes", "resp_bytes", "balance", "orig_pkts", "state=SF", "history=S"} <= set(missing)
    assert not any(seen[f"service={name}"] for name in SERVICES)


def test_every_row_is_kept(tmp_path: Path) -> None:
    """The published recipe drops what has no duration, which most scans have not."""
    rows = [*normal(3), conn(200.0, duration=None, orig_bytes=None, resp_bytes=None, conn_state="S0")]
    assert inputs(table(tmp_path, rows)).shape == (4, len(FEATURES))


def test_no_port_number_address_or_time_is_seen(tmp_path: Path) -> None:
    """Source ports change nothing; destination ports of one class are the same; addresses, names, times are not in."""
    first = one(tmp_path, id__orig_p=1025, id__resp_p=22, id__orig_h="10.0.0.1", uid="A")
    other = one(tmp_path, id__orig_p=61_000, id__resp_p=23, id__orig_h="192.0.2.77", uid="B", ts=5.0)
    assert first == pytest.approx(other, nan_ok=True)
    assert first["port=login"] == 1
    assert one(tmp_path, id__resp_p=50_000)["port=dynamic"] == 1
    assert not {"orig_p", "resp_p", "orig_h", "resp_h", "ts", "uid"} & set(FEATURES)


@pytest.mark.parametrize(
    ("service", "kind"), [("ssl", "ssl"), ("smb,gssapi,ntlm", "windows"), ("quic,ssl", "ssl"), ("gopher", "other")]
)
def test_services_have_kinds(service: str, kind: str) -> None:
    assert service_kind(service) == kind


@given(st.text(max_size=30))
def test_any_service_has_a_kind(service: str) -> None:
    assert service_kind(service) in SERVICES


def test_a_row_does_not_depend_on_its_neighbours(tmp_path: Path) -> None:
    rows = [*normal(20), conn(3.0, duration=None)]
    together = inputs(table(tmp_path, rows))
    alone = np.concatenate([inputs(table(tmp_path, [row])) for row in rows])
    assert np.array_equal(together, alone, equal_nan=True)
