"""Every command the pages show is one the command line takes; those that need neither Zeek nor hours are run.

A block of code is run from its first line to its last in one folder, where the files that pages speak of lie ready.
"""

from __future__ import annotations

import gzip
import json
import re
import shlex
import shutil
import unittest.mock
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer
import typer.main

from zeek_beacons.cli import app as product
from zeek_beacons_lab.cli import app as laboratory

from ..beacons.cli.commands import run
from ..beacons.readers.logs import CANDIDATE, candidate, conns, eve, flow, flow_csv, json_line, tsv
from .pages import PAGES, ROOT, SITE, Block, blocks, code_spans, named

PROGRAMS = {"zeek-beacons": product, "python -m zeek_beacons_lab": laboratory}
LISTS = {"beacons", "hosts", "connections", "long-conns", "alerts"}
RUN = {"score", "follow", "classify", "validate", "status", "sample", "demo", "model", *LISTS}  # of the product
# What is parsed and not run here, and what runs it instead.
PARSED_ONLY = {
    "forecast": "needs a day of connections: tests/beacons/forecast/test_command.py",
    "pcap": "needs a Zeek: tests/beacons/live, tests/zeek",
    "sidecar": "needs a Zeek, and runs until it is ended: tests/beacons/live",
    "serve": "runs until it is ended: tests/beacons/serve, tests/console",
    "watch": "runs until it is ended: tests/beacons/cli/test_lists.py",
    "token": "writes beside the sidecar's history: tests/beacons/serve",
    "feedback": "reads beside the sidecar's history: tests/beacons/serve",
    "synth": "tests/lab/test_synth.py",
    "picture": "writes into docs: tests/docs/test_pages.py",
    "samples": "writes into the package: tests/beacons/samples",
    "convert": "needs the benchmark: tests/lab/test_datasets.py",
    "knowledge": "tests/lab/test_knowledge.py",
    "train": "takes an hour: tests/lab/test_forest.py",
    "train-classifier": "takes minutes: tests/lab/test_classifier.py",
    "evaluate": "needs captures and hours: tests/lab/test_evaluate.py",
    "bench": "needs a Zeek or minutes: tests/lab/test_bench_live.py",
}
UNFINISHED = ("MissingParameter", "BadOptionUsage", "NoArgsIsHelpError")
MORNING = 30 * 86_400 + 9 * 3_600.0  # 2026-01-31T09:00Z, after the tests' first second


@dataclass(frozen=True)
class Command:
    program: str
    words: tuple[str, ...]

    def __str__(self) -> str:
        return shlex.join((self.program, *self.words))


def commands(line: str) -> Iterator[Command]:
    """The commands of ours in a line of shell: before and after pipes, without comments."""
    for program in PROGRAMS:
        if not re.search(rf"(^|[|&;] *){re.escape(program)} ", line.strip()):
            continue
        part: list[str] = []
        for word in [*shlex.split(line, comments=True), "|"]:
            if word not in ("|", "&&", ";"):
                part.append(word)
                continue
            start = program.split()
            if part[: len(start)] == start:
                yield Command(program, tuple(part[len(start) :]))
            part = []


def shown() -> Iterator[tuple[Block, list[Command]]]:
    """The blocks that show a command of ours."""
    for page in PAGES:
        for block in blocks(page):
            if found := [command for line in block.lines for command in commands(line)]:
                yield block, found


SHOWN = list(shown())
MENTIONED = [(page, command) for page in PAGES for span in code_spans(page) for command in commands(span)]
EVERY_BLOCK = pytest.mark.parametrize(("block", "found"), SHOWN, ids=[block.name for block, _ in SHOWN])


def complaint(command: Command) -> str:
    """What the command line says of these words, the kind of error first; "" where it takes them. Nothing is called."""
    line = typer.main.get_command(PROGRAMS[command.program])
    with unittest.mock.patch.object(line.context_class, "invoke", return_value=None):
        try:
            line.main(list(command.words), standalone_mode=False)
        except Exception as error:
            return f"{type(error).__name__}: {error}"
    return ""


@EVERY_BLOCK
def test_the_command_line_takes_what_blocks_show(block: Block, found: list[Command]) -> None:
    for command in found:
        assert complaint(command) == "", str(command)


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_the_command_line_knows_what_the_text_mentions(page: Path) -> None:
    """Every option is there; values may be missing, for running text names commands rather than types them."""
    for command in (command for where, command in MENTIONED if where == page):
        assert complaint(command).split(":")[0] in ("", *UNFINISHED), f"{command}: {complaint(command)}"


