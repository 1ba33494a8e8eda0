"""Every target stands its own seeds, and what has been found before."""

from __future__ import annotations

import pytest

from .seeds import seeds
from .targets import TARGETS

# Inputs that atheris found, each of which something fell over.
FOUND: list[tuple[str, bytes]] = []


@pytest.mark.parametrize("target", TARGETS)
def test_seeds(target: str) -> None:
    given = [*seeds(target)]
    assert given
    for seed in given:
        assert len(seed) < 65_536
        TARGETS[target](seed)


@pytest.mark.parametrize(("target", "data"), FOUND)
def test_what_was_found(target: str, data: bytes) -> None:
    TARGETS[target](data)
