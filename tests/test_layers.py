"""Imports go one way, down, as design and README promise; and what is heavy stays out of a sensor's way."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import zeek_beacons

PACKAGE = Path(zeek_beacons.__file__).parent
# From the ground up; a module may import its own floor and those below.
FLOORS = (
    {"errors", "pairs"},
    {"allow", "config", "verdicts", "features"},
    {"readers", "scoring"},
    {"pipeline", "training"},
    {"reports"},
    {"evaluation", "live"},
    {"cli", "__main__"},
)
FLOOR = {name: number for number, floor in enumerate(FLOORS) for name in floor}
HEAVY = {"sklearn", "skl2onnx", "onnx", "pandas", "matplotlib"}
FILES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("path", [path for path in FILES if room(path) != "__init__"], ids=lambda p: p.stem)
def test_imports_go_down(path: Path) -> None:
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "zeek_beacons" and len(parts) > 1:
            assert FLOOR[parts[1]] <= FLOOR[room(path)], f"{path} imports {name}"


def test_only_training_and_evaluation_import_what_is_heavy() -> None:
    users = {path.relative_to(PACKAGE).as_posix() for path in FILES if HEAVY & {n.split(".")[0] for n in imports(path)}}
    assert {user.split("/")[0] for user in users} == {"training", "evaluation"}
    assert "evaluation/real.py" not in users  # it measures without any extra


def test_the_sidecar_loads_nothing_heavy() -> None:
    """Not through what it imports either."""
    code = "import sys, zeek_beacons.live.start, zeek_beacons.cli.sidecar; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not HEAVY & set(loaded)
