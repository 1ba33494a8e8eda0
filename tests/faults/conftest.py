"""Faults are tried three times, or as often as ZEEK_BEACONS_FAULT_ROUNDS says (`make faults`: ten times)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from .lab import Lab

ROUNDS = int(os.environ.get("ZEEK_BEACONS_FAULT_ROUNDS", "3"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "round_number" in metafunc.fixturenames:
        metafunc.parametrize("round_number", range(ROUNDS))


@pytest.fixture
def lab(zeek: str, tmp_path: Path, round_number: int) -> Iterator[Lab]:
    with Lab(tmp_path, zeek) as made:
        yield made
