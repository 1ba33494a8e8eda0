"""What several tests of the read model need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from zeek_beacons.live.history.store import History, Limits
from zeek_beacons.scoring import Scoring


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a history file may be made."""
    return tmp_path / "history.db"


@pytest.fixture
def history(path: Path) -> Iterator[History]:
    """An empty history, open to be written to."""
    opened = History.open(path, Limits())
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def scoring() -> Scoring:
    """The shipped model."""
    return Scoring.load()
