"""Text from the network makes neither links nor marks in a report."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeek_beacons.reports.escape import plain


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("www.evil.example:443", "www\\.evil.example:443"),
        ("http://evil.example", "http\\://evil.example"),
        ("~~struck~~", "\\~\\~struck\\~\\~"),
        ("&lt;b&gt;", "\\&lt;b\\&gt;"),
        ("a@evil.example", "a\\@evil.example"),
        ("one\ntwo\x1b[31m", "one two \\[31m"),
        ("10.0.0.5 checks in", "10.0.0.5 checks in"),
    ],
)
def test_what_markdown_would_take_for_its_own_is_escaped(text: str, shown: str) -> None:
    assert plain(text) == shown


@given(st.text())
def test_a_text_stays_one_line_without_control_characters(text: str) -> None:
    assert all(c.isprintable() for c in plain(text))
