"""A sensor that is another machine's `zeek-beacons serve`, asked by its API. It may be slow, broken or hostile."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib import parse

from zeek_beacons.errors import BeaconsError, ConfigError, InputError
from zeek_beacons.fleet import answers
from zeek_beacons.readmodel import (
    About,
    AlertRow,
    Beacon,
    BelowGate,
    Filter,
    HostRow,
    IncidentDetail,
    IncidentRow,
    Listing,
    LongPair,
    Page,
    PairRow,
)
from zeek_beacons.readmodel.model import EVERYTHING, FIRST

LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))
PIECE = 1 << 16  # bytes read at once
SHOWN = 200  # characters of a refusal
MOST_PROBLEMS = 20

T = TypeVar("T")


class Bounds(NamedTuple):
    """What an answer may take."""

    seconds: float = 5.0
    size: int = 8_000_000  # bytes


BOUNDS = Bounds()


class _NoSuchThingError(InputError):
    """The sensor has nothing of this id."""


class UnsaidError(BeaconsError):
    """A sensor's console did not take what it was told, or nobody knows. `status`: of its refusal, 0 for none."""

    def __init__(self, name: str, problem: str, status: int = 0, is_unsaid: bool = True) -> None:
        known = "nothing was said" if is_unsaid else "whether it was taken is not known, look there"
        super().__init__(f"{name}: {problem}; {known}")
        self.status, self.is_unsaid = status, is_unsaid


class SensorStatus(NamedTuple):
    """What a sensor holds, and what its own console finds wrong with it."""

    about: About
    problems: tuple[str, ...]


