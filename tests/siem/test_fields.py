"""The fields that the other tests here go by are those that a real Zeek writes."""

from __future__ import annotations

import pytest

from .conftest import Rows
from .fields import ENDS, RECORDS, TELEMETRY, fields, notice_fields

# What these traces give nothing for.
ALWAYS = {
    "beacon_candidates": {"ts", "uid", *ENDS, "proto", "channel", "resp", "conns", "first_ts", "reason", "starts"},
    "beacon_verdicts": {"ts", "uid", *ENDS, "label", "score", "kind", "level", "severity", "reasons", "summary"},
    "beacon_long": set(),
}


@pytest.mark.parametrize("log", RECORDS)
def test_records_are_read(log: str) -> None:
    assert list(fields(log))[:6] == ["ts", "uid", *ENDS]
    assert ALWAYS[log] <= fields(log).keys()


@pytest.mark.parametrize("log", RECORDS)
def test_a_real_log_has_these_fields_and_no_other(log: str, logs: Rows) -> None:
    seen = set().union(*(row.keys() for row in logs[log]))
    assert ALWAYS[log] <= seen <= fields(log).keys()


def test_so_have_notice_and_telemetry(logs: Rows) -> None:
    assert {name for row in logs["notice"] for name in row} <= {*notice_fields()}
    assert {name for row in logs["telemetry"] for name in row} == {*TELEMETRY}
