"""What several tests of the live sidecar need."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a history file may be made."""
    return tmp_path / "history.db"
