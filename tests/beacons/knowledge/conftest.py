"""The small file, loaded once."""

from __future__ import annotations

import pytest

from zeek_beacons.knowledge import Knowledge

from . import small


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory) -> Knowledge:
    return small.load(tmp_path_factory.mktemp("knowledge"))
