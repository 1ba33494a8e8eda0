"""When servers were first seen: by the earliest pair that is judged."""

from __future__ import annotations

import math

from zeek_beacons import traits
from zeek_beacons.pairs import Pairs
from zeek_beacons.readers.first_sights import first_sights

DAY = 86_400.0


def at(host: str, server: str, days: list[float], **given: object) -> dict[str, object]:
    return {"orig_h": host, "resp": server, "resp_p": 443, "start": [day * DAY for day in days], **given}


def test_the_earliest_pair_of_a_server_that_is_judged_counts() -> None:
    rows = [
        at("10.0.0.1", "a.example", [20_000, 20_003], traits="tls_version=TLSv12"),
        at("10.0.0.2", "a.example", [19_999.99, 20_001]),
        at("10.0.0.3", "a.example", [100]),  # one connection is not judged, and tells nothing
        at("10.0.0.1", "b.example", [20_002, 20_003]),
    ]
    told = first_sights(Pairs.build(rows), 2)
    assert told.tolist() == [
        "tls_version=TLSv12\nserver_first_seen=2024-10-03",
        "server_first_seen=2024-10-03",
        "",
        "server_first_seen=2024-10-06",
    ]
    assert first_sights(Pairs.build(rows[:0]), 2).tolist() == []


def test_times_of_any_kind_are_a_day_or_nothing() -> None:
    assert traits.with_first_sight("ja3=a", math.nan) == "ja3=a"
    assert traits.with_first_sight("", -DAY) == "server_first_seen=1969-12-31"
    for far in (-1e11, 1e11):
        assert traits.checked([traits.with_first_sight("", far)])
