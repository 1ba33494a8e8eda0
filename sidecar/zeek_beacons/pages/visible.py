"""Names as they can be looked at: no control character, no mark that turns the direction of what follows."""

from __future__ import annotations


def visible(text: str) -> str:
    """The text with everything that cannot be seen spelled out: `\\u202e` in place of that character."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _spelled(ord(c)) for c in text)


def _spelled(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
