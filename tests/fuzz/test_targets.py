"""Every target stands its own seeds, and what has been found before."""

from __future__ import annotations

import re

import pytest

from .seeds import seeds
from .targets import TARGETS

# Inputs that atheris found, each of which something fell over.
FOUND: list[tuple[str, bytes]] = [
    ("operator-rows", b'meta ["revision", "ev7"]'),
    ("operator-rows", b'allow [1, 7, "ann", "soon", 5, null, null, null]'),
    (
        "operator-rows",
        b'telemetry [1, "edge", 1.0, "many", "[["]\ntelemetry [2, "edge", 1.0, 1, ' + b'"' + b"[" * 3000 + b'"]',
    ),
    ("operator-file", next(seeds("operator-file")).replace(b"CREATE TABLE", b"CREATE TABL\xa1")),
    ("alert-queue", next(seeds("alert-queue")).replace(b"NULL,\n    alert TEXT", b"NULL --   alert TEXT")),
    ("alert", re.sub(rb'"time": [^,]+', b'"time": 1e17', next(seeds("alert")))),
    (
        "process-events",
        b'{"UtcTime": event_id,host_id,timestamp,src_ip,src_port,dst_ip,dst_port,protocol,proc_name\n'
        + next(one for one in seeds("process-events") if one.startswith(b"{")),
    ),
]


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
