"""Answers that are data: JSON or CSV, as the client accepts, with a strong ETag."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fastapi import Request
from fastapi.responses import Response

from zeek_beacons.readmodel import Listing, Page, plain
from zeek_beacons.serve.problems import ProblemError

JSON, CSV = "application/json", "text/csv"


def data(request: Request, content: Any, note: Mapping[str, Any] | None = None) -> Response:
    """A value as JSON. `note`: what else there is to say of it."""
    wanted(request, (JSON,))
    told = _finite(plain(content))
    return tagged(request, _text(told | {"note": note} if note is not None else told), JSON)


def listing(
    request: Request,
    found: Listing[Any],
    page: Page,
    notes: Sequence[Mapping[str, Any]] = (),
    unread: Sequence[str] | None = None,
) -> Response:
    """A page of a list as JSON or CSV. `notes`: what else there is to say of each row; `unread`: sensors left out."""
    rows = [_finite(plain(row)) for row in found.rows]
    for row, more in zip(rows, notes, strict=False):
        row.update(more)
    links = {"Link": link} if (link := _links(request, found.total, page)) else {}
    links |= {"X-Unread-Sensors": ", ".join(unread)} if unread else {}
    if wanted(request, (JSON, CSV)) == CSV:
        return tagged(request, table(rows), f"{CSV}; charset=utf-8", links | {"X-Total-Count": str(found.total)})
    content = {"rows": rows, "total": found.total, "offset": page.offset, "limit": page.limit}
    content |= {} if unread is None else {"unread": list(unread)}
    return tagged(request, _text(content), JSON, links)


def _text(content: Any) -> bytes:
    return json.dumps(content, allow_nan=False).encode()


def _finite(value: Any) -> Any:
    """The value with None for numbers that JSON does not have."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_finite(one) for one in value]
    return value


def tagged(request: Request, body: bytes, kind: str, headers: Mapping[str, str] | None = None) -> Response:
    """An answer with its ETag; 304 where the client has it already."""
    tag = f'"{hashlib.blake2b(body + kind.encode(), digest_size=16).hexdigest()}"'
    more = dict(headers or {}) | {"ETag": tag, "Cache-Control": "private, no-cache", "Vary": "Accept, Authorization"}
    held = {one.strip().removeprefix("W/") for one in request.headers.get("if-none-match", "").split(",")}
    if tag in held or "*" in held:
        return Response(status_code=304, headers=more)
    return Response(body, media_type=kind, headers=more)


def wanted(request: Request, offered: Sequence[str]) -> str:
    """Which of the offered types the client likes best, the first of equals. Raises ProblemError where none is."""
    accept = request.headers.get("accept", "") or "*/*"
    best, most = "", 0.0
    for kind in offered:
        weight = max((_weight(one, kind) for one in accept.split(",")), default=0.0)
        if weight > most:
            best, most = kind, weight
    if not best:
        raise ProblemError(406, f"to be had as {' or '.join(offered)}, not as {accept[:100]}")
    return best


def _weight(accepted: str, kind: str) -> float:
    """How much one entry of `Accept` likes a type, 0 to 1."""
    said, *parameters = (part.strip() for part in accepted.lower().split(";"))
    if said not in (kind, f"{kind.partition('/')[0]}/*", "*/*"):
        return 0.0
    quality = next((one[2:] for one in parameters if one.startswith("q=")), "1")
    try:
        return min(1.0, max(0.0, float(quality)))
    except ValueError:
        return 0.0


def table(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Rows as CSV: nested values as JSON, and nothing that a spreadsheet takes for a formula."""
    rows = list(rows)
    stream = io.StringIO()
    if rows:
        writer = csv.writer(stream)
        names = list(rows[0])
        writer.writerow(names)
        writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return stream.getvalue().encode("utf-8", "backslashreplace")


def _cell(value: Any) -> Any:
    if isinstance(value, (list, dict)):
        value = json.dumps(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value


def _links(request: Request, total: int, page: Page) -> str:
    """The `Link` header to the next and the previous page."""
    places = {"prev": page.offset - page.limit, "next": page.offset + page.limit}
    if not page.offset:
        del places["prev"]
    if places["next"] >= total:
        del places["next"]
    urls = {rel: request.url.include_query_params(offset=max(0, at), limit=page.limit) for rel, at in places.items()}
    return ", ".join(f'<{url.path}?{url.query}>; rel="{rel}"' for rel, url in urls.items())
