"""The allow-list: every kind of entry, and what is wrong with a bad one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zeek_beacons.allow import AllowList, name_matches
from zeek_beacons.errors import InputError
from zeek_beacons.pairs import Pairs


def one(**given: Any) -> dict[str, Any]:
    return {"orig_h": "10.0.0.5", "resp": "203.0.113.9", "resp_p": 443, "start": [1.0]} | given


NAMED = {"resp": "c2.example", "addr": "203.0.113.9", "server_name": "c2.example"}


@pytest.mark.parametrize(
    ("entry", "pair", "covered"),
    [
        ("subnet 10.0.0.0/24", {}, True),
        ("subnet 203.0.113.9", {}, True),
        ("subnet 203.0.113.0/24", NAMED, True),  # the address behind the name
        ("subnet 10.0.1.0/24", {}, False),
        ("subnet 10.0.0.7/24", {}, True),  # host bits are forgiven
        ("subnet 2001:db8::/32", {"resp": "2001:db8::1"}, True),
        ("subnet 2000::/3", {}, False),
        ("port 443", {}, True),
        ("port 443/tcp", {}, True),
        ("port 443/udp", {}, False),
        ("pair * * */tcp", {}, True),
        ("port 0/icmp", {"resp_p": 0, "proto": "icmp"}, True),
        ("name c2.example", NAMED, True),
        ("name C2.Example.", NAMED, True),
        ("name *.example", NAMED, True),
        ("name *.c2.example", NAMED, True),  # the wildcard covers the bare name
        ("name xample", NAMED, False),
        ("name *.2.example", NAMED, False),
        ("name c2.example", {"server_name": "c2.example"}, True),  # the address pair that carries the name
        ("name c2.example", {}, False),
        ("pair 10.0.0.5 203.0.113.9 443", {}, True),
        ("pair 10.0.0.5 203.0.113.9 443/tcp", {}, True),
        ("pair 10.0.0.5 203.0.113.9 443/udp", {}, False),
        ("pair 10.0.0.5 203.0.113.9 *", {"resp_p": 9}, True),
        ("pair 10.0.0.0/8 *.example 443", NAMED, True),
        ("pair * c2.example *", NAMED, True),
        ("pair * 203.0.113.9 *", NAMED, True),
        ("pair 10.0.0.6 * *", {}, False),
        ("pair * other.example *", NAMED, False),
        ("# nothing\n\n   \n", {}, False),
        ("  port   443   # web", {}, True),
    ],
)
def test_entry(entry: str, pair: dict[str, Any], covered: bool) -> None:
    assert AllowList.parse(entry).covers(Pairs.build([one(**pair)])).tolist() == [covered]


def test_any_entry_may_cover_a_pair() -> None:
    allow = AllowList.parse("subnet 10.0.0.1/32\nport 53/udp\nname *.example\npair 10.0.0.4 * 22")
    pairs = Pairs.build(
        [
            one(orig_h="10.0.0.1"),
            one(resp_p=53, proto="udp"),
            one(**NAMED),
            one(orig_h="10.0.0.4", resp_p=22),
            one(),
        ]
    )
    assert allow.covers(pairs).tolist() == [True, True, True, True, False]
    assert not AllowList().covers(pairs).any()
    assert allow.covers(Pairs.empty()).tolist() == []


@pytest.mark.parametrize(
    ("entry", "found"),
    [
        ("host 10.0.0.1", "expected `subnet NET`"),
        ("subnet", "expected `subnet NET`"),
        ("subnet 10.0.0.0/8 extra", "expected `subnet NET`"),
        ("subnet 10.0.0.0/33", "does not appear to be an IPv4 or IPv6 network"),
        ("subnet ::/0", "'::/0' holds IPv4 addresses"),
        ("subnet ::ffff:10.0.0.5", "'::ffff:10.0.0.5' holds IPv4 addresses"),
        ("subnet fe80::1%eth0", "'fe80::1%eth0' has a zone"),
        ("subnet 10.0.0.0/255.0.0.0", "'255.0.0.0' is no length of a network"),
        ("name 10.0.0.5", "no address"),
        ("name cdn.example:443", "without a port"),
        ("pair 10.0.0.5 10.0.0.05 *", "no address"),
        ("port 70000", "'70000' is no port, expected 0 to 65535"),
        ("port http", "'http' is no port"),
        ("port -1", "'-1' is no port"),
        ("port 80/sctp", "'sctp' is no protocol, expected one of tcp, udp, icmp"),
        ("name *", "expected a server name"),
        ("name a.*.example", "expected a server name"),
        ("name http://a.example/x", "expected a server name"),
        ("pair 10.0.0.1 10.0.0.2", "expected `subnet NET`"),
        ("pair 10.0.0.1 10.0.0.2 x", "'x' is no port"),
        ("pair 10.0.0.0/40 * *", "expected a server name"),
    ],
)
def test_a_bad_entry_is_named_with_file_and_line(entry: str, found: str, tmp_path: Path) -> None:
    file = tmp_path / "allow.txt"
    file.write_text(f"# first\nport 53\n{entry}\n")
    with pytest.raises(InputError) as error:
        AllowList.load(file)
    assert str(error.value).startswith(f"{file}:3: {entry!r}: ")
    assert found in str(error.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="allow-list cannot be read: No such file"):
        AllowList.load(tmp_path / "nowhere")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r":1: .* expected `subnet NET`"):
        AllowList.load(tmp_path / "binary")
    (tmp_path / "bom").write_bytes(b"\xef\xbb\xbfport 443\r\n")
    assert len(AllowList.load(tmp_path / "bom").ports) == 1
    (tmp_path / "latin").write_bytes(b"# B\xfcro\nport 443\n")
    assert len(AllowList.load(tmp_path / "latin").ports) == 1


@pytest.mark.parametrize(
    ("pattern", "name", "expected"),
    [
        ("a.example", "a.example", True),
        ("a.example", "b.a.example", False),
        ("*.example.com", "example.com", True),
        ("*.example.com", "x.y.example.com", True),
        ("*.example.com", "notexample.com", False),
        ("*.example.com", "", False),
    ],
)
def test_name_matches(pattern: str, name: str, expected: bool) -> None:
    assert name_matches(pattern, name) is expected
