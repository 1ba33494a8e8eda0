"""Addresses and names. Outside addresses are global but unannounced space (US DoD /8s), the same for C2 and benign."""

from __future__ import annotations

_BLOCKS = (26, 28, 29, 30)
_BITS = 26
_STARTS = ("al", "be", "cor", "da", "el", "fin", "gra", "hel", "in", "jo", "ka", "lum", "mar", "no", "or", "pel")
_ENDS = ("bis", "cta", "dex", "fon", "gio", "lia", "mer", "nix", "pra", "quo", "ris", "sta", "tor", "vex", "wic", "zen")


def scramble(number: int) -> int:
    """A bijection on 26 bits, so that neighbours in number do not look like neighbours."""
    mixed = (number * 40_503_037 + 12_345_677) % (1 << _BITS)
    return (mixed ^ (mixed >> 11)) * 9_176_263 % (1 << _BITS)


def outside(number: int) -> str:
    """The address of an outside responder; different for every number below 2 ** 26."""
    code = scramble(number)
    return f"{_BLOCKS[code >> 24]}.{code >> 16 & 255}.{code >> 8 & 255}.{code & 255}"


def host(site: int, index: int) -> str:
    return f"10.{site >> 8}.{site & 255}.{10 + index}"


def server(site: int, index: int) -> str:
    return f"10.{128 + (site >> 8)}.{site & 255}.{1 + index}"


def name(first: str, number: int) -> str:
    """A server name under a domain of its own for each responder; .example, so that nobody is accused."""
    code = scramble(number)
    return f"{first}.{_STARTS[code & 15]}{_ENDS[code >> 4 & 15]}{_ENDS[code >> 8 & 15]}{code >> 12:x}.example"
