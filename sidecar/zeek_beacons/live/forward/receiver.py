"""The other machine's `serve`, as the sender sees it. It may be slow, away, busy, or refuse."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib import parse

import zstandard

from zeek_beacons.errors import ConfigError
from zeek_beacons.files import secret_text
from zeek_beacons.fleet.remote import one_line
from zeek_beacons.live.forward.buffer import BufferedBatch

LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))
SECONDS = 30.0  # that an answer may take
LONGEST_WAIT = 300.0  # seconds that a receiver may ask for
LARGEST_ANSWER = 1 << 20
_BUSY = (429, 503)
# What a batch is to blame for; everything else will pass, or is ours to set right.
_REFUSED = (400, 413, 415, 422)


@dataclass(frozen=True, slots=True)
class ReceiverAnswer:
    """What became of a batch. `have`: up to which number the receiver has everything, None where it took nothing."""

    have: int | None = None
    duplicate: bool = False
    rows: tuple[int, ...] = ()  # bad ones, as the receiver numbers them
    refused: bool = False  # the batch will never be taken as it is
    wait: float | None = None  # seconds that the receiver asked for
    problem: str = ""


class BatchReceiver:
    """Sends batches to one address. Raises ConfigError where it is none, or reached over the network unencrypted."""

    def __init__(
        self,
        url: str,
        source: str,
        token: str = "",
        trust: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        parts = parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
            raise ConfigError(f"forward is {url!r}, expected https://HOST:PORT")
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ConfigError("forward: connections are sent to another machine over https:// only")
        self.url, self._source, self._clock = url.rstrip("/"), source, clock
        self._host, self._base = parts.netloc, f"{parts.path.rstrip('/')}/api/v1/forward"
        self._headers = {"Content-Type": "application/octet-stream", "Content-Encoding": "zstd"}
        self._headers |= {"Authorization": f"Bearer {token}"} if token else {}
        self._trust = trust if parts.scheme == "https" else None
        self._connection: http.client.HTTPConnection | None = None
        self._pack = zstandard.ZstdCompressor(level=1)

    def send(self, stream: str, one: BufferedBatch) -> ReceiverAnswer:
        """Sends a batch, and waits for what becomes of it."""
        address = f"{self._base}/{parse.quote(self._source, safe='')}/{stream}/{one.seq}?log={one.batch.log}"
        body = self._pack.compress(one.batch.header + one.batch.rows)
        is_reused = self._connection is not None
        try:
            status, headers, told = self._ask(address, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self.close()
            if is_reused:  # it may have been closed while nothing was sent; a batch that comes twice is taken once
                return self.send(stream, one)
            return ReceiverAnswer(problem=f"{self.url} does not answer: {one_line(error)}")
        if status == http.client.OK and isinstance(told, dict) and isinstance(told.get("have"), int):
            return ReceiverAnswer(have=told["have"], duplicate=bool(told.get("duplicate")))
        detail = told.get("detail", "") if isinstance(told, dict) else "its answer is none of `zeek-beacons serve`"
        problem = f"{self.url} refuses ({status}): {one_line(detail)}"
        wait = self._wait(headers.get("Retry-After")) if status in _BUSY else None
        rows = told.get("rows") if isinstance(told, dict) else None
        bad = tuple(row for row in rows if isinstance(row, int)) if isinstance(rows, list) else ()
        return ReceiverAnswer(rows=bad, refused=status in _REFUSED, wait=wait, problem=problem)

    def close(self) -> None:
        """Ends the connection; the next batch makes a new one."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _ask(self, address: str, body: bytes) -> tuple[int, Any, Any]:
        if self._connection is None:
            self._connection = self._opened()
        self._connection.request("PUT", address, body, self._headers)
        with self._connection.getresponse() as got:
            data = got.read(LARGEST_ANSWER + 1)
            if len(data) > LARGEST_ANSWER:
                raise ValueError(f"an answer of more than {LARGEST_ANSWER >> 20} MB")
            try:
                told = json.loads(data)
            except (ValueError, RecursionError):
                told = None
            return got.status, got.headers, told

    def _opened(self) -> http.client.HTTPConnection:
        if self._trust is None:
            return http.client.HTTPConnection(self._host, timeout=SECONDS)
        return http.client.HTTPSConnection(self._host, timeout=SECONDS, context=self._trust)

    def _wait(self, told: str | None) -> float | None:
        """The seconds of a Retry-After, of which a date is another form."""
        if told is None:
            return None
        try:
            seconds = float(told) if told.strip().isdigit() else parsedate_to_datetime(told).timestamp() - self._clock()
        except (ValueError, TypeError):
            return None
        return min(max(seconds, 0.0), LONGEST_WAIT)


def token_in(file: Path) -> str:
    """The token in a file that only its owner may read. Raises ConfigError."""
    token = secret_text(file).strip()
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigError(f"{file}: expected a token, as `zeek-beacons token add NAME --write` prints it")
    return token
