"""Indicator lists as they lie in files: plain lines, CSV, Zeek's Intel framework, MISP events, STIX 2.1 bundles.

Patterns of STIX are taken where they are equal comparisons joined by OR, the form of nearly all shared indicators; what
says more than that (AND, FOLLOWEDBY, LIKE, qualifiers) would mark too much if only a part were read, and is counted.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from zeek_beacons.errors import InputError
from zeek_beacons.knowledge.indicator_text import NoIndicatorError, spelled

LONGEST_LINE = 1 << 16  # bytes
LARGEST_JSON = 256 << 20  # bytes
LONGEST_PATTERN = 1 << 16  # characters
OTHER_KIND = "of a kind that no pair has"
HASH = "a hash: known to Zeek's Intel framework alone"
NOT_FOR_DETECTION = "not meant for detection, deleted or revoked"
TOO_COMPLEX = "a pattern that is more than equal comparisons"

# Columns of a CSV that hold indicators of a server: RITA's, MISP's, abuse.ch's and what others call them.
COLUMNS = frozenset(
    {
        *("indicator", "ioc", "ioc_value", "value", "ip", "ip_address", "ipaddress", "address", "dst_ip", "dest_ip"),
        *("destination_ip", "dst", "host", "hostname", "domain", "domain_name", "fqdn", "url"),
    }
)
ZEEK_TYPES = frozenset({"Intel::ADDR", "Intel::SUBNET", "Intel::URL", "Intel::DOMAIN"})
ZEEK_HASHES = frozenset({"Intel::CERT_HASH", "Intel::FILE_HASH", "Intel::PUBKEY_HASH"})
MISP_TYPES = frozenset(
    ("ip-src", "ip-dst", "ip-src|port", "ip-dst|port", "domain", "hostname", "hostname|port", "domain|ip", "url")
)
STIX_PATHS = frozenset(
    {
        *("ipv4-addr:value", "ipv6-addr:value", "domain-name:value", "url:value"),
        *("network-traffic:dst_ref.value", "network-traffic:src_ref.value"),
    }
)
_COMMENT = re.compile(r"(?:^|\s)[#;]")
_COMPARISON = r"(?P<path>[a-z0-9-]+:[\w.'-]+)\s*=\s*'(?P<value>(?:[^'\\]|\\.)*)'"
_TOKEN = re.compile(rf"\s*(?:(?P<open>\[)|(?P<close>\])|(?P<or>OR)\b|{_COMPARISON})\s*")


class ListEntry(NamedTuple):
    """One entry of a list: the line or place it stands at, its text, and why it is not taken, "" where it may be."""

    at: int
    text: str
    refused: str = ""


class OpenedList(NamedTuple):
    """What a file is, and what stands in it; `problem`: why nothing can be read, "" where something can."""

    form: str
    entries: Iterator[ListEntry]
    problem: str = ""


def opened(path: Path) -> OpenedList:
    """A list by its content. What is no list at all is told as a problem. Raises InputError for no readable file."""
    try:
        with path.open("rb") as file:
            head = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
            size = path.stat().st_size
    except OSError as error:
        raise InputError(str(path), f"cannot be read: {error.strerror}") from error
    if head[:1] in (b"{", b"["):
        return _json(path, size)
    if b"\0" in head:
        return OpenedList("unknown", iter(()), "is binary, no list")
    if re.search(rb"^#fields[\t ].*indicator", head, re.MULTILINE):
        return OpenedList("zeek", _from_lines(path, _ZeekLines().read))
    first = next((line for line in head.splitlines() if line.strip() and not line.startswith(b"#")), b"")
    return (
        OpenedList("csv", _from_lines(path, _CsvLines().read))
        if b"," in first
        else OpenedList("plain", _from_lines(path, _plain))
    )


def _from_lines(path: Path, read: Callable[[int, str], Iterator[ListEntry]]) -> Iterator[ListEntry]:
    """The entries of a text, line by line: no line is held beyond LONGEST_LINE."""
    with path.open("rb") as file:
        for number, line in enumerate(_lines(file), 1):
            text = line.decode("utf-8", "replace").removeprefix("\ufeff").rstrip("\r\n")
            if len(line) >= LONGEST_LINE:
                yield ListEntry(number, text[:80], "a line too long")
            elif text.strip():
                yield from read(number, text)


def _lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(LONGEST_LINE):
        yield line
        while len(line) >= LONGEST_LINE and not line.endswith(b"\n"):
            line = file.readline(LONGEST_LINE)  # the rest of one that is too long


def _plain(number: int, line: str) -> Iterator[ListEntry]:
    """One indicator a line, what follows `#` or `;` is a comment."""
    text = line.strip()
    if "#" in text or ";" in text:
        text = _COMMENT.split(text, maxsplit=1)[0].strip()
    if text:
        yield ListEntry(number, text)


class _ZeekLines:
    """Lines of a file for Zeek's Intel framework, by the columns that `#fields` names."""

    def __init__(self) -> None:
        self._fields: list[str] = []

    def read(self, number: int, line: str) -> Iterator[ListEntry]:
        if line.startswith("#"):
            if line.startswith("#fields"):
                self._fields = line.split("\t")[1:] if "\t" in line else line.split()[1:]
            return
        row = dict(zip(self._fields, line.split("\t"), strict=False))
        kind, text = row.get("indicator_type", ""), row.get("indicator", "")
        if not text:
            yield ListEntry(number, line[:80], "no indicator in the line")
        elif kind in ZEEK_TYPES:
            yield ListEntry(number, text)
        else:
            yield ListEntry(number, text, HASH if kind in ZEEK_HASHES else OTHER_KIND)


