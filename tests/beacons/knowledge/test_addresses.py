"""Tags of addresses, held against the standard library."""

from __future__ import annotations

import ipaddress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zeek_beacons.knowledge import Knowledge

from .small import edges, mask_of


def around(version: int) -> st.SearchStrategy[int]:
    """Addresses as numbers, many of them beside an edge."""
    most = (1 << (32 if version == 4 else 128)) - 1
    beside = sorted({edge + step for edge in edges(version) for step in range(-2, 3)} - {-2, -1, most + 1, most + 2})
    return st.one_of(st.sampled_from(beside), st.integers(0, most))


V4 = around(4).map(lambda number: str(ipaddress.IPv4Address(number)))
V6 = around(6).map(ipaddress.IPv6Address).filter(lambda address: address.ipv4_mapped is None).map(str)


@given(st.lists(st.one_of(V4, V6), max_size=30))
def test_tags_are_those_of_the_networks(known: Knowledge, addresses: list[str]) -> None:
    found = known.addresses(np.array(addresses, dtype=object))
    assert found.tolist() == [mask_of(address) for address in addresses]
    assert found.dtype == np.uint32


@given(V4)
def test_ipv4_inside_ipv6_is_ipv4(known: Knowledge, address: str) -> None:
    assert known.addresses([f"::ffff:{address}"]).tolist() == known.addresses([address]).tolist()


@given(st.one_of(st.text(), st.text(alphabet="0123456789abcdef.:%", max_size=60), st.none()))
def test_any_text_has_an_answer(known: Knowledge, text: str | None) -> None:
    try:
        expected = mask_of(str(text).partition("%")[0] if ":" in str(text) else str(text))
    except ValueError:
        expected = 0
    (found,) = known.addresses([text])
    assert found == expected or "::ffff" in str(text)


@pytest.mark.parametrize(
    "text",
    ["", "big.com", "192.0.2", "192.0.2.1.1", "192.0.2.256", "192.0.2.01", "192.0.2.1\0", "\ud800", "1" * 1_000_000],
    ids=range(9),
)
def test_what_is_no_address_has_no_tags(known: Knowledge, text: str) -> None:
    assert known.addresses([text]).tolist() == [0]


def test_zones_and_spellings_do_not_matter(known: Knowledge) -> None:
    spellings = ["2001:db8::1", "2001:DB8:0:0:0:0:0:1", "2001:db8::1%eth0", "2001:0db8::0.0.0.1"]
    assert len(set(known.addresses(spellings).tolist())) == 1
    assert known.addresses(spellings[:1])[0] == mask_of("2001:db8::1")
