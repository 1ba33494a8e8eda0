"""Errors as `application/problem+json` (RFC 9457): what went wrong, in a sentence, and nothing of our insides."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from zeek_beacons.errors import BeaconsError, ConfigError, InputError
from zeek_beacons.operator_file.database import StoreError

log = logging.getLogger(__name__)
RETRY = "5"  # seconds after which a file that was locked or gone may be there again


class ProblemError(Exception):
    """An answer that is an error."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})
        self.more: dict[str, Any] = {}  # beside it in the answer


def problem(status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """The answer."""
    content = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail} | more
    return JSONResponse(content, status, dict(headers or {}), "application/problem+json")


def of(error: Exception) -> Response:
    """The answer that an error becomes."""
    if isinstance(error, ProblemError):
        return problem(error.status, error.detail, error.headers, **error.more)
    if isinstance(error, RequestValidationError):
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        return problem(422, f"{where}: {first['msg']}", errors=_plain(error))
    if isinstance(error, HTTPException):
        return problem(error.status_code, str(error.detail), error.headers)
    if isinstance(error, StoreError | InputError):
        return problem(503, str(error), {"Retry-After": RETRY})
    if isinstance(error, ConfigError):
        return problem(422, str(error))
    log.error("request_failed", exc_info=error)
    return problem(500, "a fault of zeek-beacons; its log has more")


def handle(app: FastAPI, as_page: Callable[[Request, Exception], Response | None]) -> None:
    """Has an app answer so, or as a page for those who asked for one."""

    async def handler(request: Request, error: Exception) -> Response:
        return await run_in_threadpool(as_page, request, error) or of(error)

    for kind in (ProblemError, RequestValidationError, HTTPException, BeaconsError, Exception):
        app.add_exception_handler(kind, handler)


def _plain(error: RequestValidationError) -> list[dict[str, str]]:
    return [{"where": ".".join(map(str, one["loc"])), "problem": str(one["msg"])} for one in error.errors()[:20]]
