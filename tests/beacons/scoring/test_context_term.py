"""What is known of a server adds to a rhythm's score, both ways, and what is not known adds nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeek_beacons.config import Config
from zeek_beacons.features import extract
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import score
from zeek_beacons.reports.sentence import reasons
from zeek_beacons.scoring import Scoring
from zeek_beacons.scoring.context_term import CODES, FORGEABLE, INDICATORS, ContextTerm, Facts, measure
from zeek_beacons.verdicts import NAMED_TWIN, NOT_SUPPRESSED

Make = Callable[..., dict[str, Any]]
SHIPPED = Scoring.load()
GOOGLE, BARE = "142.250.185.78", "203.0.113.9"


def holds(**columns: Any) -> dict[str, float]:
    """The indicators that hold for a pair, with how far."""
    pairs = Pairs.build([_described(columns)])
    return {code: value for code, value in zip(CODES, measure(_facts(pairs))[0].tolist(), strict=True) if value}


def _facts(pairs: Pairs) -> Facts:
    return Facts.of(pairs, extract(pairs))


def _described(columns: dict[str, Any]) -> dict[str, Any]:
    n = columns.pop("n", 20)
    return {
        "orig_h": "10.0.0.5",
        "resp": BARE,
        "resp_p": 443,
        "service": "ssl",
        "resp_local": False,
        "start": 1_700_000_000 + 60.0 * np.arange(n),
        "state": ["SF"] * n,
    } | columns


def named(name: str, **columns: Any) -> dict[str, Any]:
    return {"resp": name, "addr": BARE, "server_name": name, "named": 20} | columns


def test_a_bare_public_server_is_unknown() -> None:
    assert holds() == {"unknown_server": 1.0}
    assert holds(**named("cdn-x.example.net")) == {"unknown_server": 1.0}
    assert holds(resp="10.0.0.9", resp_local=True) == {}


def test_a_popular_name_counts_in_full_with_a_second_witness() -> None:
    assert holds(**named("www.google.com", addr=GOOGLE)) == {"popular_name": 1.0, "own_network": 1.0}
    looked_up = holds(resp=BARE, dns_name="www.wikipedia.org", dns_named=20)
    assert looked_up["popular_name"] > 0
    alone = holds(**named("www.wikipedia.org"))["popular_name"]
    assert alone == pytest.approx(FORGEABLE * looked_up["popular_name"])


def test_a_banks_name_for_a_bare_server_is_worth_nothing() -> None:
    """The client claims one name, and has looked the address up by another."""
    claimed = {"server_name": "www.paypal.com", "named": 20, "name_conns": 20, "conns": 21}
    assert "popular_name" in holds(**claimed)
    assert holds(**claimed, dns_name="c2.example.net", dns_named=20) == {"unknown_server": 1.0}


def test_a_cloud_is_no_alibi_but_weighs_less_than_an_unknown_server() -> None:
    rented = holds(resp="3.80.138.201")
    assert rented == {"rented_network": 1.0}


@pytest.mark.parametrize(("attempts", "failing"), [(13, False), (14, True)])
def test_failing_is_a_habit_from_some_attempts_on(attempts: int, failing: bool) -> None:
    assert ("failing" in holds(n=attempts, state=["S0"] * attempts)) == failing


def test_only_tcp_fails() -> None:
    assert "failing" not in holds(state=["S0"] * 20, proto="udp", resp_p=123, service="")


@pytest.mark.parametrize(("share", "unusual"), [(0.96, True), (0.5, False), (np.nan, False)])
def test_tls_without_a_name_is_unusual_where_others_have_one(share: float, unusual: bool) -> None:
    assert ("unnamed_tls" in holds(site_tls_named=share)) == unusual
    assert "unnamed_tls" not in holds(**named("x.example.net", site_tls_named=share))


def test_ports_and_services() -> None:
    assert set(holds(resp_p=4444, service="")) == {"unknown_server", "uncommon_port"}
    assert set(holds(resp_p=80, service="ssl")) == {"unknown_server", "unfit_service"}
    assert set(holds(proto="udp", service="")) == {"quic"}
    assert set(holds(resp="10.0.0.1", resp_local=True, proto="udp", resp_p=53, service="dns")) == {"resolver"}


def test_every_indicator_tells_itself_in_words() -> None:
    pairs = Pairs.build(
        [
            _described({"resp_p": 4444, "service": "http", "state": ["S0"] * 20, "site_tls_named": 0.96}),
            _described(named("www.google.com", addr=GOOGLE)),
            _described({"dns_name": "x.example.net", "dns_named": 20}),
        ]
    )
    facts = _facts(pairs)
    for row in range(len(pairs)):
        for indicator, value in zip(INDICATORS, measure(facts)[row], strict=True):
            if value:
                text = indicator.tell(facts, row)
                assert text
                assert "nan" not in text
    assert INDICATORS[1].tell(facts, 1) == "it belongs to Google"


def test_what_is_not_known_leaves_the_score_to_the_rhythm(pair: Make) -> None:
    pairs = Pairs.build([pair(resp="10.0.0.9", resp_local=True)])
    context = measure(_facts(pairs))
    assert not context.any()
    scores = SHIPPED.score(extract(pairs))
    assert SHIPPED.fuse(scores, context) == SHIPPED.fuse(scores)


def test_facts_move_a_timer_both_ways(pair: Make) -> None:
    """The same 60 s timer to the site's own server, to a popular one, to an unknown one, to one that is dead."""
    own, unknown, popular, dead = (
        score(Pairs.build([pair(**where)]), SHIPPED, Config()).verdicts.score[0]
        for where in (
            {"resp": "10.0.0.9", "resp_local": True},
            {"resp": BARE, "resp_local": False, "service": "ssl"},
            named("www.google.com", addr=GOOGLE, resp_local=False, service="ssl"),
            {"resp": BARE, "resp_local": False, "state": ["S0"] * 60, "n": 60},
        )
    )
    assert popular < own < unknown
    assert dead > own


