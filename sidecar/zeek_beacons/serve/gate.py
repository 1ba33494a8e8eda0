"""What every request passes first: whom it was meant for (Host), whence it comes (Origin), how large it may be.

And what every answer carries: headers by which a browser runs and loads nothing but this server's own files.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zeek_beacons.serve.problems import problem

SAFE = frozenset(("GET", "HEAD", "OPTIONS"))
LARGEST_BODY = 4 << 20  # bytes, of all requests but uploads
UPLOADS = frozenset(("/api/v1/analyze", "/run"))
HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


class TooLargeError(HTTPException):
    """A body is larger than it may be."""

    def __init__(self) -> None:
        super().__init__(413, f"a request may have {LARGEST_BODY >> 20} MB here")


class Gate:
    """Wraps an app."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str] = (), tls: bool = False) -> None:
        self._app, self._hosts, self._tls = app, frozenset(name.lower() for name in hosts), tls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        answer = _Answer(send, self._tls)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await problem(*refusal)(scope, receive, answer)
            return
        scope["asked_locally"] = _is_loopback(_host(headers))
        limit = None if scope["path"] in UPLOADS else LARGEST_BODY
        await self._app(scope, receive if limit is None else _bounded(receive, limit), answer)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Why a request is refused, with its status; None where it is not."""
        if len(headers.getlist("host")) != 1 or not self._is_known(_host(headers)):
            return 421, "this server is not asked by that name; a name is allowed with the setting `hosts`"
        if scope["method"] not in SAFE:
            origin = headers.get("origin")
            if origin is not None and not self._is_own(origin, headers, scope["scheme"]):
                return 403, "the request comes from a page of another site"
            if origin is None and headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
                return 403, "the request comes from a page of another site"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or (scope["path"] not in UPLOADS and int(length) > LARGEST_BODY):
            return 413, f"a request may have {LARGEST_BODY >> 20} MB here"
        return None

    def _is_known(self, host: str) -> bool:
        """Addresses, `localhost` and the names that were set: a name that an attacker points here is none of them."""
        if host == "localhost" or host in self._hosts:
            return True
        try:
            ipaddress.ip_address(host)
        except ValueError:
            return False
        return True

    def _is_own(self, origin: str, headers: Headers, scheme: str) -> bool:
        """Whether a page of this server asks. Behind a proxy, whose name was set, TLS may end there."""
        asked = headers.get("host", "").lower()
        schemes = {scheme, "https"} if _host(headers) in self._hosts else {scheme}
        return origin.lower() in {f"{one}://{asked}" for one in schemes}


class _Answer:
    """Sends an answer, with our headers on it."""

    def __init__(self, send: Send, tls: bool) -> None:
        self._send, self._tls = send, tls

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", "no-store")
            if self._tls:
                headers["strict-transport-security"] = "max-age=31536000"
        await self._send(message)


def _bounded(receive: Receive, limit: int) -> Receive:
    """The same body, up to a size: beyond it ends with TooLargeError."""
    came = 0

    async def bounded() -> Message:
        nonlocal came
        message = await receive()
        came += len(message.get("body", b""))
        if came > limit:
            raise TooLargeError
        return message

    return bounded


def _host(headers: Headers) -> str:
    """The host that was asked, without its port, in lower case; "" where it is none."""
    try:
        return (urlsplit(f"//{headers.get('host', '')}").hostname or "").lower()
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
