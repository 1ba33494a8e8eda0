"""Who may do what: reading on loopback is free, everything else needs a token or a session that began with one.

A browser's session is a random cookie; forms carry the session's CSRF token. Sessions end with this process.
"""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from fastapi import Request

from zeek_beacons.operator_file.store import OperatorStore
from zeek_beacons.operator_file.tokens import Token
from zeek_beacons.serve.problems import ProblemError
from zeek_beacons.serve.tries import Tries

COOKIE = "zeek_beacons_session"
CSRF_HEADER, CSRF_FIELD = "x-csrf-token", "csrf_token"
MOST_SESSIONS = 1000
ASK = {"WWW-Authenticate": 'Bearer realm="zeek-beacons"'}


@dataclass(frozen=True, slots=True)
class LoginSession:
    """A browser that logged in."""

    token: Token
    csrf: str
    until: float


@dataclass(frozen=True, slots=True)
class Who:
    """Who asks. `name` is "" for someone who reads on loopback; `session` is None for one with a token."""

    name: str = ""
    may_write: bool = False
    session: LoginSession | None = None

    @property
    def csrf(self) -> str:
        """What forms must carry."""
        return "" if self.session is None else self.session.csrf


class Access:
    """Decides who asks. `on_loopback`: whether only this machine reaches the server."""

    def __init__(
        self,
        store: OperatorStore,
        on_loopback: bool,
        session_seconds: float,
        clock: Callable[[], float] = time.time,
        tries: Tries | None = None,
    ) -> None:
        self._tries = tries or Tries()
        self._store, self._on_loopback, self._seconds, self._clock = store, on_loopback, session_seconds, clock
        self._sessions: OrderedDict[str, LoginSession] = OrderedDict()
        self._messages: dict[str, str] = {}  # by cookie
        self._lock = threading.Lock()

    def log_in(self, request: Request, token_text: str) -> tuple[str, LoginSession] | None:
        """A new session, by its cookie; None for a wrong token. Raises ProblemError after too many of those."""
        token = self._token(request, token_text)
        if token is None:
            return None
        session = LoginSession(token, secrets.token_urlsafe(24), self._clock() + self._seconds)
        cookie = secrets.token_urlsafe(32)
        with self._lock:
            self._sessions[cookie] = session
            while len(self._sessions) > MOST_SESSIONS:
                self._messages.pop(self._sessions.popitem(last=False)[0], None)
        return cookie, session

    def log_out(self, cookie: str) -> None:
        """Ends a session."""
        with self._lock:
            self._sessions.pop(cookie, None)
            self._messages.pop(cookie, None)

    def tell(self, cookie: str, message: str) -> None:
        """Leaves a message for the next page of a session."""
        with self._lock:
            if cookie in self._sessions:
                self._messages[cookie] = message

    def message(self, cookie: str) -> str:
        """The message that was left, once."""
        with self._lock:
            return self._messages.pop(cookie, "")

    def who(self, request: Request) -> Who:
        """Who asks; raises ProblemError for a wrong token. May be nobody, which `reader` and `writer` judge."""
        given = request.headers.get("authorization", "")
        if given:
            kind, _, text = given.partition(" ")
            token = self._token(request, text) if kind.lower() == "bearer" else None
            if token is None:
                raise ProblemError(401, "the token is not known; `zeek-beacons token` makes one", ASK)
            return Who(token.name, token.may_write)
        session = self._session(request.cookies.get(COOKIE, ""))
        return Who() if session is None else Who(session.token.name, session.token.may_write, session)

    def reader(self, request: Request) -> Who:
        """Who reads. Raises ProblemError where that needs a token."""
        who = self.who(request)
        if not who.name and not (self._on_loopback and request.scope.get("asked_locally", False)):
            raise ProblemError(401, "a token is needed: Authorization: Bearer TOKEN", ASK)
        return who

    def writer(self, request: Request, csrf: str | None = None) -> Who:
        """Who writes. `csrf`: what a form carried. Raises ProblemError for those who may not."""
        who = self.who(request)
        if not who.name:
            raise ProblemError(401, "a token that may write is needed: Authorization: Bearer TOKEN", ASK)
        if who.session is not None:
            carried = request.headers.get(CSRF_HEADER, "") if csrf is None else csrf
            if not secrets.compare_digest(carried.encode(), who.session.csrf.encode()):
                raise ProblemError(403, "the form has expired, or comes from elsewhere: load the page again")
        if not who.may_write:
            raise ProblemError(403, f"the token of {who.name} may read only")
        return who

    def _token(self, request: Request, text: str) -> Token | None:
        """The token that a text is. Raises ProblemError, unseen, where too many were wrong."""
        host = request.client.host if request.client else ""
        wait = math.ceil(self._tries.wait(host))
        if wait > 0:
            raise ProblemError(429, f"too many wrong tokens; try again in {wait} s", {"Retry-After": str(wait)})
        token = self._store.token(text.strip())
        if token is None:
            self._tries.wrong(host, text.strip())
        else:
            self._tries.right(host)
        return token

    def _session(self, cookie: str) -> LoginSession | None:
        with self._lock:
            session = self._sessions.get(cookie)
        if session is None:
            return None
        if session.until <= self._clock() or session.token not in self._store.tokens():
            self.log_out(cookie)
            return None
        return session
