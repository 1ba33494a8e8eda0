"""Files that begin as no log does: packed in a way that is not read, or in another encoding."""

from __future__ import annotations

UTF_16 = "text in UTF-16, expected UTF-8; convert it first: iconv -f UTF-16 -t UTF-8 FILE > NEW"
# Packed or encoded otherwise, by how a file begins.
MAGIC = (
    (
        b"BZh",
        "packed with bzip2, which is not read; unpack it first (bunzip2 --keep FILE), or pipe it: bzcat FILE | … -",
    ),
    (
        b"\xfd7zXZ\x00",
        "packed with xz, which is not read; unpack it first (unxz --keep FILE), or pipe it: xzcat FILE | … -",
    ),
    (b"PK\x03\x04", "a zip archive, which is not read; unpack it first (unzip FILE)"),
    (b"\x04\x22\x4d\x18", "packed with lz4, which is not read; unpack it first (lz4 -d FILE)"),
    (b"\xff\xfe", UTF_16),
    (b"\xfe\xff", UTF_16),
)
LONGEST_MAGIC = max(len(magic) for magic, _ in MAGIC)


def packed(begin: bytes) -> str:
    """Cause and cure of a file whose first bytes are no text of ours; "" where they may be."""
    return next((problem for magic, problem in MAGIC if begin.startswith(magic)), "")
