"""Published lists, read from the packages that carry them; nothing is fetched."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata, resources
from typing import TypeAlias

from zeek_beacons.errors import InputError

WARNING_LISTS = "pymispwarninglists"
SUFFIX_LIST = "publicsuffixlist"


@dataclass(frozen=True, slots=True)
class WarningList:
    """One list: its entries, and the version it gives itself, mostly a date."""

    name: str
    version: str
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SuffixList:
    """The public suffix list: rules as punycode, those of the private section with the heading they stand under."""

    version: str
    icann: tuple[str, ...]
    private: tuple[tuple[str, str], ...]  # heading, rule

    @classmethod
    def parse(cls, text: str) -> SuffixList:
        """Reads the list's text. Raises InputError where it has no version or no sections."""
        version = re.search(r"^// VERSION: (\S+)", text, re.MULTILINE)
        if not version or "===BEGIN ICANN DOMAINS" not in text or "===BEGIN PRIVATE DOMAINS" not in text:
            raise InputError(SUFFIX_LIST, "not the public suffix list: no version, or not both sections")
        icann, private = [], []
        is_private, heading = False, ""
        for line in map(str.strip, text.splitlines()):
            if line.startswith("// ==="):
                is_private, heading = "===BEGIN PRIVATE" in line, ""
            elif line.startswith("//"):
                comment = line.removeprefix("//").strip()
                heading = heading or ("" if comment.startswith("Submitted") else comment)
            elif not line:
                heading = ""
            elif is_private:
                private.append((heading, _punycode(line.split()[0])))
            else:
                icann.append(_punycode(line.split()[0]))
        return cls(version[1], tuple(icann), tuple(private))


Lists: TypeAlias = Callable[[str], WarningList]


def installed_lists() -> Lists:
    """Reads lists of the installed package by their names. Raises ModuleNotFoundError where it is missing."""
    folder = resources.files(WARNING_LISTS) / "data" / "misp-warninglists" / "lists"

    def read(name: str) -> WarningList:
        content = json.loads((folder / name / "list.json").read_text(encoding="utf-8"))
        return WarningList(name, str(content["version"]), tuple(map(str, content["list"])))

    return read


def installed_suffix_list() -> SuffixList:
    """The list in the installed package. Raises ModuleNotFoundError where it is missing."""
    file = resources.files(SUFFIX_LIST) / "public_suffix_list.dat"
    return SuffixList.parse(file.read_text(encoding="utf-8"))


def installed_versions() -> dict[str, str]:
    """The packages the lists come from, and their versions."""
    return {name: metadata.version(name) for name in (WARNING_LISTS, SUFFIX_LIST)}


def _punycode(rule: str) -> str:
    mark = "*." if rule.startswith("*.") else "!" if rule.startswith("!") else ""
    return mark + rule.removeprefix(mark).encode("idna").decode("ascii").lower()
