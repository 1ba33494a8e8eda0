"""What the project promises to those who install it, and to those who join: packages, targets, and one version."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path, PurePosixPath

import pytest

import zeek_beacons

from .conftest import NEEDS_ZEEK, without_zeek

ROOT = Path(__file__).parents[1]
NEEDS_MAKE = pytest.mark.skipif(sys.platform == "win32", reason="make is for systems that Zeek runs on")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution and the wheel made from it, as for a release, without a network."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the wheel's files lie as `pip install --target` would put them."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def names(wheel: Path) -> set[PurePosixPath]:
    with zipfile.ZipFile(wheel) as archive:
        return {PurePosixPath(name) for name in archive.namelist()}


def test_the_wheel_holds_the_product_and_nothing_else(wheel: Path) -> None:
    tops = {name.parts[0] for name in names(wheel)}
    assert tops == {"zeek_beacons", f"zeek_beacons-{zeek_beacons.__version__}.dist-info"}


def test_the_wheel_holds_every_licence(wheel: Path) -> None:
    """Its own, and those of the lists that public knowledge is made from."""
    licences = {name.name for name in names(wheel) if name.parts[0].endswith(".dist-info") and "licenses" in name.parts}
    assert licences == {"LICENSE", "NOTICE"}


def test_the_wheel_holds_all_of_the_product(wheel: Path) -> None:
    """Code, model, Zeek scripts, and what readers of types look for; no more data than those."""
    held = {name.relative_to("zeek_beacons") for name in names(wheel) if name.parts[0] == "zeek_beacons"}
    expected: set[PurePosixPath] = set()
    for folder, inside in (("sidecar/zeek_beacons", ""), ("models", "models"), ("zeek-scripts", "zeek-scripts")):
        files = (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        expected |= {PurePosixPath(inside, path.relative_to(ROOT / folder).as_posix()) for path in files}
    assert held == expected
    assert {PurePosixPath("py.typed"), PurePosixPath("zeek-scripts/__load__.zeek")} < held


def test_the_source_distribution_can_be_tested(built: Path) -> None:
    (found,) = built.glob("*.tar.gz")
    with tarfile.open(found) as archive:
        inside = {PurePosixPath(*PurePosixPath(name).parts[1:]).as_posix() for name in archive.getnames()}
    assert {"Makefile", "LICENSE", "zkg.meta", "tests/conftest.py", "testing-btest/btest.cfg"} <= inside
    assert not {name for name in inside if name.startswith((".venv", "demo-out", "dist"))}


def test_both_are_what_an_index_takes(built: Path) -> None:
    command = [sys.executable, "-m", "twine", "check", "--strict", *map(str, built.iterdir())]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("command", [["--version"], ["model", "verify"], ["score", "--help"]], ids=" ".join)
def test_the_wheel_works_where_there_is_no_checkout(command: list[str], installed: Path, tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(installed)}
    where = [sys.executable, "-c", "import zeek_beacons; print(zeek_beacons.__file__)"]
    found = subprocess.run(where, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert Path(found.strip()).is_relative_to(installed)
    program = [sys.executable, "-m", "zeek_beacons", *command]
    done = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout


def test_there_is_one_version_number(wheel: Path, installed: Path) -> None:
    (metadata,) = installed.glob("*.dist-info/METADATA")
    assert message_from_bytes(metadata.read_bytes())["Version"] == zeek_beacons.__version__
    assert "version" not in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_development_needs_no_framework() -> None:
    """What takes gigabytes is asked for by name: torch and pyspark are in no extra that `dev` pulls in."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    wanted, asked = set(), ["dev"]
    while asked:
        for requirement in extras[asked.pop()]:
            inner = re.fullmatch(r"zeek-beacons\[(.+)\]", requirement)
            if inner:
                asked += re.split(r"\s*,\s*", inner[1])
            wanted.add(re.split(r"[\s<>=\[;]", requirement)[0])
    assert not wanted & {"torch", "pyspark"}


@pytest.mark.parametrize(
    ("path", "before"),
    [
        (ROOT / "README.md", r"^ {4}|`"),
        (ROOT / ".ci" / "run", r"^"),
        *((path, "run: ") for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))),
    ],
    ids=lambda value: value.name if isinstance(value, Path) else "",
)
def test_targets_that_are_named_are_there(path: Path, before: str) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = re.findall(rf"(?:{before})make ((?:[a-z][a-z-]* ?)+)", path.read_text(), re.MULTILINE)
    named = {target for command in commands for target in command.split()}
    assert named
    assert named <= targets


def test_every_python_we_name_is_tested() -> None:
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    named = {line.rpartition(" ")[2] for line in classifiers if line.startswith("Programming Language :: Python :: 3.")}
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    assert named <= set(re.findall(r'"(3\.\d+)"', workflow))


def test_a_zeek_that_is_needed_and_missing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NEEDS_ZEEK, raising=False)
    with pytest.raises(pytest.skip.Exception):
        without_zeek("no zeek")
    monkeypatch.setenv(NEEDS_ZEEK, "1")
    with pytest.raises(pytest.fail.Exception, match="no zeek"):
        without_zeek("no zeek")


@NEEDS_MAKE
@pytest.mark.parametrize(("needed", "failed"), [("", False), ("1", True)])
def test_btests_that_are_needed_and_skipped_fail(needed: str, failed: bool, tmp_path: Path) -> None:
    (tmp_path / ".installed-dev").touch()
    command = ["make", "-C", str(ROOT), "btest", "ZEEK=", f"VENV={tmp_path}", f"{NEEDS_ZEEK}={needed}"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert (done.returncode != 0) is failed, done.stdout + done.stderr
    assert "SKIPPED" in done.stdout
