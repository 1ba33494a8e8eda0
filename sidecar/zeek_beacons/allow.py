"""The allow-list: traffic known to be harmless, which is measured and reported but never alerted on.

One entry a line, `#` starts a comment:

    subnet 10.20.0.0/16                  either end lies in it
    port   123/udp                       the responder's port; without /proto any
    name   *.windowsupdate.com           the server name; a leading `*.` also covers the name itself
    pair   10.0.0.5 backup.example 443   originator (address, subnet or *), responder (these or a name), port (or *)

The Zeek package reads the same file (zeek-scripts/allow-file.zeek); the cases in tests/corpus hold both to one grammar.
"""

from __future__ import annotations

import ipaddress
import re
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from zeek_beacons.errors import InputError
from zeek_beacons.keys import server_of
from zeek_beacons.pairs import PROTOS, Bools, Pairs
from zeek_beacons.readers.addresses import ascii_lower

_EXPECTED = "expected `subnet NET`, `port N[/PROTO]`, `name NAME` or `pair ORIG RESP PORT[/PROTO]`"
_MAPPED_IPV4 = ipaddress.IPv6Network("::ffff:0:0/96")  # where IPv4 lies among IPv6 addresses, for Zeek all of it
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Host:
    """One end of a connection: a network, a name pattern, or anything (both None)."""

    net: Network | None = None
    name: str | None = None

    @property
    def is_all(self) -> bool:
        """Whether every address is meant."""
        return self.name is None and (self.net is None or self.net.prefixlen == 0)

    def matches(self, value: str) -> bool:
        """Whether an address or server name is meant."""
        if self.name is not None:
            return name_matches(self.name, value)
        return self.net is None or in_net(self.net, value)


@dataclass(frozen=True, slots=True)
class Port:
    """A responder port; None stands for any."""

    number: int | None = None
    proto: str | None = None

    def matches(self, number: int, proto: str) -> bool:
        return (self.number is None or self.number == number) and (self.proto is None or self.proto == proto)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the file: what it says, and what that means."""

    line: int
    text: str
    kind: str  # a word of _ENTRY
    value: object
    path: str = ""  # where it stands, if elsewhere than the list's other entries

    @property
    def is_all(self) -> bool:
        """Whether it allows every pair, or every pair of a protocol."""
        if isinstance(self.value, Network):
            return self.value.prefixlen == 0
        if not isinstance(self.value, tuple):
            return False
        orig, resp, port = self.value
        return bool(orig.is_all and resp.is_all and port.number is None)


@dataclass(frozen=True, slots=True)
class AllowList:
    """What is allowed, by kind. The empty list allows nothing."""

    subnets: tuple[Network, ...] = ()
    ports: tuple[Port, ...] = ()
    names: tuple[str, ...] = ()
    pairs: tuple[tuple[Host, Host, Port], ...] = ()
    path: str = field(default="allow-list", compare=False)
    entries: tuple[Entry, ...] = field(default=(), compare=False)  # all of them, in the file's order

    @classmethod
    def load(cls, file: Path) -> AllowList:
        """Reads an allow-list file. Raises InputError with the line of the first entry that is not understood."""
        try:
            text = file.read_bytes().decode("utf-8-sig", "surrogateescape")
        except OSError as error:
            raise InputError(str(file), f"allow-list cannot be read: {error.strerror}") from error
        return cls.parse(text, str(file))

    @classmethod
    def parse(cls, text: str, path: str = "allow-list") -> AllowList:
        """The entries of an allow-list's text."""
        entries: list[Entry] = []
        for number, line in enumerate(text.split("\n"), 1):
            said = line.split("#", 1)[0].strip(string.whitespace)
            if not said:
                continue
            kind, *words = re.split("[ \t]+", said)
            try:
                entries.append(Entry(number, said, kind, _ENTRY[kind](*words)))
            except (KeyError, TypeError, ValueError) as error:
                detail = str(error) if type(error) is ValueError else _EXPECTED
                raise InputError(path, f"{line.strip()!r}: {detail}", number) from error
        return cls.of(entries, path)

    @classmethod
    def of(cls, entries: Sequence[Entry], path: str) -> AllowList:
        """The list of these entries."""
        kinds: dict[str, tuple[Any, ...]] = {
            f"{kind}s": tuple(one.value for one in entries if one.kind == kind) for kind in _ENTRY
        }
        return cls(**kinds, path=path, entries=tuple(entries))

    @property
    def too_wide(self) -> list[str]:
        """The lines that allow everything, as `file:line: text`: with one of them next to nothing alerts any more."""
        return [self._told(entry) for entry in self.entries if entry.is_all]

    def line_for(self, pairs: Pairs) -> str:
        """The first line that allows the first of these pairs, as `file:line: text`; "" where none does."""
        return next((self._told(one) for one in self.entries if self.of([one], self.path).covers(pairs)[0]), "")

    def _told(self, entry: Entry) -> str:
        return f"{entry.path or self.path}:{entry.line}: {entry.text}"

    def allows(self, orig_h: str, addr: str, names: Sequence[str], resp_p: int, proto: str) -> bool:
        """Whether one pair is allowed; `names`: responder and server name."""
        return (
            self._in_subnets(orig_h)
            or self._in_subnets(addr)
            or any(map(self._named, names))
            or any(port.matches(resp_p, proto) for port in self.ports)
            or any(
                one.matches(orig_h) and any(map(other.matches, (addr, *names))) and port.matches(resp_p, proto)
                for one, other, port in self.pairs
            )
        )

    def covers(self, pairs: Pairs) -> Bools:
        """Which pairs are allowed, of whatever channel, (n,)."""
        if not (self.subnets or self.ports or self.names or self.pairs):
            return np.zeros(len(pairs), dtype=np.bool_)
        origs = {value: self._in_subnets(value) for value in set(pairs.orig_h)}
        addrs = {value: self._in_subnets(value) for value in set(pairs.addr)}
        servers = list(map(server_of, pairs.resp, pairs.channel))
        names = {value: self._named(value) for value in {*servers, *pairs.server_name}}
        rows = zip(pairs.orig_h, pairs.addr, servers, pairs.server_name, pairs.resp_p, pairs.proto, strict=True)
        return np.fromiter(
            (
                origs[orig]
                or addrs[addr]
                or names[resp]
                or names[name]
                or any(port.matches(number, proto) for port in self.ports)
                or any(
                    one.matches(orig) and any(map(other.matches, (resp, addr, name))) and port.matches(number, proto)
                    for one, other, port in self.pairs
                )
                for orig, addr, resp, name, number, proto in rows
            ),
            dtype=np.bool_,
            count=len(pairs),
        )

    def _in_subnets(self, value: str) -> bool:
        return any(in_net(net, value) for net in self.subnets)

    def _named(self, value: str) -> bool:
        return any(name_matches(pattern, value) for pattern in self.names)