def test_a_fact_stands_among_the_reasons(pair: Make) -> None:
    loud = replace(SHIPPED, thresholds=dict.fromkeys(SHIPPED.thresholds, 0.0))
    scored = score(Pairs.build([pair(resp=BARE, resp_local=False, resp_p=4444)]), loud, Config())
    assert any("port 4444 is not a standard one" in text for text in reasons(scored, 0))


def test_a_pair_has_the_same_context_alone_and_in_a_batch(pair: Make) -> None:
    several = [pair(resp=f"203.0.113.{n}", resp_local=False, resp_p=(443, 4444, 53)[n % 3]) for n in range(9)]
    together = measure(_facts(Pairs.build(several)))
    for row, one in enumerate(several):
        np.testing.assert_array_equal(measure(_facts(Pairs.build([one])))[0], together[row])


@given(
    rhythm=st.lists(st.floats(0, 1), min_size=1, max_size=20),
    weights=st.lists(st.floats(0, 4), min_size=len(CODES), max_size=len(CODES)),
    data=st.data(),
)
def test_a_fact_never_moves_a_score_against_its_sign(rhythm: list[float], weights: list[float], data: Any) -> None:
    term = ContextTerm(0.3, 1.1, dict(zip(CODES, weights, strict=True)))
    scores = np.array(rhythm)
    nothing = np.zeros((len(scores), len(CODES)))
    place = data.draw(st.integers(0, len(CODES) - 1))
    one = nothing.copy()
    one[:, place] = data.draw(st.floats(0, 1))
    before, after = term.apply(scores, nothing), term.apply(scores, one)
    assert ((after - before) * INDICATORS[place].sign >= -1e-12).all()
    assert ((after > 0) & (after < 1)).all()
    order = np.argsort(scores, kind="stable")
    assert (np.diff(before[order]) >= 0).all()


@given(
    server_name=st.text(max_size=300) | st.just("a." * 500_000 + "com") | st.just("x" * 1_000_000),
    dns_name=st.text(max_size=300) | st.just("www.google.com"),
    service=st.text(max_size=20),
    share=st.floats(0, 1) | st.just(float("nan")),
    local=st.booleans(),
)
def test_whatever_is_claimed_there_is_a_verdict(
    server_name: str, dns_name: str, service: str, share: float, local: bool
) -> None:
    columns = {"server_name": server_name, "named": 20 if server_name else 0, "dns_name": dns_name, "service": service}
    pairs = Pairs.build([_described({**columns, "site_tls_named": share, "resp_local": local, "orig_local": local})])
    scored = score(pairs, SHIPPED, Config())
    assert np.isfinite(scored.verdicts.score).all()
    held = measure(_facts(pairs))
    assert ((held >= 0) & (held <= 1)).all()
    assert all(len(text) < 2_000_000 for text in reasons(scored, 0))


def test_a_false_name_does_not_silence_the_address(pair: Make) -> None:
    server = {"resp": "45.67.89.10", "resp_local": False}
    named = {"server_name": "www.google.com", "named": 100, "name_conns": 100} | server
    twin, false = pair(**named), pair(**named, dns_name="c2.evil-9173.net", dns_named=100)
    suppressed = score(Pairs.build([twin, false]), SHIPPED, Config()).verdicts.suppressed.tolist()
    assert suppressed == [NAMED_TWIN, NOT_SUPPRESSED]


def test_a_forged_name_does_not_make_a_server_an_operators() -> None:
    assert set(holds(**named("www.google.com"))) == {"popular_name"}
    assert "own_network" in holds(**named("www.google.com", addr=GOOGLE))


@pytest.mark.parametrize(("looked_up", "counts"), [(9, False), (10, True)])
def test_a_look_up_counts_from_half_of_the_connections_on(looked_up: int, counts: bool) -> None:
    assert ("popular_name" in holds(dns_name="www.wikipedia.org", dns_named=looked_up)) == counts


def test_an_alternative_web_port_is_for_the_web() -> None:
    assert "unfit_service" not in holds(resp_p=8080, service="http")
    assert "unfit_service" in holds(resp_p=8080, service="ftp")
