"""Runs targets with atheris: imports all once, then each target in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import atheris

with atheris.instrument_imports(include=["zeek_beacons"]):
    from tests.fuzz.seeds import seeds
    from tests.fuzz.targets import TARGETS, Target

SLOWEST = 20  # seconds of CPU that one input may take, whatever else the machine does
HANGS = 600  # seconds
MEMORY = 2048  # MB
LONGEST = 4096  # bytes of an input
LONGEST_DATABASE = 16_384

# What breaks parsers: separators, quotes, ends of lines, numbers at the edge; as libFuzzer spells them.
WORDS = (
    *("\\x09", "\\x0a", "\\x0d\\x0a", "\\x00", "#fields\\x09", "#separator \\\\x2c", "#unset_field", "(empty)", "-"),
    *("null", "true", "nan", "inf", "1e999", "-1", "99999999999999999999", "0x1f", "\\xff", "\\xef\\xbb\\xbf"),
    *("\\\\ud800", "\\\\u0000", "9999-12-31T23:59:59", "fe80::1%eth0", "::ffff:1.2.3.4", "{", "[", "[[[[[[[[", "*."),
)
_TRIED = re.compile(rb"stat::number_of_executed_units:\s*(\d+)")
_LAST = re.compile(rb"^#(\d+)\t", re.MULTILINE)


def run(names: Sequence[str], seconds: int, folder: Path, jobs: int) -> bool:
    """Fuzzes targets for so long each, and says of each what came out. Returns whether nothing was found."""
    words = folder / "words"
    words.write_text("".join(f'"{word}"\n' for word in WORDS), encoding="utf-8")
    running: dict[int, str] = {}
    waiting, is_sound = [*names], True
    while waiting or running:
        while waiting and len(running) < jobs:
            name = waiting.pop(0)
            sys.stdout.flush()
            if not (child := os.fork()):
                _fuzz(name, seconds, folder)
            running[child] = name
        child, status = os.wait()
        name = running.pop(child)
        is_sound &= not status
        print(_told(name, folder, os.waitstatus_to_exitcode(status)), flush=True)
    return is_sound


def _fuzz(name: str, seconds: int, folder: Path) -> NoReturn:
    """Fuzzes one target until its time is over, or something is found."""
    log = os.open(folder / f"{name}.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(log, stream)
    os.nice(10)
    corpus = folder / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(name)):
        (corpus / f"seed{number}").write_bytes(seed)
    options = {
        "max_total_time": seconds,
        "timeout": HANGS,
        "rss_limit_mb": MEMORY,
        "max_len": LONGEST_DATABASE if name in ("operator-file", "alert-queue") else LONGEST,
        "dict": folder / "words",
        "artifact_prefix": f"{folder}/{name}-",
        "print_final_stats": 1,
    }
    flags = [f"-{option}={value}" for option, value in options.items()]
    signal.signal(signal.SIGPROF, _too_slow)
    atheris.Setup([name, *flags, str(corpus)], _limited(TARGETS[name]))
    atheris.Fuzz()
    os._exit(0)


def _limited(target: Target) -> Target:
    """The target, for which an input that takes too long is a finding."""

    def run_within(data: bytes) -> None:
        signal.setitimer(signal.ITIMER_PROF, SLOWEST)
        try:
            target(data)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)

    return run_within


def _too_slow(*_: object) -> NoReturn:
    raise AssertionError(f"more than {SLOWEST} s of CPU for one input")


def _told(name: str, folder: Path, code: int) -> str:
    log = folder / f"{name}.log"
    said = log.read_bytes()
    tried = [int(found) for found in (_TRIED.findall(said) or _LAST.findall(said)[-1:])]
    told = "nothing found" if code == 0 else f"FOUND something: {log}"
    return f"{name:20} {tried[-1] if tried else 0:>9} inputs, {told}"
