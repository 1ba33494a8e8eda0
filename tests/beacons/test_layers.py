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
LABORATORY = PACKAGE.with_name("zeek_beacons_lab")
# From the ground up; a module may import its own floor and those below.
FLOORS = (
    {"background_thread", "called", "database_errors", "errors", "files", "keys", "locality", "pairs", "printable"},
    {"charts", "config", "knowledge", "metrics", "traits", "verdicts", "features"},
    {"allow", "groups", "incidents", "operator_file", "readers", "said", "samples", "scoring", "store"},
    {"classify", "labels", "pipeline"},
    {
        "alerts",
        "fleet",
        "forecast",
        "pages",
        "readmodel",
        "reports",
        "truth",
    },  # report.html is a page of what the read model answers
    {"api", "live", "spark"},
    {"cli", "serve", "__main__"},  # what scores an upload is a command in a process of its own
)
FLOOR = {name: number for number, floor in enumerate(FLOORS) for name in floor}
# Within the laboratory.
LAB_FLOORS = (
    {"knowledge", "traffic"},
    {"captures"},
    {"training"},
    {"baselines"},
    {"studies", "bench"},
    {"soak"},
    {"cli", "__main__"},
)
LAB_FLOOR = {name: number for number, floor in enumerate(LAB_FLOORS) for name in floor}
HEAVY = {"sklearn", "skl2onnx", "onnx", "pandas", "matplotlib", "torch", "transformers", "safetensors"}
HEAVY |= {"pyspark", "py4j"}
FILES = sorted(PACKAGE.rglob("*.py"))
LAB_FILES = sorted(LABORATORY.rglob("*.py"))


def room(path: Path, package: Path) -> str:
    return path.relative_to(package).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            within = [f"{node.module}.{name.name}" for name in node.names]
            yield from (name if is_module(name) else node.module for name in within)


def is_module(name: str) -> bool:
    place = PACKAGE.parent.joinpath(*name.split("."))
    return place.is_dir() or place.with_suffix(".py").is_file()


def named(paths: list[Path], package: Path) -> list[object]:
    return [
        pytest.param(path, id=path.relative_to(package.parent).as_posix())
        for path in paths
        if room(path, package) != "__init__"
    ]


@pytest.mark.parametrize("path", named(FILES, PACKAGE))
def test_imports_go_down(path: Path) -> None:
    for name in imports(path):
        parts = name.split(".")
        assert parts[0] != LABORATORY.name, f"{path} imports the laboratory"
        if parts[0] == PACKAGE.name and len(parts) > 1 and parts[1] in FLOOR:
            assert FLOOR[parts[1]] <= FLOOR[room(path, PACKAGE)], f"{path} imports {name}"


@pytest.mark.parametrize("path", named(LAB_FILES, LABORATORY))
def test_imports_go_down_in_the_laboratory(path: Path) -> None:
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == LABORATORY.name and len(parts) > 1 and parts[1] in LAB_FLOOR:
            assert LAB_FLOOR[parts[1]] <= LAB_FLOOR[room(path, LABORATORY)], f"{path} imports {name}"


def test_every_room_has_a_floor() -> None:
    assert {room(path, PACKAGE) for path in FILES} - {"__init__"} == set(FLOOR)
    assert {room(path, LABORATORY) for path in LAB_FILES} - {"__init__"} == set(LAB_FLOOR)


@pytest.mark.parametrize("package", [PACKAGE, LABORATORY], ids=lambda package: package.name)
def test_no_two_modules_import_each_other(package: Path) -> None:
    """No circle, of any length: modules in order of their imports, until none is left."""
    names = {
        ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in package.rglob("*.py")
    }
    waiting = {
        name: {other for other in imports(path) if other in names and other != name} for name, path in names.items()
    }
    while ready := [name for name, others in waiting.items() if not others & waiting.keys()]:
        for name in ready:
            del waiting[name]
    assert not waiting, f"in a circle: {sorted(waiting)}"


def test_no_two_classes_share_a_name() -> None:
    seen: dict[str, Path] = {}
    for path in FILES + LAB_FILES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                assert node.name not in seen, f"{path} and {seen[node.name]} both have a class {node.name}"
                seen[node.name] = path


def test_the_product_imports_nothing_heavy() -> None:
    users = {path.as_posix() for path in FILES if HEAVY & {n.split(".")[0] for n in imports(path)}}
    # pandas, when a user asks for a table of it; what draws or learns, when that is asked for
    asked_for = (
        *("api.py", "classify/pictures.py"),
        *(
            "spark/by_day.py",
            "spark/inputs.py",
            "spark/run.py",
            "spark/session.py",
            "spark/stages.py",
            "spark/state.py",
        ),
        *("forecast/picture.py", "forecast/models/kept.py", "forecast/models/transformer.py"),
    )
    assert users == {(PACKAGE / name).as_posix() for name in asked_for}
    assert HEAVY & {name.split(".")[0] for path in LAB_FILES for name in imports(path)}  # the list is not out of date


def test_the_sidecar_loads_nothing_heavy() -> None:
    """Not through what it imports either; and what sends alerts or tells metrics only where that is asked for."""
    code = "import sys, zeek_beacons.live.start, zeek_beacons.cli.sidecar; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not (HEAVY | {"httpx", "prometheus_client", "smtplib", "zeek_beacons.alerts.channels"}) & set(loaded)


def test_spark_is_loaded_only_for_those_who_ask_for_it() -> None:
    """Neither PySpark nor what is ours for it, by `score` on one machine."""
    code = "import sys, zeek_beacons.cli.score; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {name for name in loaded if name.split(".")[0] in ("pyspark", "py4j") or "beacons.spark" in name}


@pytest.mark.parametrize("name", ["rows", "names", "partials", "pairs_of", "judge", "schema", "shipping"])
def test_what_runs_on_executors_loads_no_spark(name: str) -> None:
    code = f"import sys, zeek_beacons.spark.{name}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "pyspark" not in loaded
