"""Commands in this process, where a test can reach in."""

from __future__ import annotations

import contextlib
import io
import sys
import unittest.mock
from dataclasses import dataclass

from zeek_beacons.cli import main


@dataclass(frozen=True)
class Ran:
    returncode: int
    stdout: str
    stderr: str


def run(*arguments: object) -> Ran:
    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with (
        unittest.mock.patch.object(sys, "argv", ["zeek-beacons", *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    return Ran(code if isinstance(code, int) else 0, out.getvalue(), err.getvalue())
