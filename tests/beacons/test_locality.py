"""Which addresses are local, whatever way their text is read."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from zeek_beacons.locality import PRIVATE_NETS, is_private, locality


@given(st.ip_addresses().map(str))
@example("10.0.0.0")
@example("::ffff:10.0.0.1")
@example("172.31.255.255")
@example("172.32.0.0")
def test_an_address_lies_where_its_networks_say(text: str) -> None:
    found = ipaddress.ip_address(text)
    assert is_private(text) == any(found in ipaddress.ip_network(net) for net in PRIVATE_NETS)


@given(st.one_of(st.text(alphabet="0123456789.:abcdefx %", max_size=20), st.text(max_size=6)))
@example("10.0.0.01")
@example("10.1")
@example("10.0.0.1\0")
def test_what_is_no_address_is_refused(text: str) -> None:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        with pytest.raises(ValueError, match="does not appear to be"):
            locality(["10.0.0.0/8"])(text)
    else:
        locality(["10.0.0.0/8"])(text)
