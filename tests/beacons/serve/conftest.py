"""What the tests of the console share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

from .made import Running, console, history


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A console over a history of six beacons."""
    history(tmp_path)
    with console(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The same, shared by the tests of a module that leave it as it was."""
    folder = tmp_path_factory.mktemp("standing")
    history(folder)
    with console(folder) as made:
        yield made