class _CsvLines:
    """Lines of a CSV, by its heading, which may stand in a comment; without one the first cell that is an indicator."""

    def __init__(self) -> None:
        self._columns: list[int] = []
        self._begun = False

    def read(self, number: int, line: str) -> Iterator[ListEntry]:
        comment = line.lstrip().startswith("#")
        try:
            cells = next(csv.reader([line.lstrip("# ") if comment else line]), [])
        except csv.Error:
            yield ListEntry(number, line[:80], "no line of a CSV")
            return
        if not self._begun:
            names = [cell.strip().lower().replace(" ", "_") for cell in cells]
            found = [place for place, name in enumerate(names) if name in COLUMNS]
            self._columns = found if len(cells) > 1 and found else self._columns
            self._begun = not comment
            if found or comment:
                return
        if comment:
            return
        if not self._columns:
            yield ListEntry(number, next((cell for cell in cells if _may_be_one(cell)), cells[0] if cells else ""))
            return
        told = [cells[place].strip() for place in self._columns if place < len(cells)]
        told = [text for text in told if text not in ("", "-", "(empty)")]
        if not told:
            yield ListEntry(number, line[:80], "no indicator in the line")
        yield from (ListEntry(number, text) for text in told)


def _may_be_one(cell: str) -> bool:
    try:
        spelled(cell)
    except NoIndicatorError:
        return False
    return True


def _json(path: Path, size: int) -> OpenedList:
    if size > LARGEST_JSON:
        return OpenedList("json", iter(()), f"is larger than {LARGEST_JSON >> 20} MB, too large for one JSON text")
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        return OpenedList("json", iter(()), f"is no JSON: {error}")
    if isinstance(content, Mapping) and content.get("type") == "bundle":
        return OpenedList("stix", _stix(content))
    if isinstance(content, list) or (
        isinstance(content, Mapping) and content.keys() & {"Event", "response", "Attribute"}
    ):
        return OpenedList("misp", _misp(content))
    return OpenedList("json", iter(()), "is JSON, but neither a MISP event nor a STIX bundle")


def _misp(content: Any) -> Iterator[ListEntry]:
    """Attributes of events, those inside objects too, that are meant for detection (`to_ids`)."""
    for place, one in enumerate(chain.from_iterable(map(_attributes, _events(content))), 1):
        kind, text = str(one.get("type") or ""), str(one.get("value") or "")
        if one.get("deleted") or one.get("to_ids") is False:
            yield ListEntry(place, text, NOT_FOR_DETECTION)
        elif kind in MISP_TYPES:
            parts = text.split("|")
            yield from (ListEntry(place, part) for part in (parts if kind == "domain|ip" else parts[:1]))
        else:
            yield ListEntry(place, text, HASH if "fingerprint" in kind else OTHER_KIND)


def _events(content: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(content, Mapping) and "response" in content:
        content = content["response"]
    for one in content if isinstance(content, list) else [content]:
        event = one.get("Event", one) if isinstance(one, Mapping) else None
        if isinstance(event, Mapping):
            yield event


def _attributes(event: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    objects = [one for one in _listed(event, "Object") if isinstance(one, Mapping)]
    for holder in (event, *objects):
        yield from (one for one in _listed(holder, "Attribute") if isinstance(one, Mapping))


def _listed(holder: Mapping[str, Any], name: str) -> list[Any]:
    found = holder.get(name)
    return found if isinstance(found, list) else []


def _stix(bundle: Mapping[str, Any]) -> Iterator[ListEntry]:
    for place, one in enumerate(_listed(bundle, "objects"), 1):
        if not isinstance(one, Mapping) or one.get("type") != "indicator":
            continue
        text = str(one.get("pattern") or "")
        if one.get("revoked") is True:
            yield ListEntry(place, text, NOT_FOR_DETECTION)
        elif str(one.get("pattern_type", "stix")) != "stix" or (found := comparisons(text)) is None:
            yield ListEntry(place, text, TOO_COMPLEX)
        else:
            for path, value in found:
                refused = "" if path in STIX_PATHS else HASH if "hashes" in path else OTHER_KIND
                yield ListEntry(place, value if path in STIX_PATHS else text, refused)


def comparisons(pattern: str) -> list[tuple[str, str]] | None:
    """Object paths and what they equal in a STIX pattern, any of which is enough; None for any other pattern."""
    if len(pattern) > LONGEST_PATTERN:
        return None
    found, at, shape = [], 0, ""
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None:
            return None
        at = token.end()
        shape += "[" if token["open"] else "]" if token["close"] else "|" if token["or"] else "c"
        if token["path"]:
            found.append((token["path"], re.sub(r"\\(.)", r"\1", token["value"])))
    return found if re.fullmatch(r"\[c(\|c)*\](\|\[c(\|c)*\])*", shape) else None
