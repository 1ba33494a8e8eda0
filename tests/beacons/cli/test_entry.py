"""The command line as a whole: what a command loads, what closed streams do, and what is missing on other systems."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from zeek_beacons.cli import Commands, options
from zeek_beacons.cli.lazy_group import LazyGroup
from zeek_beacons.readers import READERS
from zeek_beacons_lab.cli import LabCommands
from zeek_beacons_lab.cli.evaluate import Studies

HEAVY = {"numpy", "onnxruntime", "pyarrow", "websockets", "zstandard", "sqlite3", "zeek_beacons.pipeline"}
GROUPS = [Commands, LabCommands, Studies]
PRODUCT, LABORATORY = "zeek_beacons", "zeek_beacons_lab"

Make = Callable[..., dict[str, Any]]
Log = Callable[..., Path]


def python(program: str, *arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


@pytest.mark.parametrize("group", GROUPS)
def test_the_table_says_what_the_commands_say(group: type[LazyGroup]) -> None:
    for name, (_, summary) in group.table.items():
        command = group.load(name)
        assert command.help.splitlines()[0] == summary, name


@pytest.mark.parametrize(
    ("package", "words"),
    [
        (PRODUCT, ["--version"]),
        (PRODUCT, ["--help"]),
        *((PRODUCT, [name, "--help"]) for name in ("status", "sidecar", "model", "validate")),
        (PRODUCT, ["model", "verify", "--help"]),
        (PRODUCT, ["status", "--state", "/nowhere/at/all"]),
        (LABORATORY, ["--help"]),
        *((LABORATORY, [name, "--help"]) for name in ("synth", "train", "bench", "evaluate")),
    ],
)
def test_a_command_loads_only_what_it_needs(package: str, words: list[str]) -> None:
    program = (
        f"import sys; from {package}.cli import main; sys.argv[1:] = {words!r}\n"
        "try: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    )
    ran = python(program)
    assert ran.returncode == (3 if "--state" in words else 0), ran.stderr
    assert HEAVY & set(ran.stderr.split()) == set()


def test_a_command_of_another_loads_nothing_of_it() -> None:
    program = "import sys; from zeek_beacons.cli import Commands; Commands.load('validate'); print(*sys.modules)"
    loaded = {name for name in python(program).stdout.split() if name.startswith("zeek_beacons.cli.")}
    assert loaded == {f"zeek_beacons.cli.{name}" for name in ("lazy_group", "options", "validate")}


def test_every_format_is_a_reader() -> None:
    assert tuple(READERS) == options.FORMATS


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell that can close a stream")
@pytest.mark.parametrize("package", [PRODUCT, LABORATORY])
def test_a_closed_standard_output_is_one_line_and_exit_code_2(package: str) -> None:
    command = [f"{sys.executable} -m {package} --help >&-"]
    ran = subprocess.run(command, shell=True, stderr=subprocess.PIPE, text=True, check=False)
    assert ran.returncode == 2
    assert ran.stderr == "error: standard output is closed; to see nothing, send it to /dev/null\n"


# What no Windows has. Modules of the standard library that are loaded before this get along without them.
POSIX_MODULES = ("fcntl", "grp", "posix", "pwd", "resource", "syslog", "termios", "tty", "pty")
POSIX_NAMES: Mapping[str, tuple[str, ...]] = {
    "os": ("fork", "geteuid", "getuid", "killpg", "setsid", "sysconf", "statvfs", "mkfifo", "chown"),
    "signal": ("SIGPIPE", "SIGKILL", "SIGHUP", "SIGALRM", "SIGUSR1", "alarm", "setitimer", "pthread_sigmask"),
}
HIDING = f"""
import sys, os, signal
import shutil, subprocess, tempfile, platform, asyncio, pathlib, multiprocessing  # they look for it themselves
for name in {POSIX_MODULES!r}:
    sys.modules[name] = None
for module, names in {dict(POSIX_NAMES)!r}.items():
    for name in names:
        vars(sys.modules[module]).pop(name, None)
from zeek_beacons.cli import main
main()
"""


@pytest.mark.parametrize(
    "command", [["score"], ["score", "--features", "-o", "OUT"], ["validate"], ["model", "verify"]]
)
def test_batch_commands_need_no_posix(command: list[str], conn_log: Log, pair: Make, tmp_path: Path) -> None:
    log = [] if command[0] == "model" else [conn_log([pair()])]
    ran = python(HIDING, *(str(tmp_path / "out") if word == "OUT" else word for word in command), *log)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (["pcap", "--zeek", "nowhere", "x.pcap"], "zeek is 'nowhere': no program there"),
        (["sidecar"], "the sidecar runs on POSIX systems (Linux, macOS, FreeBSD) only"),
        (["status"], "the sidecar runs on POSIX systems (Linux, macOS, FreeBSD) only"),
    ],
)
def test_what_needs_posix_says_so(command: list[str], problem: str) -> None:
    ran = python(HIDING, *command)
    assert (ran.returncode, ran.stderr) == (2, f"error: {problem}\n")


def test_help_names_every_command() -> None:
    ran = python("from zeek_beacons.cli import main; main()", "--help")
    for name, (_, summary) in Commands.table.items():
        assert name in ran.stdout
        assert " ".join(summary.split()[:3]) in ran.stdout
