"""What belongs together and what does not; and that it depends on nothing else than the pairs."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeek_beacons.config import Config
from zeek_beacons.incidents import Member, buckets_of, identity, together
from zeek_beacons.keys import Key
from zeek_beacons.locality import is_private
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import score
from zeek_beacons.scoring import Scoring

Make = Callable[..., dict[str, Any]]


def member(resp: str = "45.0.0.9", **given: Any) -> Member:
    known: dict[str, Any] = {
        "orig_h": "10.0.0.5",
        "resp_p": 443,
        "proto": "tcp",
        "addr": resp if resp[0].isdigit() else "45.0.0.9",
        "service": "ssl",
        "name": "" if resp[0].isdigit() else resp,
        "conns": 100,
        "named": 0 if resp[0].isdigit() else 100,
        "local": False,
        "first_ts": 0.0,
        "sleep": 60.0,
        "failed": 0.0,
        "kind": 0,
        "score": 0.9,
    }
    found = Member(resp=resp, **(known | given))
    return found._replace(local=is_private(found.addr))


def joined(*members: Member) -> set[frozenset[Key]]:
    groups: dict[int, set[Key]] = {}
    for number, one in zip(together(members), members, strict=True):
        groups.setdefault(number, set()).add(one.key)
    return set(map(frozenset, groups.values()))


OTHER_HOST = {"orig_h": "10.0.0.6"}
DEAD = {"sleep": math.nan, "failed": 1.0}
PROXY = {"addr": "10.1.1.1", "resp_p": 3128, "service": "http"}


@pytest.mark.parametrize(
    "members",
    [
        # 1. twins
        (member("c2.example"), member("45.0.0.7", named=60, name="c2.example", sleep=500.0)),
        (member("c2.example"), member("45.0.0.9", named=60, sleep=500.0)),
        (member("c2.example"), member("45.0.0.7", name="c2.example", sleep=500.0)),
        # 2. a proxy
        (member("c2.example", **PROXY), member("10.1.1.1", **PROXY, conns=150, named=150, sleep=500.0)),
        (member("c2.example", **PROXY), member("10.1.1.1", **PROXY, conns=900, named=900, sleep=61.0)),
        # 3. ports of one server
        (member(), member(resp_p=8080, service="", sleep=500.0)),
        (member("c2.example"), member("c2.example", resp_p=80, service="http", sleep=500.0)),
        (member("c2.example"), member(resp_p=8443, sleep=62.0)),
        # 4. a rotation
        (member(), member("45.0.0.10", sleep=66.0), member("45.0.0.11", sleep=73.0)),
        (member("a.c2.example"), member("b.c2.example", addr="45.0.0.10", sleep=61.0)),
        (member(failed=0.9), member("45.0.0.10", failed=1.0, sleep=700.0), member("45.0.0.11", **DEAD)),
        # 5. several hosts
        (member("c2.example"), member("c2.example", **OTHER_HOST, addr="45.9.9.9", sleep=500.0)),
        (member(), member(**OTHER_HOST, sleep=500.0)),
        (member("203.0.113.9"), member("203.0.113.9", **OTHER_HOST, sleep=500.0)),
    ],
)  # fmt: skip
def test_belongs_together(members: tuple[Member, ...]) -> None:
    assert len(joined(*members)) == 1


@pytest.mark.parametrize(
    "members",
    [
        # names of different domains, whatever else they share
        (member("one.example"), member("two.example", addr="45.0.0.10")),
        (member("one.example"), member("two.example")),
        (member("one.example", failed=1.0), member("two.example", failed=1.0)),
        (member("one.cloudfront.net"), member("two.cloudfront.net")),
        (member("one.example"), member("two.example", resp_p=80, service="http")),
        (member("one.example"), member("two.example", sleep=600.0), member("45.0.0.9", conns=500, named=400)),
        (member("one.example", **PROXY), member("10.1.1.1", **PROXY, conns=900, named=900, sleep=5.0)),
        (member("one.example"), member("45.0.0.9", named=60, name="two.example")),
        (member("45.0.0.9", name="one.example"), member("45.0.0.10", name="two.example")),
        # a name and an address that has none
        (member("one.example"), member("45.0.0.10")),
        # a rotation needs one rhythm, port, protocol and service
        (member(), member("45.0.0.10", sleep=75.0)),
        (member(), member("45.0.0.10", sleep=math.nan)),
        (member(), member("45.0.0.10", resp_p=80)),
        (member(), member("45.0.0.10", service="quic")),
        (member(), member("45.0.0.10", named=50)),  # connections carried several names
        (member(failed=1.0), member("45.0.0.10", sleep=600.0)),
        # several hosts: a server of the site is everybody's
        (member("10.9.9.9"), member("10.9.9.9", **OTHER_HOST)),
        (member(), member(**OTHER_HOST, resp_p=80)),
        (member(), member("45.0.0.10", **OTHER_HOST)),
        # kinds stay apart
        (member(), member(resp_p=80, kind=1)),
    ],
)
def test_stays_apart(members: tuple[Member, ...]) -> None:
    assert len(joined(*members)) == len(members)


NAMES = st.sampled_from(("45.0.0.9", "45.0.0.10", "10.1.1.1", "a.one.example", "b.one.example", "two.example"))
ANY = st.builds(
    lambda resp, addr, name, **more: member(
        resp, **more, **({"addr": resp, "name": name} if resp[0].isdigit() else {"addr": addr, "name": resp})
    ),
    NAMES,
    addr=st.sampled_from(("45.0.0.9", "10.1.1.1")),
    name=st.sampled_from(("", "", "a.one.example", "b.one.example", "two.example")),
    orig_h=st.sampled_from(("10.0.0.5", "10.0.0.6")),
    resp_p=st.sampled_from((443, 3128, 80)),
    service=st.sampled_from(("ssl", "")),
    conns=st.integers(50, 200),
    named=st.sampled_from((0, 30, 80)),
    sleep=st.sampled_from((math.nan, 55.0, 60.0, 65.0, 70.0, 76.0, 600.0)),
    failed=st.sampled_from((0.0, 1.0)),
    score=st.sampled_from((0.7, 0.8, 0.9)),
)
# Enough of them to find what only few constellations show.
THOROUGH = settings(max_examples=500)
MANY = st.lists(ANY, max_size=12, unique_by=lambda one: one.key)


@given(MANY, st.randoms())
def test_order_does_not_matter(members: list[Member], chance: random.Random) -> None:
    shuffled = members.copy()
    chance.shuffle(shuffled)
    assert joined(*members) == joined(*shuffled)


@THOROUGH
@given(MANY)
def test_a_further_pair_never_splits_an_incident(members: list[Member]) -> None:
    whole = joined(*members)
    for part in joined(*members[:-1]):
        assert any(part <= incident for incident in whole)


@given(MANY)
def test_two_that_are_joined_directly_share_a_bucket(members: list[Member]) -> None:
    """What a running sidecar looks up is enough to find all that a pair belongs to."""
    for one, other in pairwise(members):
        if len(joined(one, other)) == 1:
            assert set(buckets_of(one)) & set(buckets_of(other))


def test_each_alert_is_in_one_incident_led_by_its_highest_score(pair: Make) -> None:
    pairs = Pairs.build(
        [
            pair(orig_h="10.0.0.5", n=20, jitter=0.3),
            pair(orig_h="10.0.0.5", resp_p=8080, seed=2),
            pair(orig_h="10.0.0.6", resp="45.0.0.77", rhythm=False),
            pair(orig_h="10.0.0.7", resp="45.0.0.78"),
            pair(orig_h="10.0.0.8", resp="45.0.0.78"),
        ]
    )
    scored = score(pairs, Scoring.rules_only(), Config())
    incidents, verdicts = scored.incidents, scored.verdicts
    assert sorted(np.concatenate(incidents.rows).tolist()) == np.flatnonzero(verdicts.alerts).tolist() == [0, 1, 3, 4]
    assert (incidents.of >= 0).tolist() == verdicts.alerts.tolist()
    for number, rows in enumerate(incidents.rows):
        scores = verdicts.score[rows]
        assert scores.tolist() == sorted(scores, reverse=True)
        assert (incidents.of[rows] == number).all()
    assert {frozenset(rows.tolist()) for rows in incidents.rows} == {frozenset({0, 1}), frozenset({3, 4})}
    heads = [verdicts.score[rows[0]] for rows in incidents.rows]
    assert heads == sorted(heads, reverse=True)


def test_the_id_is_that_of_the_member_that_began_first(pair: Make) -> None:
    late = pair(resp_p=8080)
    late["start"] = late["start"] + 10.0
    (found,) = score(Pairs.build([late, pair()]), Scoring.rules_only(), Config()).incidents.ids
    assert found == identity(("10.0.0.5", "203.0.113.9", 443, "tcp", "conn"))
    assert len(found) == 10
    assert int(found, 16)


def test_a_hundred_thousand_alerts_take_no_time() -> None:
    crowd = [member(f"45.{n // 65_536}.{n // 256 % 256}.{n % 256}", sleep=20.0 + n / 100) for n in range(40_000)]
    crowd += [member(f"46.{n // 65_536}.{n // 256 % 256}.{n % 256}", **DEAD) for n in range(30_000)]
    crowd += [member("c2.example", orig_h=f"10.{n // 65_536}.{n // 256 % 256}.{n % 256}") for n in range(30_000)]
    began = time.process_time()
    assert len(set(together(crowd))) == 2 + 1
    assert time.process_time() - began < 20  # about one second; what is quadratic takes hours