@pytest.mark.parametrize(
    "bad",
    ["score conn.log --colour red", "scores conn.log", "score conn.log --min-connections many", "score -o report"],
)
def test_the_check_refuses_what_is_not_there(bad: str) -> None:
    assert complaint(Command("zeek-beacons", tuple(bad.split())))


def test_commands_are_found_in_lines_of_shell() -> None:
    found = commands("zcat x | zeek-beacons score - --format 'flows' | jq .  # and so on")
    assert [str(command) for command in found] == ["zeek-beacons score - --format flows"]
    assert not list(commands("zkg remove zeek-beacons && zeekctl deploy"))


def test_every_command_is_run_or_said_not_to_be() -> None:
    assert len(SHOWN) > 10
    names = {command.words[0] for _, found in SHOWN for command in found if not command.words[0].startswith("-")}
    assert names - RUN - PARSED_ONLY.keys() == set()


TIMES = [MORNING + 60.0 * number for number in range(100)]


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What an earlier run wrote."""
    made = tmp_path_factory.mktemp("result")
    (made / "conn.log").write_bytes(tsv(conns(TIMES)))
    assert run("score", made / "conn.log", "-o", made / "report").returncode == 0
    return made / "report"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, result: Path) -> Path:
    """Where the commands run: small inputs under the names that the pages use."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path / "state"))
    timer = TIMES
    log = tsv(conns(timer))
    flows = flow_csv([flow(row) for row in conns(timer)])
    files = {
        "conn.log": log,
        "ssl.log": tsv([{"uid": f"C{timer[0]}", "server_name": "c2.example"}], ["uid", "server_name"], "ssl"),
        "http.log": tsv([{"uid": f"C{timer[1]}", "host": "c2.example"}], ["uid", "host"], "http"),
        "flows.csv": flows,
        "firewall.csv": b"When,Source,Destination,Port,Proto\n1767225600,10.0.0.5,203.0.113.9,443,tcp\n",
        "eve.json": b"".join(json_line(eve(row)) for row in conns(timer)),
        "beacon_candidates.log": tsv([candidate(timer)], CANDIDATE, "beacon_candidates"),
        "logs/conn.2026-01-31.log.gz": gzip.compress(log),
        "opt/zeek/logs/2026-01-31/conn.00:00:00-01:00:00.log.gz": gzip.compress(log),
        "evil.txt": b"203.0.113.9\n",
        "misp-event.json": b'{"Event": {"Attribute": [{"type": "domain", "value": "evil.example"}]}}',
        "allow.list": listing("install.md", "subnet "),
        "beacons.toml": listing("install.md", "min_connections = "),
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    shutil.copytree(ROOT / "models", tmp_path / "models")
    shutil.copytree(result, tmp_path / "report")
    return tmp_path


def listing(page: str, start: str) -> bytes:
    """The block of a page that begins so: what it shows is what the commands are given."""
    (found,) = (block for block in blocks(SITE / page) if block.lines[0].startswith(start))
    return "\n".join((*found.lines, "")).encode()


@pytest.mark.parametrize(
    ("block", "found"),
    [(block, found) for block, found in SHOWN if any(command.words[0] in RUN for command in found)],
    ids=[block.name for block, found in SHOWN if any(command.words[0] in RUN for command in found)],
)
def test_what_can_be_run_runs(block: Block, found: list[Command], folder: Path) -> None:
    for command in found:
        if command.program != "zeek-beacons" or command.words[0] not in RUN or "--url" in command.words:
            continue
        if command.words[0] == "follow" and "--once" not in command.words:  # runs until it is ended
            continue
        if "spark" in command.words:  # needs Java and a minute: tests/beacons/spark
            continue
        inside = [word.removeprefix("/") if word.startswith("/opt/") else word for word in command.words]
        ran = run(*inside)
        assert ran.returncode == expected(command), f"{command}: {ran.returncode}, {ran.stderr or ran.stdout}"
        if "--json" in inside:
            json.loads(ran.stdout)


def expected(command: Command) -> int:
    """The exit code: no sidecar runs here, and the timer in the logs alerts."""
    if command.words[:2] in (("status",), ("status", "--json"), ("status", "--shard")):
        return 3
    return int("--fail-on-alert" in command.words)


def test_the_inputs_alert(folder: Path) -> None:
    for name in ("conn.log", "flows.csv", "beacon_candidates.log", "logs", "opt/zeek/logs/2026-01-31"):
        assert "1 alert in" in run("score", name).stdout, name
