"""What a sink is: a receiver that takes one alert at a time, named as KIND:TARGET[#OPTION=VALUE&...].

Options stand behind `#`, which no server ever gets to see, so that any URL can be a target as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from urllib.parse import SplitResult, parse_qsl, urlsplit

from zeek_beacons.alerts.alert import Alert
from zeek_beacons.errors import ConfigError

TIMEOUT = 10.0  # seconds that a receiver may take for any one step


class DeliveryError(Exception):
    """An alert could not be handed over; it is tried again later, after `retry_after` seconds where that is said."""

    def __init__(self, problem: str, retry_after: float = 0.0) -> None:
        self.retry_after = retry_after
        super().__init__(problem)


class Sink(Protocol):
    """One receiver. Used by one thread."""

    name: str  # for people and for the queue; holds no secret

    def deliver(self, alert: Alert) -> bool:
        """Hands it over. Returns whether the receiver confirmed that. Raises DeliveryError."""


@dataclass(slots=True)
class SinkSpec:
    """A sink as it was named. Each sink takes its options, then has what is left refused."""

    text: str
    kind: str
    target: str
    _options: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> SinkSpec:
        """Raises ConfigError where it is no KIND:TARGET[#OPTION=VALUE&...]."""
        whole, _, behind = text.partition("#")
        kind, colon, target = whole.partition(":")
        if not colon or not target:
            raise ConfigError(f"alert sink {text!r}: expected KIND:TARGET, such as file:/var/log/beacons.json")
        try:
            pairs = parse_qsl(behind, keep_blank_values=True, strict_parsing=True) if behind else []
        except ValueError as error:
            raise ConfigError(f"alert sink {text!r}: behind # stand options, OPTION=VALUE joined by &") from error
        options = dict(pairs)
        if len(options) < len(pairs):
            raise ConfigError(f"alert sink {text!r}: an option is given twice")
        return cls(text, kind, target, options)

    def wrong(self, problem: str) -> ConfigError:
        """The error that says what is wrong with this sink."""
        return ConfigError(f"alert sink {self.text!r}: {problem}")

    def option(self, name: str, default: str, known: Sequence[str] = ()) -> str:
        """Takes an option, which must be one of `known` where these are given. Raises ConfigError."""
        value = self._options.pop(name, default)
        if known and value not in known:
            raise self.wrong(f"{name} is {value!r}, expected one of {', '.join(known)}")
        return value

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """Takes an option that is a whole number. Raises ConfigError."""
        text = self._options.pop(name, str(default))
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            raise self.wrong(f"{name} is {text!r}, expected {least} to {most}")
        return int(text)

    def secret(self, name: str = "secret_file") -> bytes:
        """The content of the file that an option names, without the line's end; b"" without it. Raises ConfigError."""
        path = self._options.pop(name, "")
        if not path:
            return b""
        try:
            secret = Path(path).read_bytes().strip()
        except OSError as error:
            raise self.wrong(f"{name} {path}: cannot be read: {error.strerror}") from error
        if not secret:
            raise self.wrong(f"{name} {path}: is empty")
        return secret

    def url(self, text: str, schemes: Sequence[str], port: int | None = None) -> SplitResult:
        """A URL with one of these schemes, and with a port unless there is a usual one. Raises ConfigError."""
        try:
            url = urlsplit(text)
            given = url.port
        except ValueError as error:
            raise self.wrong(f"{text!r} is no URL: {error}") from error
        if url.scheme not in schemes or not url.hostname or (given is None and port is None) or given == 0:
            expected = ", ".join(f"{scheme}://HOST{':PORT' if port is None else ''}" for scheme in schemes)
            raise self.wrong(f"{text!r} is no address, expected {expected}")
        return url

    def done(self) -> None:
        """Refuses options that the sink has not taken. Raises ConfigError."""
        if self._options:
            raise self.wrong(f"unknown option {next(iter(self._options))!r}")

    def name(self, shown: str) -> str:
        """A name that tells two sinks apart and shows no more than `shown` of them."""
        digest = hashlib.blake2b(self.text.encode("utf-8", "surrogateescape"), digest_size=3).hexdigest()
        return f"{self.kind}:{shown} [{digest}]"
