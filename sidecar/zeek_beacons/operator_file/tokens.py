"""Tokens: who may read and who may write. Only a salted hash of each is kept; the name is the "who" of an action.

A token is `zb_ID_SECRET`. ID finds its row; SECRET has 256 random bits, so that one round of a fast hash is enough.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import sqlite3
from dataclasses import dataclass

from zeek_beacons.errors import ConfigError

_FORM = re.compile(r"zb_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret."""

    name: str
    id: str
    may_write: bool
    made: float


def make(db: sqlite3.Connection, name: str, may_write: bool, now: float) -> str:
    """A new token, which is shown this once. Raises ConfigError for a bad name, or one that is taken."""
    if not _NAME.fullmatch(name):
        raise ConfigError(f"a token's name is {name!r}, expected 1 to 64 letters, digits and . _ @ -")
    identity, secret, salt = secrets.token_hex(6), secrets.token_urlsafe(32), secrets.token_bytes(16)
    try:
        db.execute(
            "INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?)",
            (name, identity, may_write, salt, _hashed(secret, salt), now),
        )
    except sqlite3.IntegrityError as error:
        raise ConfigError(f"there is a token named {name!r} already; remove it, or choose another name") from error
    return f"zb_{identity}_{secret}"


def known(db: sqlite3.Connection, text: str) -> Token | None:
    """The token that this text is; None where it is none. Takes as long for a wrong secret as for the right one."""
    form = _FORM.fullmatch(text)
    identity, secret = form.groups() if form else ("", text[:64])
    found = db.execute("SELECT name, id, may_write, made, salt, hash FROM tokens WHERE id = ?", (identity,)).fetchone()
    name, identity, may_write, made, salt, expected = found or ("", "", 0, 0.0, bytes(16), bytes(32))
    is_same = secrets.compare_digest(_hashed(secret, salt), expected)
    return Token(name, identity, bool(may_write), made) if found and is_same else None


def listed(db: sqlite3.Connection) -> list[Token]:
    """All tokens by name."""
    found = db.execute("SELECT name, id, may_write, made FROM tokens ORDER BY name")
    return [Token(name, identity, bool(may_write), made) for name, identity, may_write, made in found]


def remove(db: sqlite3.Connection, name: str) -> None:
    """Makes a token worthless. Raises ConfigError where there is none of this name."""
    if not db.execute("DELETE FROM tokens WHERE name = ?", (name,)).rowcount:
        raise ConfigError(f"there is no token named {name!r}")


def _hashed(secret: str, salt: bytes) -> bytes:
    return hashlib.blake2b(secret.encode("utf-8", "surrogateescape"), salt=salt, digest_size=32).digest()
