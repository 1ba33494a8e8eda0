"""A body -> files in a folder, chunk by chunk: a form of `multipart/form-data`, or a file as it is.

Nothing is held in memory but a chunk and the form's short fields, and nothing is unpacked.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from fastapi import Request
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect

from zeek_beacons.serve.problems import ProblemError
from zeek_beacons.serve.processes import safe_name

MEGABYTE = 1_000_000
MOST_FILES = 20
LONGEST_FIELDS = 65_536  # bytes of all short fields and part headers


@dataclass(slots=True)
class Received:
    """What came: short fields by name, files by the name that they were sent with."""

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    size: int = 0  # bytes of the files


async def receive(request: Request, folder: Path, megabytes: int, seconds: float) -> Received:
    """Writes a body into a folder. Raises ProblemError for one that is too large, too slow, or no form."""
    _check_length(request, megabytes)
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    received = Received()
    sink: _Form | _Whole
    if kind == b"multipart/form-data":
        boundary = options.get(b"boundary")
        if not boundary or len(boundary) > 200:
            raise ProblemError(400, "the form has no boundary")
        sink = _Form(boundary, folder, received)
    else:
        sink = _Whole(folder / safe_name(request.query_params.get("name", "upload")), received)
    came = 0
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                came += len(chunk)
                if came > megabytes * MEGABYTE:
                    raise ProblemError(413, f"an upload may have {megabytes} MB")
                await asyncio.to_thread(sink.write, chunk)
            sink.finish()
    except TimeoutError as error:
        raise ProblemError(408, f"the upload took more than {seconds:g} s") from error
    except ClientDisconnect as error:
        raise ProblemError(400, "the upload was cut short") from error
    except MultipartParseError as error:
        raise ProblemError(400, "the body is no form that can be read") from error
    except OSError as error:
        raise ProblemError(507, f"the upload cannot be kept: {error.strerror}") from error
    finally:
        sink.close()
    return received


def _check_length(request: Request, megabytes: int) -> None:
    """Refuses what says that it is too large before anything of it is read."""
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > megabytes * MEGABYTE:
        raise ProblemError(413, f"an upload may have {megabytes} MB")


class _Whole:
    """The body is the file."""

    def __init__(self, path: Path, received: Received) -> None:
        self._path, self._received = path, received
        self._stream: BinaryIO | None = None

    def write(self, data: bytes) -> None:
        if not data:
            return
        if self._stream is None:
            self._stream = self._path.open("wb")
            self._received.files[self._path.name] = self._path
        self._stream.write(data)
        self._received.size += len(data)

    def finish(self) -> None:
        self.close()

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()


class _Form:
    """The body is a form: parts with a file name are files, the others short fields."""

    def __init__(self, boundary: bytes, folder: Path, received: Received) -> None:
        self._folder, self._received = folder, received
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_name,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_headers_finished": self._opened,
                "on_part_data": self._data,
                "on_part_end": self._end,
            },
        )
        self._header = [b"", b""]
        self._headers: dict[bytes, bytes] = {}
        self._name, self._text = "", b""
        self._stream: BinaryIO | None = None
        self._is_file = False
        self._short = 0

    def write(self, data: bytes) -> None:
        if data:
            self._parser.write(data)

    def finish(self) -> None:
        self._parser.finalize()

    def close(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _begin(self) -> None:
        self._header, self._headers, self._text = [b"", b""], {}, b""

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._header[0] += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._header[1] += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._header[0].lower()] = self._header[1]
        self._header = [b"", b""]

    def _opened(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode("utf-8", "replace")
        sent = options.get(b"filename")
        self._is_file = sent is not None
        if not sent:
            return
        if len(self._received.files) >= MOST_FILES:
            raise ProblemError(413, f"an upload may have {MOST_FILES} files")
        name = safe_name(sent.decode("utf-8", "replace"))
        if name in self._received.files:
            raise ProblemError(400, f"two files are named {name}")
        path = self._folder / name
        self._received.files[name] = path
        self._stream = path.open("wb")

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._stream is not None:
            self._stream.write(data[start:end])
            self._received.size += end - start
        elif not self._is_file:
            self._count(end - start)
            self._text += data[start:end]

    def _end(self) -> None:
        if self._stream is None and not self._is_file:
            self._received.fields[self._name] = self._text.decode("utf-8", "replace")
        self.close()

    def _count(self, size: int) -> None:
        self._short += size
        if self._short > LONGEST_FIELDS:
            raise ProblemError(413, "the form's fields are too long")