class RemoteModel:
    """Asks one `serve`. Raises ConfigError where a token would go over the network unencrypted."""

    def __init__(
        self, name: str, url: str, token: str = "", trust: ssl.SSLContext | None = None, bounds: Bounds = BOUNDS
    ) -> None:
        parts = parse.urlsplit(url)
        if token and parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ConfigError(f"source {name}: a token is sent to another machine over https:// only")
        self.name, self.url = name, url.rstrip("/")
        self._host, self._base = parts.netloc, f"{parts.path.rstrip('/')}/api/v1"
        self._token, self._bounds = token, bounds
        self._trust = trust if parts.scheme == "https" else None

    @property
    def has_token(self) -> bool:
        """Whether there is a token for it: without one it takes no words."""
        return bool(self._token)

    def tell(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Has it write something down. Returns its answer, None where that is empty. Raises UnsaidError."""
        headers = {"Accept": "application/json", "Connection": "close", "Authorization": f"Bearer {self._token}"}
        headers |= {} if body is None else {"Content-Type": "application/json"}
        connection = self._connection()
        try:
            connection.connect()
        except OSError as problem:
            raise UnsaidError(self.name, f"does not answer: {one_line(problem)}") from problem
        try:
            connection.request(
                method, f"{self._base}/{path}", None if body is None else json.dumps(body), headers=headers
            )
            with connection.getresponse() as got:
                answer = self._read(got)
        except (OSError, http.client.HTTPException, InputError) as problem:
            text = str(problem).removeprefix(f"{self.name}: ")
            raise UnsaidError(self.name, f"does not answer: {one_line(text)}", is_unsaid=False) from problem
        finally:
            connection.close()
        try:
            told = json.loads(answer) if answer else None
        except (ValueError, RecursionError):
            told = None
        if got.status in (http.client.OK, http.client.CREATED, http.client.NO_CONTENT):
            return told
        detail = told.get("detail", got.reason) if isinstance(told, dict) else got.reason
        raise UnsaidError(self.name, f"refuses ({got.status}): {one_line(detail)}", got.status)

    def status(self) -> SensorStatus:
        """What it holds, and what is wrong with it."""
        told = self._ask("status", {})
        if isinstance(told, dict) and told.get("sensors"):
            raise InputError(self.name, "is a console over several sensors itself: name those")
        try:
            problems = tuple(str(one)[:SHOWN] for one in told["problems"][:MOST_PROBLEMS])
            if not told["shown"]:
                raise InputError(self.name, problems[0] if problems else "has nothing to show")
            about = self._made(About, told["shown"] | {"path": self.url})
        except (KeyError, TypeError, IndexError) as problem:
            raise InputError(self.name, "answers with no status of this version") from problem
        return SensorStatus(about, problems)

    def about(self) -> About:
        """What it holds."""
        return self.status().about

    def beacons(self, which: Filter = EVERYTHING, page: Page = FIRST) -> Listing[PairRow]:
        """Pairs that alert now."""
        return self._listed("beacons", PairRow, which, page)

    def pairs(self, which: Filter = EVERYTHING, page: Page = FIRST) -> Listing[PairRow]:
        """All pairs."""
        return self._listed("connections", PairRow, which, page)

    def pair(self, id: str) -> PairRow | None:  # noqa: A002
        """One pair."""
        found = self.beacon(id)
        return None if found is None else found.row

    def beacon(self, id: str) -> Beacon | None:  # noqa: A002
        """One pair in full."""
        return self._one(f"beacons/{parse.quote(id, safe='')}", Beacon)

    def below_gate(self, most: int = 20) -> BelowGate:
        """Pairs with too few connections, in sum; how many of them are named is the sensor's choice."""
        return self._made(BelowGate, self._ask("connections", {"below_gate": "true"}))

    def incidents(self, which: Filter = EVERYTHING, page: Page = FIRST) -> Listing[IncidentRow]:
        """Incidents that alert now."""
        return self._listed("incidents", IncidentRow, which, page)

    def incident(self, id: str) -> IncidentDetail | None:  # noqa: A002
        """One incident."""
        return self._one(f"incidents/{parse.quote(id, safe='')}", IncidentDetail)

    def hosts(self, which: Filter = EVERYTHING, page: Page = FIRST) -> Listing[HostRow]:
        """Originators by combined risk."""
        return self._listed("hosts", HostRow, which, page)

    def alerts(self, after: int = 0, which: Filter = EVERYTHING, page: Page = FIRST) -> Listing[AlertRow]:
        """Pairs that reached a level, cleared on the sensor or not."""
        return self._listed("alerts", AlertRow, which, page, {"after": after, "cleared": True})

    def alerts_after(self, seq: int, most: int = 100) -> tuple[AlertRow, ...]:
        """The newest of the alerts that follow `seq`, the oldest first."""
        return tuple(reversed(self.alerts(seq, page=Page(limit=most)).rows))

    def long_connections(
        self, min_duration: float = 3600.0, which: Filter = EVERYTHING, page: Page = FIRST, by_sum: bool = False
    ) -> Listing[LongPair]:
        """Pairs by how long their connections are open."""
        more = {"min_duration": min_duration, "by_sum": by_sum}
        return self._listed("long-connections", LongPair, which, page, more)

    def _listed(
        self, path: str, kind: type[T], which: Filter, page: Page, more: Mapping[str, Any] | None = None
    ) -> Listing[T]:
        asked = asdict(which) | asdict(page) | dict(more or {})
        asked.pop("sensor")  # that is this one, by whatever name it has there
        told = self._ask(path, {name: _text(one) for name, one in asked.items() if one not in ("", None)})
        try:
            return answers.listing(kind, told, page.limit)
        except answers.AnswerError as problem:
            raise InputError(self.name, f"answers with no list of {path} of this version: {problem}") from problem

    def _one(self, path: str, kind: type[T]) -> T | None:
        """None where there is no such thing."""
        try:
            told = self._ask(path, {})
        except _NoSuchThingError:
            return None
        return self._made(kind, told)

    def _made(self, kind: type[T], told: Any) -> T:
        try:
            return answers.value(kind, told)
        except answers.AnswerError as problem:
            raise InputError(self.name, f"answers with no {kind.__name__} of this version: {problem}") from problem

    def _ask(self, path: str, asked: Mapping[str, str]) -> Any:
        """The answer as data. Raises InputError."""
        headers = {"Accept": "application/json", "Connection": "close"}
        headers |= {"Authorization": f"Bearer {self._token}"} if self._token else {}
        query = f"?{parse.urlencode(asked)}" if asked else ""
        connection = self._connection()
        try:
            connection.request("GET", f"{self._base}/{path}{query}", headers=headers)
            with connection.getresponse() as got:
                body = self._read(got)
        except (OSError, http.client.HTTPException) as problem:
            raise InputError(self.name, f"does not answer: {one_line(problem)}") from problem
        finally:
            connection.close()
        try:
            told = json.loads(body)
        except (ValueError, RecursionError) as problem:
            raise InputError(self.name, "is no zeek-beacons serve: its answer is no JSON") from problem
        if got.status == http.client.NOT_FOUND and isinstance(told, dict) and told.get("status") == got.status:
            raise _NoSuchThingError(self.name, "has no such thing")
        if got.status != http.client.OK:
            detail = told.get("detail", got.reason) if isinstance(told, dict) else got.reason
            raise InputError(self.name, f"refuses ({got.status}): {one_line(detail)}")
        return told

    def _connection(self) -> http.client.HTTPConnection:
        if self._trust is None:
            return http.client.HTTPConnection(self._host, timeout=self._bounds.seconds)
        return http.client.HTTPSConnection(self._host, timeout=self._bounds.seconds, context=self._trust)

    def _read(self, got: http.client.HTTPResponse) -> bytes:
        """The body, in time and not too large. Raises InputError."""
        until, body = time.monotonic() + self._bounds.seconds, bytearray()
        while piece := got.read1(PIECE):
            body += piece
            if len(body) > self._bounds.size:
                raise InputError(self.name, f"answers with more than {self._bounds.size / 1e6:g} MB")
            if time.monotonic() > until:
                raise InputError(self.name, f"does not answer within {self._bounds.seconds:g} s")
        return bytes(body)


def trust_of(authority: str, option: str) -> ssl.SSLContext:
    """Whose certificates are believed: this authority's (PEM), or the system's. Raises ConfigError with the option."""
    try:
        return ssl.create_default_context(cafile=authority or None)
    except (OSError, ssl.SSLError) as problem:
        raise ConfigError(f"{option} {Path(authority)}: no certificates in PEM: {problem}") from problem


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def one_line(problem: object) -> str:
    """What went wrong as a message shows it: printable, and cut."""
    return "".join(c if c.isprintable() else "?" for c in str(problem))[:SHOWN]
