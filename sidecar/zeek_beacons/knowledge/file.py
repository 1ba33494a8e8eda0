"""The file of public knowledge: arrays behind one header, and the manifest that vouches for it.

`MAGIC`, the length of the header as 4 bytes, the header as JSON, and then the arrays, each at a multiple of 8 bytes.
All numbers are little-endian. The file is mapped, not read, so that processes share what they use of it.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from zeek_beacons.errors import ModelError
from zeek_beacons.knowledge.tags import TAGS

KNOWLEDGE = "public_knowledge.bin"
KNOWLEDGE_MANIFEST = "public_knowledge.json"
KNOWLEDGE_VERSION = 1
MAGIC = b"\x89beacons knowledge\r\n" + bytes([KNOWLEDGE_VERSION])
LENGTH = 4  # bytes of the header's length
ALIGNED = 8
# Each array of the file. Texts are UTF-8, one entry a line.
ARRAYS: Mapping[str, str] = {
    "popular_upper": "<u4",  # hashes of popular domains, see popular.py
    "popular_lower": "u1",
    "icann_rules": "u1",  # text: rules of the public suffix list
    "private_rules": "u1",
    "tagged_names": "u1",  # text: a name stands for all below it, `=name` for itself alone
    "tagged_masks": "<u4",  # tags of each line
    "v4_starts": "<u4",  # where a range of addresses begins that ends with the next
    "v4_codes": "u1",  # its tags: number in `masks`
    "v6_starts": "S16",
    "v6_codes": "u1",
    "masks": "<u4",
}


def encode(about: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The file's bytes. `about`: what its header says beside where the arrays are. The same content, the same bytes."""
    contents = {name: np.ascontiguousarray(arrays[name], dtype=dtype).tobytes() for name, dtype in ARRAYS.items()}
    places, offset = {}, 0
    for name, content in contents.items():
        places[name] = [offset, len(content)]
        offset = _aligned(offset + len(content))
    header = json.dumps({**about, "tags": TAGS, "arrays": places}, sort_keys=True).encode()
    parts = [MAGIC, len(header).to_bytes(LENGTH, "little"), header]
    parts.append(bytes(_aligned(sum(map(len, parts))) - sum(map(len, parts))))
    for content in contents.values():
        parts += [content, bytes(_aligned(len(content)) - len(content))]
    return b"".join(parts)


def manifest_text(content: bytes, about: Mapping[str, Any]) -> str:
    """The manifest of a file with these bytes: its hash, and what is in it for people to read."""
    manifest = {
        "version": KNOWLEDGE_VERSION,
        "file": KNOWLEDGE,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        **about,
    }
    return json.dumps(manifest, indent=2) + "\n"


@dataclass(frozen=True, slots=True, eq=False)
class KnowledgeFile:
    """A checked file: what its header says, and its arrays by name, mapped."""

    path: Path
    about: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Maps the file in `folder`. Raises ModelError naming the file that is missing, changed or malformed."""
        path = folder / KNOWLEDGE
        expected = _expected_digest(folder / KNOWLEDGE_MANIFEST)
        try:
            content = np.memmap(path, dtype=np.uint8, mode="r")
        except OSError as error:
            raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise ModelError(f"{path}: is empty") from error
        if (digest := hashlib.sha256(content.data).hexdigest()) != expected:
            raise ModelError(f"{path}: sha256 is {digest[:12]}…, {KNOWLEDGE_MANIFEST} says {expected[:12]}…")
        about, start = _header(content, path)
        arrays = _arrays(content[start:], about, path)
        return cls(path, about, arrays)

    def lines(self, name: str) -> list[str]:
        """The lines of a text."""
        text = self.arrays[name].tobytes().decode("ascii")
        return text.split("\n") if text else []


def _expected_digest(path: Path) -> str:
    try:
        manifest = json.loads(path.read_bytes())
        version, digest = manifest["version"], manifest["sha256"]
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{path}: not a manifest of public knowledge: {error!r}") from error
    if version != KNOWLEDGE_VERSION:
        raise ModelError(f"{path}: version is {version!r}, this program reads {KNOWLEDGE_VERSION}")
    return str(digest)


def _header(content: NDArray[np.uint8], path: Path) -> tuple[Mapping[str, Any], int]:
    """What the header says, and where the arrays begin."""
    start = len(MAGIC) + LENGTH
    if content[: len(MAGIC)].tobytes() != MAGIC:
        raise ModelError(f"{path}: not a file of public knowledge of version {KNOWLEDGE_VERSION}")
    end = start + int.from_bytes(content[len(MAGIC) : start].tobytes(), "little")
    if end > len(content):
        raise ModelError(f"{path}: ends within its header")
    try:
        about = json.loads(content[start:end].tobytes())
        tags = about["tags"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(f"{path}: its header is malformed: {error!r}") from error
    if tags != list(TAGS):
        raise ModelError(
            f"{path}: its tags are not those of this program; make it anew with `python -m zeek_beacons_lab knowledge`"
        )
    return about, _aligned(end)


def _arrays(content: NDArray[np.uint8], about: Mapping[str, Any], path: Path) -> dict[str, NDArray[Any]]:
    arrays = {}
    for name, dtype in ARRAYS.items():
        try:
            offset, length = about["arrays"][name]
            if not (isinstance(offset, int) and isinstance(length, int) and 0 <= offset <= offset + length):
                raise ValueError(f"place {offset!r}, {length!r}")
            if offset % ALIGNED or offset + length > len(content):
                raise ValueError(f"place {offset}, {length} of {len(content)} bytes")
            arrays[name] = np.asarray(content[offset : offset + length]).view(dtype)
        except (ValueError, KeyError, TypeError) as error:
            raise ModelError(f"{path}: its array {name} is malformed: {error}") from error
    return arrays


def _aligned(offset: int) -> int:
    return math.ceil(offset / ALIGNED) * ALIGNED
