"""Registered domains, ranks and tags of names."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zeek_beacons.knowledge import TAGS, Knowledge, registered_domain, tag_names, tag_texts
from zeek_beacons.knowledge.suffixes import LONGEST_NAME, normalise

from .small import ICANN, POPULAR, PRIVATE, TAGGED

LABELS = st.sampled_from(
    [
        *("com", "uk", "co", "ck", "www", "net", "cloud", "compute"),
        *("duck", "org", "big", "mail", "check", "own", "x", "local"),
    ]
)
NAMES = st.lists(LABELS, min_size=1, max_size=7).map(".".join)
RANKS = {domain: rank for rank, domains in reversed(POPULAR.items()) for domain in domains}
HOSTILE = ["", ".", "..", "a..com", ".com", "-", "*", "com", "1.2.3.4", "1.2.3", "0x7f.1", "::1", "[::1]", "a b.com"]
HOSTILE += ["a\0.com", "a\n.com", "big.com\n", "\ud800.com", "x\\xff.com", "http://big.com", "big.com:443", "big.com/x"]


def reference(name: str) -> str:
    """The registered domain by the algorithm of publicsuffix.org, as it reads."""

    def suffix(rules: tuple[str, ...], labels: list[str]) -> int:
        best = 1
        for rule in rules:
            parts = rule.lstrip("!").split(".")
            tail = labels[-len(parts) :]
            if len(tail) == len(parts) and all(one in ("*", two) for one, two in zip(parts, tail, strict=True)):
                if rule.startswith("!"):
                    return len(parts) - 1
                best = max(best, len(parts))
        return best

    labels = name.split(".")
    for rules in (ICANN + PRIVATE, ICANN):
        length = suffix(rules, labels)
        if length < len(labels):
            return ".".join(labels[-length - 1 :])
    return ""


@given(NAMES)
@example("compute.cloud.net")  # a rule for all below it is none for it
def test_registered_domains_are_those_of_the_rules(known: Knowledge, name: str) -> None:
    assert known.registered_domain(name) == (reference(name) if "." in name else "")


@given(st.lists(NAMES, max_size=20))
def test_facts_are_those_of_plain_dictionaries(known: Knowledge, names: list[str]) -> None:
    facts = known.names(np.array(names, dtype=object))
    assert len(facts.registered) == len(facts.rank) == len(facts.tags) == len(names)
    for name, registered, rank, tags in zip(names, facts.registered, facts.rank, facts.tags, strict=True):
        assert registered == known.registered_domain(name)
        assert rank == RANKS.get(registered) or (math.isnan(rank) and registered not in RANKS)
        ends = [name.split(".", dots)[-1] for dots in range(name.count(".") + 1)]
        allowed = {f"={name}", *ends} if "." in name else set()
        possible = {tag for end in allowed & TAGGED.keys() for tag in tag_names(TAGGED[end])} | {"shared_suffix"}
        assert set(tag_names(int(tags))) <= possible


@given(st.one_of(st.text(), st.text(alphabet="a.-_é。ß\u202e1", max_size=300), st.binary().map(repr), st.none()))
def test_any_text_has_an_answer(known: Knowledge, text: str | None) -> None:
    spelled = normalise(text)
    facts = known.names([text])
    (domain,) = facts.registered
    assert len(spelled) <= LONGEST_NAME
    assert spelled.isascii()
    assert spelled == normalise(spelled)
    assert spelled.endswith(domain)
    assert domain == "" or spelled == domain or spelled.endswith(f".{domain}")
    assert domain or math.isnan(facts.rank[0])
    if not spelled:
        assert (domain, facts.tags[0]) == ("", 0)


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_no_name_has_no_domain(known: Knowledge, text: str) -> None:
    assert known.registered_domain(text) == ""
    assert known.names([text]).tags[0] == 0


@pytest.mark.parametrize("text", ["a" * 1_000_000, "é" * 1_000_000, "a." * 500_000 + "com", "\0" * 1_000_000])
def test_a_megabyte_is_no_name(known: Knowledge, text: str) -> None:
    assert known.registered_domain(text) == ""


@pytest.mark.parametrize(
    ("name", "domain"),
    [
        ("WWW.Big.COM", "big.com"),
        ("www.big.com.", "big.com"),
        ("www.big.com..", ""),
        ("bücher.example", "xn--bcher-kva.example"),
        ("WWW.XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("a.公司.cn", "a.xn--55qx5d.cn"),
        ("公司.cn", ""),
        ("a_b.c-d.big.com", "big.com"),
        ("printer.corp.local", "corp.local"),
        ("www.ck", "www.ck"),
        ("a.b.ck", "a.b.ck"),
        ("b.ck", ""),
        ("foo.duck.org", "foo.duck.org"),
        ("a.foo.duck.org", "foo.duck.org"),
        ("duck.org", "duck.org"),
        ("vm.zone.compute.cloud.net", "vm.zone.compute.cloud.net"),
        ("zone.compute.cloud.net", "cloud.net"),
        ("a." * 120 + "big.com", "big.com"),
        ("a." * 130 + "big.com", ""),
    ],
)
def test_spellings_and_rules(known: Knowledge, name: str, domain: str) -> None:
    assert known.registered_domain(name) == domain


def tags(known: Knowledge, name: str) -> set[str]:
    return set(tag_names(int(known.names([name]).tags[0])))


def test_tags_of_a_domain_hold_below_it(known: Knowledge) -> None:
    assert tags(known, "a.b.big.com") == {"google"}
    assert tags(known, "x.mail.big.com") == {"google", "microsoft_365"}
    assert tags(known, "notbig.com") == set()


def test_a_name_can_be_meant_alone(known: Knowledge) -> None:
    assert tags(known, "check.big.com") == {"google", "connectivity_check"}
    assert tags(known, "a.check.big.com") == {"google"}


def test_a_customer_is_not_the_operator(known: Knowledge) -> None:
    assert tags(known, "cloud.net") == {"aws", "microsoft"}
    assert tags(known, "evil.cloud.net") == {"aws", "shared_suffix"}
    assert tags(known, "own.cloud.net") == {"aws", "microsoft", "shared_suffix"}
    assert tags(known, "evil.duck.org") == {"dynamic_dns", "shared_suffix"}


def test_a_customer_is_not_as_popular_as_the_cloud(known: Knowledge) -> None:
    ranks = known.names(["www.cloud.net", "cloud.net", "a.shop.cloud.net", "evil.cloud.net"]).rank
    np.testing.assert_array_equal(ranks, [np.nan, 1_000, 1_000_000, np.nan])


def test_no_names_have_no_facts(known: Knowledge) -> None:
    facts = known.names([])
    assert (len(facts.registered), len(facts.rank), len(facts.tags)) == (0, 0, 0)
    assert facts.tags.dtype == np.uint32


def test_every_tag_has_a_text_and_a_bit() -> None:
    assert len(TAGS) == len(set(TAGS)) <= 32
    every = (1 << len(TAGS)) - 1
    assert tag_names(every) == TAGS
    assert all(tag_texts(every))
    assert tag_texts(0) == ()


def test_the_function_is_that_of_the_shipped_file() -> None:
    assert registered_domain("www.bbc.co.uk") == "bbc.co.uk"
    assert registered_domain("foo.duckdns.org") == "foo.duckdns.org"
