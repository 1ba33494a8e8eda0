"""Text from the network, safe inside Markdown."""

from __future__ import annotations


def plain(text: str) -> str:
    """The text on one line, with a backslash before whatever Markdown would take for its own, bare links too."""
    line = "".join(f"\\{c}" if c in "\\`*_[]<>|#~&" else c if c.isprintable() else " " for c in text)
    return line.replace("://", "\\://").replace("www.", "www\\.").replace("@", "\\@")


def code(text: str) -> str:
    """The text as a span of code, whatever backticks are in it."""
    fence = "`" * (max((len(run) for run in _runs(text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}".replace("\n", " ").replace("\r", " ")


def _runs(text: str) -> list[str]:
    return "".join(c if c == "`" else " " for c in text).split()
