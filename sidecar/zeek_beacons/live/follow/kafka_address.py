"""`kafka://HOST:PORT[,HOST:PORT]/TOPIC[,TOPIC][?group=NAME&config=FILE]`: which topics are followed, and how."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib import parse

from zeek_beacons.errors import ConfigError

SCHEME = "kafka://"
PREFIX = "kafka:"  # of what a partition is known by in the history
_HOST = re.compile(r"([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
# What we set ourselves, since it decides what is read twice or not at all.
_OURS = frozenset(
    (
        *("bootstrap.servers", "metadata.broker.list", "group.id", "auto.offset.reset", "enable.partition.eof"),
        *("enable.auto.commit", "enable.auto.offset.store", "auto.commit.enable"),
    )
)


@dataclass(frozen=True, slots=True)
class KafkaAddress:
    """Topics of one cluster. `group`: share their partitions with others by it; "": all are read."""

    text: str
    brokers: str
    topics: tuple[str, ...]
    group: str = ""
    settings: dict[str, str] = field(default_factory=dict)  # librdkafka's, of the file that was named

    @classmethod
    def parsed(cls, text: str) -> KafkaAddress:
        """Raises ConfigError where it is none, or names a file that cannot be used."""
        expected = f"expected {SCHEME}HOST:PORT[,HOST:PORT]/TOPIC[,TOPIC][?group=NAME&config=FILE]"
        rest, _, query = text.removeprefix(SCHEME).partition("?")
        brokers, _, topics = rest.partition("/")
        for part in brokers.split(","):
            if not _HOST.fullmatch(part):
                raise ConfigError(f"{text}: {part!r} is no HOST:PORT; {expected}")
        named = tuple(dict.fromkeys(topics.split(",")))
        for topic in named:
            if not _TOPIC.fullmatch(topic):
                raise ConfigError(f"{text}: {topic!r} is no name of a topic; {expected}")
        try:
            asked = dict(parse.parse_qsl(query, keep_blank_values=True, strict_parsing=True)) if query else {}
        except ValueError as error:
            raise ConfigError(f"{text}: {query!r} cannot be read; {expected}") from error
        if unknown := asked.keys() - {"group", "config"}:
            raise ConfigError(f"{text}: unknown {', '.join(sorted(unknown))}; {expected}")
        settings = _settings(Path(asked["config"])) if asked.get("config") else {}
        return cls(text, brokers, named, asked.get("group", ""), settings)


def _settings(path: Path) -> dict[str, str]:
    """librdkafka's settings, a line `name=value` each, `#` before what is said about them. Raises ConfigError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    found = {}
    for number, line in enumerate(lines, 1):
        name, sign, value = (part.strip() for part in line.partition("="))
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not sign or not name:
            raise ConfigError(f"{path}, line {number}: expected name=value")
        if name in _OURS:
            raise ConfigError(f"{path}, line {number}: {name} is set by follow itself")
        found[name] = value
    return found
