"""Where to look on: a filter for a pair's connections in one line, and the command that shows them in the log read.

Names and file names come from outside: in filters they are JSON strings, in commands quoted for the shell.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Self

from zeek_beacons.errors import InputError
from zeek_beacons.keys import CONN, Key
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import Scored
from zeek_beacons.readers.files import STDIN, Input

FILES = 3  # that a command names
COLUMNS = "ts uid id.orig_h id.orig_p id.resp_h id.resp_p service duration orig_bytes resp_bytes conn_state"
LOGS = frozenset({"conn", "candidates"})  # formats with Zeek's own columns
NOTHING: Mapping[Key, tuple[float, float]] = MappingProxyType({})
UNPACK = {".gz": "zcat", ".zst": "zstdcat"}


@dataclass(frozen=True, slots=True)
class Sources:
    """What the pairs were read from, as far as it is known: files by format, and the newest uids of some pairs.

    `long_gone`: by key, start and duration of the longest connection that a pair does not hold any more.
    """

    files: Mapping[str, str] = field(default_factory=dict)  # path -> format
    is_json: frozenset[str] = frozenset()  # the paths of logs in JSON
    uids: Mapping[int, Sequence[str]] = field(default_factory=dict)  # row -> newest first
    long_gone: Mapping[Key, tuple[float, float]] = field(default_factory=dict)
    told: dict[tuple[int, int], Any] = field(default_factory=dict, compare=False)  # facts that were made already

    @classmethod
    def of(
        cls,
        files: Mapping[str, str],
        uids: Mapping[int, Sequence[str]] | None = None,
        long_gone: Mapping[Key, tuple[float, float]] = NOTHING,
    ) -> Self:
        """The sources of a run, from the files that its reading names."""
        logs = {path: form for path, form in files.items() if form in LOGS}
        return cls(logs, frozenset(path for path in logs if _is_json(path)), uids or {}, long_gone)

    def moved(self, names: Mapping[str, str]) -> Self:
        """The same sources where the files go by other names: each path's new one."""
        files = {names[path]: form for path, form in self.files.items()}
        return type(self)(files, frozenset(names[path] for path in self.is_json), self.uids, self.long_gone)


def filter_of(scored: Scored, row: int) -> str:
    """The pair as a condition over conn.log's fields; by its server's name where it is a pair by name."""
    pairs = scored.pairs
    server = _either([_server(pairs, member) for member in _of(scored, row)], "||")
    return f'id.orig_h == "{pairs.orig_h[row]}" && {server} && proto == "{pairs.proto[row]}"'


def _server(pairs: Pairs, row: int) -> str:
    by_name = f"server_name == {json.dumps(pairs.resp[row])}"
    server = by_name if pairs.is_named[row] and pairs.channel[row] == CONN else f'id.resp_h == "{pairs.addr[row]}"'
    return f"{server} && id.resp_p == {pairs.resp_p[row]}"


def _of(scored: Scored, row: int) -> list[int]:
    """The rows that a row stands for: itself, or the members of a group."""
    members: list[int] = scored.members[row].tolist() if row in scored.members else [row]
    return members


def command_of(scored: Scored, row: int, sources: Sources) -> str:
    """A line of shell that shows the pair's connections (by its newest address), "" where no Zeek log was read."""
    paths = [path for path in sources.files if path != STDIN and sources.files[path] == "conn"]
    if not paths:
        return ""
    chosen = paths if len(paths) <= FILES else paths[-1:]
    orig = scored.pairs.orig_h[row]
    ends = [(scored.pairs.addr[member], int(scored.pairs.resp_p[member])) for member in _of(scored, row)]
    if chosen[-1] in sources.is_json:
        servers = [f'."id.resp_h" == "{resp}" and ."id.resp_p" == {port}' for resp, port in ends]
        named = f'."id.orig_h" == "{orig}" and {_either(servers, "or")}'
        return f"{_unpacked(chosen)} | jq -c {shlex.quote(f'select({named})')}"
    servers = [f'$5 == "{resp}" && $6 == {port}' for resp, port in ends]
    condition = f'$3 == "{orig}" && {_either(servers, "||")}'
    return f"{_unpacked(chosen)} | zeek-cut {COLUMNS} | awk -F '\\t' {shlex.quote(condition)}"


def _either(conditions: Sequence[str], word: str) -> str:
    """A condition that one of several holds."""
    if len(conditions) == 1:
        return conditions[0]
    return f"({f' {word} '.join(f'({one})' for one in conditions)})"


def _unpacked(paths: Iterable[str]) -> str:
    """What prints these files, packed or not."""
    listed = list(paths)
    tools = {next((tool for end, tool in UNPACK.items() if path.endswith(end)), "cat") for path in listed}
    tool = tools.pop() if len(tools) == 1 else "zcat -f"
    return " ".join([tool, *(shlex.quote(f"./{path}" if path.startswith("-") else path) for path in listed)])


def _is_json(path: str) -> bool:
    if path == STDIN:
        return False
    try:
        return Input(path).head().lstrip().startswith(b"{")
    except InputError:
        return False
