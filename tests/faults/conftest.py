"""Faults are tried ZEEK_BEACONS_FAULT_ROUNDS times (`make faults`: ten); else twice with a real Zeek, once without."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from .lab import Lab

ROUNDS = int(os.environ.get("ZEEK_BEACONS_FAULT_ROUNDS", "0"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "round_number" in metafunc.fixturenames:
        metafunc.parametrize("round_number", range(ROUNDS or (2 if "lab" in metafunc.fixturenames else 1)))


@pytest.fixture
def lab(zeek: str, tmp_path: Path, round_number: int) -> Iterator[Lab]:
    with Lab(tmp_path, zeek) as made:
        yield made
