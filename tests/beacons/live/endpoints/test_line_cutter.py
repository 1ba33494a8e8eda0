"""Bytes become the same lines however they are cut, and a line without an end takes no memory."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeek_beacons.live.endpoints import line_cutter
from zeek_beacons.live.endpoints.line_cutter import LineCutter

SHORT = 8


@pytest.fixture(autouse=True, scope="module")
def short() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_cutter, "LONGEST", SHORT)
        yield


@given(st.lists(st.text("ab\n", max_size=12).map(str.encode)))
def test_pieces_make_the_lines_of_the_whole(pieces: list[bytes]) -> None:
    cutter = LineCutter()
    found = []
    for piece in pieces:
        found += cutter.cut(piece)
        assert len(cutter._rest) <= SHORT
    *whole, rest = b"".join(pieces).split(b"\n")
    assert found == [line for line in whole if len(line) <= SHORT]
    assert cutter.long == sum(len(line) > SHORT for line in (*whole, rest))
    assert cutter.end() == ([rest] if rest and len(rest) <= SHORT else [])
    assert cutter.cut(b"a\n") == [b"a"], "another stream begins"
