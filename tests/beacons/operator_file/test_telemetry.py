"""Connections of other collectors become candidates by the same rules as Zeek's."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from zeek_beacons.operator_file.telemetry import rows


def connection(ts: float, **given: Any) -> dict[str, Any]:
    ends = {"id.orig_h": "10.0.0.5", "id.orig_p": 40_000, "id.resp_h": "203.0.113.9", "id.resp_p": 443, "proto": "tcp"}
    return {"ts": ts} | ends | given


def test_connections_of_a_pair_are_one_candidate() -> None:
    found, bad = rows([connection(120.0), connection(0.0, duration=0.5, orig_bytes=300), connection(60.0)])
    ((row, newest),) = found
    assert bad == 0
    assert sorted(row["start"].tolist()) == [0.0, 60.0, 120.0]
    assert (row["conns"], row["named"], newest["ts"]) == (3, 0, 120.0)
    assert sum(size == 300 for size in row["orig_bytes"].tolist()) == 1


def test_named_connections_form_a_pair_by_name_beside_the_pair_by_address() -> None:
    found, _ = rows([connection(60.0 * n, server_name="c2.example" if n else "") for n in range(4)])
    by_resp = {row["resp"]: row for row, _ in found}
    assert by_resp.keys() == {"203.0.113.9", "c2.example"}
    address, name = by_resp["203.0.113.9"], by_resp["c2.example"]
    assert (address["conns"], address["named"], address["server_name"]) == (4, 3, "c2.example")
    assert (name["conns"], name["named"], name["addr"]) == (3, 3, "203.0.113.9")


def test_no_name_stands_for_an_address_that_several_share_evenly() -> None:
    found, _ = rows([connection(0.0, server_name="a.example"), connection(1.0, server_name="b.example")])
    (address,) = (row for row, _ in found if row["resp"] == "203.0.113.9")
    assert (address["server_name"], address["name_conns"], address["named"]) == ("", 0, 2)


def test_what_is_none_is_counted_and_takes_no_other_pair_along() -> None:
    found, bad = rows([connection(0.0), connection(1.0, **{"id.orig_h": "10.0.0.6", "id.resp_h": "nowhere"})])
    assert ([row["orig_h"] for row, _ in found], bad) == (["10.0.0.5"], 1)


VALUES = st.none() | st.floats() | st.integers() | st.text(max_size=5)


@given(
    given=st.dictionaries(
        st.sampled_from(["duration", "orig_bytes", "resp_bytes", "conn_state", "service", "server_name", "uid"]), VALUES
    ),
    ts=st.floats(allow_nan=False),
)
def test_whatever_comes_is_a_candidate_or_counted(given: dict[str, Any], ts: float) -> None:
    found, bad = rows([connection(ts, **given)])
    assert bool(found) or bad == 1 or bad == 2
