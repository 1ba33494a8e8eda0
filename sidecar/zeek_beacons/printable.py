"""Texts from elsewhere as they are kept and told: printable ASCII, all else escaped as Zeek does, and cut."""

from __future__ import annotations

import re

# What a tab-separated log has for no name and an empty one, and for names that look like these.
UNSET = frozenset(("-", "(empty)", r"\x2d", r"\x28empty)"))
_PLAIN = re.compile("[!-~]*")
_WORDS = re.compile("[ -~]*")


def printable(text: str, most: int) -> str:
    """A text without spaces, cut to `most` characters."""
    return text if len(text) <= most and _PLAIN.fullmatch(text) else _escaped(text, most, 0x21)


def words(text: str, most: int) -> str:
    """The same of a text that may hold spaces; "" for one that a log has for none."""
    if text in UNSET:
        return ""
    return text if len(text) <= most and _WORDS.fullmatch(text) else _escaped(text, most, 0x20)


def _escaped(text: str, most: int, lowest: int) -> str:
    octets = text[:most].encode("utf-8", "surrogateescape")
    return "".join(chr(octet) if lowest <= octet <= 0x7E else f"\\x{octet:02x}" for octet in octets)[:most]
