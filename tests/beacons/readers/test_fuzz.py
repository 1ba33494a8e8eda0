"""Whatever the bytes, a reader gives Pairs or an InputError, and accounts for every row."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zeek_beacons.errors import InputError
from zeek_beacons.readers import READERS
from zeek_beacons.readers.zeek_rows import log_name

from .logs import load
from .samples import samples

SAMPLES = samples(30)
FUZZ = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
# What breaks parsers: separators, quotes, ends of lines, numbers at the edge, other scripts, deep nesting.
SPICE = [
    b"\t", b"\n", b"\r", b"\r\n", b"\x00", b'"', b"'", b",", b"#", b"#fields\t", b"#fields\tts\tts\n", b"#path\tdns\n",
    b"#separator \\x2c\n", b"#separator \n", b"#unset_field\n", b"-", b"(empty)", b"{", b"}", b"[", b"]", b'{"a":1}',
    b"null",
    b"nan", b"inf", b"-inf", b"1e999", b"-1", b"99999999999999999999", b"0x1f", b"1_0", b"true", b"\xff", b"\xc3\xa9",
    b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"2026-01-01T00:00:00", b"9999-12-31T23:59:59", b"0001-01-01T00:00:00+23:59",
    b"::ffff:1.2.3.4", b"fe80::1%eth0", b"1.2.3.4", b"Summary\n", b"in", b"out", b"\\x",
    b"\\u0000", b"\\ud800", b" ", b"  \n",
]  # fmt: skip


def survives(data: bytes, name: str, form: str | None = None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        message = folder
        try:
            load(Path(folder), data, name, form=form)
        except InputError as error:
            message = str(error)
        assert message.startswith(folder)
        assert "\n" not in message


@pytest.mark.parametrize("form", [*READERS, None])
@FUZZ
@given(data=st.binary(max_size=400) | st.lists(st.sampled_from(SPICE), max_size=30).map(b"".join))
def test_any_bytes(form: str | None, data: bytes) -> None:
    survives(data, "input", form)
    log_name(data)


@pytest.mark.parametrize("name", SAMPLES)
@FUZZ
@given(data=st.data())
def test_mutated_logs(name: str, data: st.DataObject) -> None:
    log = bytearray(SAMPLES[name].data)
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(log)))
        end = min(len(log), at + data.draw(st.integers(0, 12)))
        log[at:end] = data.draw(st.sampled_from(SPICE) | st.binary(max_size=4))
    survives(bytes(log), SAMPLES[name].name, data.draw(st.sampled_from([None, name.split("-")[0]])))


@pytest.mark.parametrize("name", SAMPLES)
@FUZZ
@given(seed=st.integers(0, 2**32))
def test_mutated_values(name: str, seed: int) -> None:
    """Whole fields replaced, so that the damage gets past the parsers."""
    rng, sample = random.Random(seed), SAMPLES[name]
    cut: Callable[[bytes], list[bytes]] = lambda line: line.split(b"\t" if b"\t" in line else b",")  # noqa: E731
    lines = []
    for line in sample.lines[:12]:
        mark = b"\t" if b"\t" in line else b","
        cells = cut(line)
        for _ in range(rng.randint(0, 2)):
            at = rng.randrange(len(cells))
            key = cells[at].split(b": ")[0] + b": " if sample.header == b"" and b": " in cells[at] else b""
            cells[at] = key + rng.choice(SPICE)
        lines.append(mark.join(cells))
    survives(sample.header + b"".join(lines), sample.name)
