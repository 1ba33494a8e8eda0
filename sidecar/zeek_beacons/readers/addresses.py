"""One spelling for each address and server name, and directions."""

from __future__ import annotations

import ipaddress
import re
import string
from collections.abc import Callable, Sequence
from itertools import compress

import numpy as np

from zeek_beacons.pairs import Bools, Ints
from zeek_beacons.printable import UNSET

LONGEST_NAME = 253  # bytes, RFC 1035; anything longer in an SNI or Host is cut
_LOWER = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_DIGITS = re.compile("[0-9]+")
_PLAIN_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1?[1-9]?\d|1\d\d)(?:\.(?!$)|$)){4}", re.ASCII)


def address(text: str) -> str | None:
    """The canonical spelling: no zone id, IPv4 where an IPv6 address maps one, compressed lower-case IPv6.

    None where `text` is no address.
    """
    if _PLAIN_IPV4.fullmatch(text):
        return text
    try:
        parsed = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(parsed)


def ascii_lower(text: str) -> str:
    """Lower case of ASCII letters alone: what Zeek's `to_lower` does."""
    return text.translate(_LOWER)


def server_name(text: str) -> str | None:
    """The canonical spelling of an SNI or Host: lower case, no port, no trailing dot, escaped and length-capped.

    None where there is nothing, or an address instead of a name. Only ASCII letters have a case, as for Zeek, and only
    spaces go from the ends: other blanks are escaped in Zeek's logs, and stay so.
    """
    name = ascii_lower(text.strip(" "))
    if name.startswith("["):
        return None
    host, _, port = name.rpartition(":")
    if host and _DIGITS.fullmatch(port) and ":" not in host:
        name = host
    name = name.rstrip(".")
    if not name or name in UNSET or address(name) is not None:
        return None
    octets = name[:LONGEST_NAME].encode("utf-8", "surrogateescape")
    escaped = "".join(chr(octet) if 0x21 <= octet <= 0x7E else f"\\x{octet:02x}" for octet in octets)
    return escaped[:LONGEST_NAME]


def has_direction(direction: str, orig_local: Bools, resp_local: Bools) -> Bools:
    """Which connections between such ends have the direction, one of config.DIRECTIONS."""
    wanted = {
        "any": np.ones_like(orig_local),
        "from-local": orig_local,
        "outbound": orig_local & ~resp_local,
        "inbound": ~orig_local & resp_local,
        "internal": orig_local & resp_local,
    }
    return wanted[direction]


class Intern:
    """Numbers strings in order of appearance, after `normal` has made one spelling of them; -1 for None."""

    def __init__(self, normal: Callable[[str], str | None]) -> None:
        self.values: list[str] = []
        self._normal = normal
        self._codes: dict[str, int] = {}
        self._raw: dict[str, int] = {}

    def codes(self, raw: Sequence[str | None]) -> Ints:
        """The numbers of these strings."""
        known = list(map(self._raw.get, raw))  # type: ignore[arg-type]
        if None in known:
            known = [self._new(text) if code is None else code for text, code in zip(raw, known, strict=True)]
        return np.array(known, dtype=np.int64)

    def only(self, kept: Bools) -> Intern:
        """Numbers of these values alone, which are numbered anew in their order."""
        made = Intern(self._normal)
        made.values = list(compress(self.values, kept.tolist()))
        made._codes = {value: code for code, value in enumerate(made.values)}
        return made

    def _new(self, text: str | None) -> int:
        value = None if text is None else self._normal(text)
        code = -1
        if value is not None:
            code = self._codes.setdefault(value, len(self.values))
            if code == len(self.values):
                self.values.append(value)
        if text is not None:
            self._raw[text] = code
        return code