def name_matches(pattern: str, name: str) -> bool:
    """Whether a server name is meant by `pattern`: equal, or below it where it starts with `*.`."""
    if pattern.startswith("*."):
        return name == pattern[2:] or name.endswith(pattern[1:])
    return name == pattern


def in_net(net: Network, value: str) -> bool:
    """Whether `value` is an address inside `net`; a server name never is."""
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        return False
    return address in net


def _net(text: str) -> Network:
    _, slash, bits = text.partition("/")
    if slash and not re.fullmatch("[0-9]{1,3}", bits):
        raise ValueError(f"{bits!r} is no length of a network, expected a number of bits")
    if "%" in text:
        raise ValueError(f"{text!r} has a zone, expected an address or subnet without one")
    net = ipaddress.ip_network(text, strict=False)
    if net.version == 6 and net.overlaps(_MAPPED_IPV4):
        raise ValueError(f"{text!r} holds IPv4 addresses, expected these as IPv4 subnets of their own")
    return net


def _name(text: str) -> str:
    name = ascii_lower(text).rstrip(".")
    bare = name.removeprefix("*.")
    if not bare or re.search("[*/:]", bare) or re.fullmatch("[0-9]+", bare.rpartition(".")[2]):
        raise ValueError("expected a server name, with `*.` only in front, without a port, and no address")
    return name


def _port(text: str) -> Port:
    """A port by its number; any port of a protocol is what `pair * * */PROTO` is for."""
    number, slash, proto = text.partition("/")
    if slash and proto not in PROTOS:
        raise ValueError(f"{proto!r} is no protocol, expected one of {', '.join(PROTOS)}")
    if not re.fullmatch("[0-9]{1,5}", number) or int(number) > 65_535:
        raise ValueError(f"{number!r} is no port, expected 0 to 65535")
    return Port(int(number), proto or None)


def _port_of_pair(text: str) -> Port:
    number, slash, proto = text.partition("/")
    return replace(_port(f"0{slash}{proto}"), number=None) if number == "*" else _port(text)


def _host(text: str) -> Host:
    if text == "*":
        return Host()
    try:
        return Host(net=_net(text))
    except ValueError:
        return Host(name=_name(text))


def _pair(orig: str, resp: str, port: str) -> tuple[Host, Host, Port]:
    originator = _host(orig)
    if originator.name is not None:
        raise ValueError(f"{orig!r} is no originator, expected an address, a subnet or *")
    return originator, _host(resp), _port_of_pair(port)


_ENTRY: dict[str, Callable[..., object]] = {"subnet": _net, "port": _port, "name": _name, "pair": _pair}
