"""Where lists come from: a file on this machine, or another machine's `zeek-beacons serve`. Rows are plain data."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib import error, parse, request

from zeek_beacons.errors import ConfigError, InputError
from zeek_beacons.readmodel import AlertRow, Filter, HostRow, LongPair, Page, PairRow, ReadModel, plain

PATIENCE = 10.0  # seconds for an answer
LARGEST = 64 << 20  # bytes of an answer
LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))

Row = Mapping[str, Any]
# The lists, with the fields of their rows: what a later version tells more is left out.
KINDS: Mapping[str, type] = {
    "beacons": PairRow,
    "connections": PairRow,
    "hosts": HostRow,
    "alerts": AlertRow,
    "long-connections": LongPair,
}


class Rows(NamedTuple):
    """A page of a list, and how many there are in all."""

    rows: list[Row]
    total: int


class Status(NamedTuple):
    """How a sidecar is, as `condition` says; "" where there is none, of which `held` tells alone."""

    condition: str
    problems: list[str]
    state: Row | None
    held: Row


class Source(Protocol):
    """What lists are asked of."""

    name: str

    def rows(self, kind: str, which: Filter, page: Page, more: Mapping[str, Any]) -> Rows:
        """A page of one of KINDS. `more`: what this list alone can be asked. Raises BeaconsError."""
        ...

    def below_gate(self) -> Row:
        """Pairs with too few connections to be scored, in sum. Raises BeaconsError."""
        ...

    def status(self) -> Status:
        """How it is, and what is held. Raises BeaconsError."""
        ...


class FileSource:
    """A history, a result, or a folder with one."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._path = path
        self._model: ReadModel | None = None

    def rows(self, kind: str, which: Filter, page: Page, more: Mapping[str, Any]) -> Rows:
        """A page of one of KINDS."""
        model = self._opened()
        ask: Mapping[str, Any] = {
            "beacons": lambda: model.beacons(which, page),
            "connections": lambda: model.pairs(which, page),
            "hosts": lambda: model.hosts(which, page),
            "alerts": lambda: model.alerts(which=which, page=page),
            "long-connections": lambda: model.long_connections(which=which, page=page, **more),
        }
        found = ask[kind]()
        return Rows([plain(row) for row in found.rows], found.total)

    def below_gate(self) -> Row:
        """Pairs with too few connections to be scored, in sum."""
        found: Row = plain(self._opened().below_gate())
        return found

    def status(self) -> Status:
        """What is held; a file says nothing of the sidecar that writes it."""
        return Status("", [], None, plain(self._opened().about()))

    def _opened(self) -> ReadModel:
        if self._model is None:
            self._model = ReadModel.open(self._path)
        return self._model


class RemoteSource:
    """The HTTP API of `zeek-beacons serve`. Raises ConfigError where a token would go over the network unencrypted."""

    def __init__(self, url: str, token: str, authority: Path | None) -> None:
        parts = parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"--url is {url!r}, expected https://HOST:PORT")
        if token and parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ConfigError(f"--url is {url!r}: a token is sent to another machine over https:// only")
        self.name = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
        self._url, self._token = f"{self.name}{parts.path.rstrip('/')}/api/v1", token
        self._opener = request.build_opener(_NoRedirect, request.HTTPSHandler(context=_trust(authority)))

    def rows(self, kind: str, which: Filter, page: Page, more: Mapping[str, Any]) -> Rows:
        """A page of one of KINDS."""
        answer = self._ask(kind, _given(asdict(which)) | _given(asdict(page)) | _given(more))
        kinds = fields(KINDS[kind])
        later = {
            one.name: one.default for one in kinds if one.default is not MISSING
        }  # what an older one does not tell
        try:
            rows: list[Row] = [{one.name: (later | row)[one.name] for one in kinds} for row in answer["rows"]]
            return Rows(rows, int(answer["total"]))
        except (KeyError, TypeError, ValueError) as problem:
            raise InputError(self.name, f"answers with no list of {kind} of this version") from problem

    def below_gate(self) -> Row:
        """Pairs with too few connections to be scored, in sum."""
        return self._ask("connections", {"below_gate": "true"})

    def status(self) -> Status:
        """How the sidecar is whose history is shown there, and what is held."""
        told = self._ask("status", {})
        try:
            return Status(told["condition"] or "", list(map(str, told["problems"])), told["sidecar"], told["shown"])
        except (KeyError, TypeError) as problem:
            raise InputError(self.name, "answers with no status of this version") from problem

    def _ask(self, path: str, asked: Mapping[str, str]) -> dict[str, Any]:
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {self._token}"} if self._token else {})
        query = f"?{parse.urlencode(asked)}" if asked else ""
        question = request.Request(f"{self._url}/{path}{query}", headers=headers)  # noqa: S310
        try:
            with self._opener.open(question, timeout=PATIENCE) as got:
                body = got.read(LARGEST + 1)
        except error.HTTPError as problem:
            raise InputError(self.name, _refusal(problem)) from problem
        except (error.URLError, OSError) as problem:
            raise InputError(self.name, f"does not answer: {getattr(problem, 'reason', problem)}") from problem
        try:
            answer = json.loads(body)
        except ValueError as problem:
            raise InputError(self.name, "is no zeek-beacons serve: its answer is no JSON") from problem
        if not isinstance(answer, dict):
            raise InputError(self.name, "is no zeek-beacons serve")
        return answer


class _NoRedirect(request.HTTPRedirectHandler):
    """A token goes to nobody but whom it was meant for."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """None: the redirection is an error."""


def _trust(authority: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=None if authority is None else str(authority))
    except (OSError, ssl.SSLError) as problem:
        raise ConfigError(f"--ca {authority}: no certificates in PEM: {problem}") from problem


def _given(asked: Mapping[str, Any]) -> dict[str, str]:
    """What is asked for, as it stands in an address."""
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in asked.items()
        if value not in ("", None)
    }


def _refusal(problem: error.HTTPError) -> str:
    """Why an answer was refused, by its own words where it has some."""
    try:
        told = json.loads(problem.read(LARGEST)).get("detail") or problem.reason
    except (ValueError, AttributeError, OSError):
        told = problem.reason
    hint = "; name one by --token" if problem.code == 401 else ""
    return f"refuses ({problem.code}): {''.join(c if c.isprintable() else '?' for c in str(told))[:200]}{hint}"
