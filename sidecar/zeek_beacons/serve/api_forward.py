"""`/api/v1/forward`: takes rows of logs from `zeek-beacons follow --forward`, for a `follow` on this machine."""

from __future__ import annotations

import io
import sqlite3
from dataclasses import asdict
from typing import Annotated, Any

import zstandard
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool

from zeek_beacons.config import Config
from zeek_beacons.errors import InputError
from zeek_beacons.live.forward.batches import LARGEST, LogBatch, bad_rows, is_log, parted
from zeek_beacons.live.forward.inbox import ForwardInbox, InboxFullError, InboxOwnerError, TakenBatch, is_name
from zeek_beacons.serve.access import Who
from zeek_beacons.serve.problems import ProblemError
from zeek_beacons.serve.replies import data
from zeek_beacons.serve.surface import Surface

MOST_UNPACKED = LARGEST + (1 << 20)  # bytes
BUSY = {"Retry-After": "60"}
Sent = Annotated[str, Path(max_length=64)]
Number = Annotated[int, Path(ge=1, lt=2**62)]


class BadRowsError(ProblemError):
    """A batch holds rows that are none. `rows`: their 1-based numbers."""

    def __init__(self, detail: str, rows: list[int]) -> None:
        super().__init__(422, detail)
        self.more = {"rows": rows}


def router(surface: Surface) -> APIRouter:
    """The routes."""
    api = APIRouter(tags=["forward"])
    reader = Depends(surface.access.reader)
    writer = Depends(surface.access.writer)
    rules = Config(direction="any")

    @api.get("/forward", dependencies=[reader])
    def forwarded(request: Request) -> Response:
        """What came of each source."""
        rows = [asdict(one) for one in _inbox(surface).sources()]
        return data(request, {"rows": rows})

    @api.put(
        "/forward/{source}/{stream}/{seq}",
        openapi_extra={"requestBody": {"content": {"application/octet-stream": {}}, "required": True}},
    )
    async def forward(
        request: Request,
        source: Sent,
        stream: Sent,
        seq: Number,
        log: Annotated[str, Query(max_length=32)],
        who: Who = writer,
    ) -> dict[str, Any]:
        """Rows of one log, as lines under its header. `have`: the highest number of the stream that is there now."""
        inbox = _inbox(surface)
        if not is_name(source) or not is_name(stream):
            raise ProblemError(422, "source and stream are called by letters, digits, and _ . - between them")
        if not is_log(log):
            raise ProblemError(422, f"log is {log!r}, which is none that is followed")
        body = await request.body()
        taken = await run_in_threadpool(_take, inbox, rules, request, (source, stream, seq, log), body, who.name)
        return {"have": taken.have, "duplicate": taken.duplicate}

    return api


def _inbox(surface: Surface) -> ForwardInbox:
    if surface.inbox is None:
        raise ProblemError(404, "this console takes no forwarded connections: start it with --inbox FOLDER")
    return surface.inbox


def _take(
    inbox: ForwardInbox, rules: Config, request: Request, named: tuple[str, str, int, str], body: bytes, who: str
) -> TakenBatch:
    source, stream, seq, log = named
    batch = parted(log, _unpacked(request.headers.get("content-encoding", "identity"), body))
    _check(batch, rules)
    try:
        return inbox.take(source, stream, seq, batch, who)
    except InboxFullError as error:
        raise ProblemError(503, str(error), BUSY) from error
    except InboxOwnerError as error:
        raise ProblemError(403, str(error)) from error
    except (OSError, sqlite3.Error) as error:
        raise ProblemError(503, f"the inbox cannot be written: {error}", BUSY) from error


def _unpacked(encoding: str, body: bytes) -> bytes:
    if encoding not in ("identity", "zstd"):
        raise ProblemError(415, f"the body is packed as {encoding[:20]!r}, expected zstd or nothing")
    if encoding == "zstd":
        try:
            with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(io.BytesIO(body)) as stream:
                body = stream.read(MOST_UNPACKED + 1)
        except zstandard.ZstdError as error:
            raise ProblemError(400, "the body cannot be unpacked") from error
    if len(body) > MOST_UNPACKED:
        raise ProblemError(413, f"a batch may have {MOST_UNPACKED / 1e6:.1f} MB unpacked")
    return body


def _check(batch: LogBatch, rules: Config) -> None:
    """Raises ProblemError where a row is none."""
    if not batch.rows.endswith(b"\n"):
        raise ProblemError(400, "the batch holds no rows, or its last line has no end")
    try:
        bad = bad_rows(batch, rules)
    except InputError as error:
        raise ProblemError(422, f"{batch.log}: {error.problem}") from error
    if bad:
        first = bad[0]
        more = f", and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise BadRowsError(f"row {first.row}: {first.problem}{more}", [one.row for one in bad])
