"""One process at several servers or ports is seen as one; what merely looks the same is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from zeek_beacons import groups
from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.features.matrix import measure
from zeek_beacons.pairs import Floats, Ints, Pairs
from zeek_beacons.pipeline import Scored, score
from zeek_beacons.reports.facts import facts
from zeek_beacons.reports.sentence import reasons, sentence
from zeek_beacons.reports.tables import incidents, scored_pairs
from zeek_beacons.scoring import Scoring
from zeek_beacons.verdicts import ALLOW_LISTED, BEACON, LOOK_ALIKE

BEGIN = 1.7e9
Row = dict[str, Any]


def timer(n: int, sleep: float = 60.0, jitter: float = 0.1, seed: int = 1) -> Floats:
    waits = sleep * np.random.default_rng(seed).uniform(1 - jitter, 1, n)
    return BEGIN + np.cumsum(waits)


def at_random(n: int, servers: int, seed: int = 2) -> Ints:
    return np.random.default_rng(seed).integers(0, servers, n)


def one(start: Floats, resp: str, **given: Any) -> Row:
    sizes: Row = {"duration": 0.2, "orig_bytes": 300.0, "resp_bytes": 900.0}
    observed = {name: np.full(len(start), value) for name, value in sizes.items()}
    return {"orig_h": "10.0.0.5", "resp": resp, "resp_p": 443, "service": "ssl", "start": start} | observed | given


def walk(start: Floats, server: Ints, **given: Any) -> list[Row]:
    """A process that goes to the numbered server with each check-in."""
    return [one(start[server == number], f"45.{10 + number}.3.4", **given) for number in np.unique(server)]


def ports(start: Floats, port: Ints) -> list[Row]:
    at = {8000 + int(number): start[port == number] for number in np.unique(port)}
    return [one(times, "45.10.3.4", resp_p=number, service="") for number, times in at.items()]


def found(rows: list[Row]) -> groups.Groups:
    """The groups that these pairs form, whatever they score."""
    pairs = Pairs.build(rows)
    features, checkins = measure(pairs)
    return groups.find(pairs, features, checkins, np.ones(len(pairs), dtype=np.bool_))


def judged(rows: list[Row], allow: AllowList | None = None) -> Scored:
    return score(Pairs.build(rows), Scoring.load(), Config(), allow)


@pytest.mark.parametrize(
    ("rows", "members"),
    [
        (walk(timer(60), at_random(60, 5)), 5),
        (walk(timer(120, jitter=0.6), at_random(120, 5)), 5),
        (walk(timer(60, jitter=0.0), np.arange(60) % 4), 4),
        (ports(timer(60), at_random(60, 4)), 4),
        (walk(timer(200), at_random(200, 8)), 8),
    ],
    ids=["at random", "with jitter", "in turn", "several ports", "as many as a group holds"],
)
def test_one_process_is_one_group(rows: list[Row], members: int) -> None:
    made = found(rows)
    assert [len(of) for of in made.members] == [members]
    merged = np.sort(np.concatenate([row["start"] for row in rows]))
    assert np.allclose(made.pairs.start, merged, atol=1e-6)
    assert made.pairs.conns.tolist() == [len(merged)]
    assert made.pairs.is_group.all()
    assert not made.pairs.is_named.any()


@pytest.mark.parametrize(
    "rows",
    [
        [one(BEGIN + np.cumsum(np.random.default_rng(n).exponential(300, 40)), f"45.{n}.3.4") for n in range(20)],
        [one(timer(40, seed=n) + 2.0 * n, f"45.{n}.3.4") for n in range(8)],
        [row | {"orig_bytes": row["orig_bytes"] * (1 + n)} for n, row in enumerate(walk(timer(60), at_random(60, 5)))],
        [row | {"resp_p": 443 + n} for n, row in enumerate(walk(timer(60), at_random(60, 5)))],
        [row | {"service": f"s{n}"} for n, row in enumerate(walk(timer(60), at_random(60, 5)))],
        [row | {"orig_h": f"10.0.0.{n}"} for n, row in enumerate(walk(timer(60), at_random(60, 5)))],
        [row | {"start": row["start"] + 9e4 * n} for n, row in enumerate(walk(timer(60), at_random(60, 5)))],
        walk(timer(20), at_random(20, 6)),
    ],
    ids=["chance", "timers", "sizes", "ports", "services", "hosts", "days", "four connections each"],
)
def test_what_is_not_one_process_is_no_group(rows: list[Row]) -> None:
    assert not len(found(rows))


def test_a_group_does_not_depend_on_the_order_of_pairs() -> None:
    rows = walk(timer(200), at_random(200, 8))
    assert found(rows).pairs.resp.tolist() == found(rows[::-1]).pairs.resp.tolist()


def test_a_group_keeps_its_id_while_it_grows() -> None:
    start, server = timer(200), at_random(200, 5)
    early = walk(start[:60], server[:60])
    assert found(early).pairs.resp.tolist() == found(walk(start, server)).pairs.resp.tolist()


def test_groups_are_bounded_and_disjoint() -> None:
    made = found(walk(timer(4000), at_random(4000, 100)))
    everyone = np.concatenate([np.zeros(0, dtype=np.int64), *made.members])
    assert all(len(of) <= groups.MOST for of in made.members)
    assert len(set(everyone.tolist())) == len(everyone)


def test_a_name_and_its_address_count_once() -> None:
    rows = walk(timer(60), at_random(60, 4))
    for number, row in enumerate(rows):
        n = len(row["start"])
        row |= {"server_name": f"a{number}.example.net", "named": n}
    by_name = [row | {"resp": row["server_name"], "addr": row["resp"]} for row in rows]
    made = found([*rows, *by_name])
    assert [len(of) for of in made.members] == [4]
    assert made.pairs.conns.tolist() == [60]


def test_members_alert_with_their_group() -> None:
    scored = judged(walk(timer(60), at_random(60, 5)))
    group = 5
    assert scored.pairs.resp[group].startswith("group:")
    assert scored.verdicts.alerts.tolist() == [True] * 6
    assert scored.speaker.tolist() == [group] * 6
    assert set(scored.verdicts.score.tolist()) == {scored.verdicts.score[group]}
    assert scored.incidents.rows[0].tolist()[0] == group
    assert incidents(scored).select(["members", "servers", "connections"]).to_pylist() == [
        {"members": 5, "servers": 5, "connections": 60}
    ]
    rows = scored_pairs(scored).to_pylist()
    assert len({row["incident"] for row in rows}) == 1
    assert all(row["alert"] for row in rows)


def test_it_is_told_of_how_many_servers_one_is() -> None:
    rows = walk(timer(60), at_random(60, 5))
    scored = judged(rows)
    most = f"10.0.0.5 checks in with 5 servers in turn ({scored.pairs.addr[5]}:443 and 4 more) every 60 s (jitter 10 %)"
    assert sentence(scored, 5).startswith(most)
    assert f"{rows[0]['resp']}:443, one of 5 servers in turn, every 60 s" in sentence(scored, 0)
    assert reasons(scored, 0)[0] == "one of 5 servers in turn"
    assert all(f'id.resp_h == "{row["resp"]}"' in facts(scored, 5).filter for row in rows)


def test_ports_in_turn_are_told_as_such() -> None:
    scored = judged(ports(timer(60), at_random(60, 4)))
    assert "checks in with 4 ports of 45.10.3.4 in turn (45.10.3.4:80" in sentence(scored, 4)


def test_a_group_is_dropped_where_a_member_alone_scores_clearly_higher() -> None:
    made = found(walk(timer(60), at_random(60, 5)))
    assert len(groups.loud(made, np.zeros(5), Scoring.load())) == 1
    assert len(groups.loud(made, np.ones(5), Scoring.load())) == 0


def test_timers_in_turn_are_told_by_their_common_sleep() -> None:
    scored = judged(walk(timer(160, jitter=0.0), np.arange(160) % 4))
    assert scored.verdicts.sleep == pytest.approx(np.full(5, 60.0), rel=0.01)


@pytest.mark.parametrize(
    "given",
    [
        {"server_name": "www.google.com"},
        {"server_name": "update.microsoft.com"},
        {"orig_h": "45.1.1.1", "orig_local": False, "resp_local": True},
    ],
    ids=["popular", "a look-alike", "from outside"],
)
def test_what_is_known_to_be_harmless_forms_no_group(given: Row) -> None:
    rows = walk(timer(60), at_random(60, 5), **given)
    named = [row | {"named": len(row["start"]) if "server_name" in given else 0} for row in rows]
    assert len(judged(named).pairs) == 5


def test_ubuntus_connectivity_check_is_known_by_its_servers() -> None:
    servers = ("185.125.190.17", "185.125.190.18", "185.125.190.48", "91.189.91.48", "91.189.91.49")
    start, server = timer(100, 300.0, 0.0), at_random(100, 5)
    checks = [start[server == number] for number in range(len(servers))]
    rows = [
        one(times, resp, resp_p=80, service="http", orig_bytes=times * 0 + 87, resp_bytes=times * 0 + 147)
        for times, resp in zip(checks, servers, strict=True)
    ]
    scored = judged(rows)
    assert len(scored.pairs) == 5
    assert (scored.verdicts.suppressed == LOOK_ALIKE).all()
    elsewhere = judged([row | {"resp": f"45.{number}.3.4"} for number, row in enumerate(rows)])
    assert elsewhere.pairs.is_group.any()


def test_a_group_is_as_quiet_as_its_members(tmp_path: Path) -> None:
    path = tmp_path / "allow.txt"
    path.write_text("".join(f"subnet 45.{10 + number}.3.4/32\n" for number in range(5)))
    scored = judged(walk(timer(60), at_random(60, 5)), AllowList.load(path))
    assert scored.verdicts.label[5] == BEACON
    assert (scored.verdicts.suppressed == ALLOW_LISTED).all()
    assert not len(scored.incidents)


def test_a_group_leaves_what_its_members_score_for_themselves() -> None:
    rows = walk(timer(60), at_random(60, 5))
    quiet = replace(Config(), threshold=0.999)
    together = score(Pairs.build(rows), Scoring.load(), quiet).verdicts
    alone = [score(Pairs.build([row]), Scoring.load(), quiet).verdicts.score[0] for row in rows]
    assert together.score[:5].tolist() == alone
    assert together.score[5] > max(alone)
    assert not together.alerts.any()
