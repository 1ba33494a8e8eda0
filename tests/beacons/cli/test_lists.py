"""The commands that list what a history, a result or another machine has."""

from __future__ import annotations

import csv
import fcntl
import io
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.beacons.cli.api import TOKEN, answering
from tests.beacons.cli.commands import run
from tests.beacons.readmodel.made import HOSTILE, NOW, history_of, judged, result_of, row, site, store
from zeek_beacons.live.history.store import History, Limits
from zeek_beacons.readmodel import ReadModel, plain
from zeek_beacons.scoring import Scoring
from zeek_beacons.store.long_connection import LongConnection

LISTS = {
    "beacons": ("c2.example:443", "3 beacons"),
    "hosts": ("10.0.0.5", "hosts"),
    "connections": ("insufficient evidence", "5 pairs"),
    "alerts": ("checks in with", "3 alerts"),
    "long-conns": ("", "0 pairs"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result."""
    made = tmp_path_factory.mktemp("lists") / "report"
    result_of(judged(site(), Scoring.load()), made)
    return made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.db"


@pytest.fixture
def history(path: Path) -> Iterator[History]:
    opened = History.open(path, Limits())
    yield opened
    opened.close()


@pytest.mark.parametrize("name", LISTS)
def test_a_list_is_shown_as_a_table(folder: Path, name: str) -> None:
    ran = run(name, folder)
    assert ran.returncode == 0, ran.stderr
    assert all(text in ran.stdout for text in LISTS[name])


@pytest.mark.parametrize("name", LISTS)
def test_another_machine_gives_the_same(folder: Path, name: str) -> None:
    with answering(folder) as there:
        for how in ((), ("--json",), ("--csv",)):
            assert run(name, "--url", there.url, "--token", TOKEN, *how).stdout == run(name, folder, *how).stdout
    assert {authorization for _, authorization in there.asked} == {f"Bearer {TOKEN}"}


def test_json_holds_whole_rows(folder: Path) -> None:
    told = json.loads(run("beacons", folder, "--json", "--limit", "2").stdout)
    assert told == {"rows": plain(ReadModel.open(folder).beacons().rows[:2]), "total": 3}


def test_csv_has_a_line_for_each_row(folder: Path) -> None:
    lines = list(csv.DictReader(io.StringIO(run("beacons", folder, "--csv").stdout)))
    assert [line["id"] for line in lines] == [one.id for one in ReadModel.open(folder).beacons().rows]
    hosts = list(csv.DictReader(io.StringIO(run("hosts", folder, "--csv").stdout)))
    assert hosts[0]["strongest_resp"]


def test_rows_are_chosen_by_options(folder: Path) -> None:
    assert run("beacons", folder, "--host", "10.0.0.9").stdout.endswith("1 beacon\n")
    assert run("beacons", folder, "--limit", 1).stdout.endswith("1 of 3 beacons\n")
    assert run("beacons", folder, "--min-score", 1).stdout == "0 beacons\n"
    assert "c2.example" in run("connections", folder, "--resp", "*.example").stdout


def test_pairs_below_the_gate_are_summed_up(folder: Path) -> None:
    ran = run("connections", folder, "--below-gate")
    assert "by connections: 3: 1" in ran.stdout
    with answering(folder) as there:
        assert run("connections", "--below-gate", "--url", there.url).stdout == ran.stdout
    assert json.loads(run("connections", folder, "--below-gate", "--json").stdout)["pairs"] == 1
    assert run("connections", folder, "--below-gate", "--csv").returncode == 2


def test_long_connections_are_shown_with_their_severity(path: Path, history: History) -> None:
    key = ("10.0.0.1", "203.0.113.9", 443, "tcp")
    store(history, [], long_connections=[LongConnection(*key, "ssl", "", 50_000, NOW, "C1", 1, 9, 1, 5.0, 1e6, NOW)])
    shown = run("long-conns", path).stdout
    assert all(text in shown for text in ("high", "13.9 h", "open", "C1", "1 MB"))
    assert run("long-conns", path, "--min-duration", 60_000).stdout == "0 pairs\n"
    assert run("long-conns", path, "--by-sum").stdout == "0 pairs\n"


def test_names_from_the_network_steer_no_terminal(path: Path, history: History) -> None:
    store(history, [row(1, level=2, resp=HOSTILE, name=HOSTILE, score=0.95), row(2, level=2, resp="=1+1", name="=1+1")])
    for how in (("beacons",), ("connections",), ("alerts",), ("hosts",), ("watch", "--times", "1")):
        shown = run(*how, path).stdout
        assert "[bold]<script>" in shown  # markup is text
        assert not {"\x1b", "\u202e", "\u2066"} & set(shown)
    assert "'=1+1" in run("beacons", path, "--csv").stdout
    assert json.loads(run("beacons", path, "--json").stdout)["total"] == 2


def test_without_a_path_the_sidecars_history_is_asked(path: Path, history: History, tmp_path: Path) -> None:
    store(history, [row(1, level=2)])
    settings = tmp_path / "settings.toml"
    settings.write_text(f'[sidecar]\nhistory = "{path}"\n')
    assert run("beacons", "--config", settings).stdout.endswith("1 beacon\n")
    settings.write_text('[sidecar]\nhistory = "none"\n')
    ran = run("beacons", "--config", settings)
    assert (ran.returncode, "the sidecar keeps none" in ran.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["beacons", "nothing.db"], "nothing.db: cannot be read: No such file or directory"),
        (["beacons", "--min-score", "2"], "min_score is 2.0, expected 0 to 1"),
        (["beacons", "--host", "nowhere"], "host is 'nowhere', expected an address or a range"),
        (["beacons", "--csv", "--json", "FOLDER"], "--csv and --json exclude each other"),
        (["beacons", "--url", "ftp://x"], "--url is 'ftp://x', expected https://HOST:PORT"),
        (
            ["beacons", "--url", "http://192.0.2.1:1", "--token", "t"],
            "a token is sent to another machine over https://",
        ),
        (["beacons", "FOLDER", "--url", "http://127.0.0.1:1"], "a path and --url exclude each other"),
        (["beacons", "--url", "http://127.0.0.1:1"], "http://127.0.0.1:1: does not answer"),
        (["beacons", "--url", "https://127.0.0.1:1", "--ca", "no.pem"], "--ca no.pem: no certificates"),
    ],
)
def test_what_cannot_be_shown_is_said(folder: Path, arguments: list[str], said: str) -> None:
    ran = run(*(str(folder) if word == "FOLDER" else word for word in arguments))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert said in ran.stderr


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"status": 401, "body": b'{"detail": "a token is needed"}'}, "refuses (401): a token is needed; name one by"),
        ({"status": 500, "body": b"\xff<html>"}, "refuses (500): Internal Server Error"),
        ({"status": 302, "body": b"", "headers": {"Location": "http://127.0.0.1:1/"}}, "refuses (302)"),
        ({"body": b"<html>"}, "is no zeek-beacons serve: its answer is no JSON"),
        ({"body": b"[]"}, "is no zeek-beacons serve"),
        ({"body": b'{"rows": [{"id": 1}], "total": 1}'}, "answers with no list of beacons of this version"),
        ({"body": b'{"rows": 7, "total": 1}'}, "answers with no list of beacons of this version"),
    ],
)
def test_strange_answers_are_said(folder: Path, given: dict[str, object], said: str) -> None:
    with answering(folder, **given) as there:
        ran = run("beacons", "--url", there.url)
    assert (ran.returncode, said in ran.stderr) == (2, True), ran.stderr


def test_watch_prints_each_look_where_output_is_no_terminal(path: Path, history: History) -> None:
    store(history, [row(1, level=3)])
    shown = run("watch", path, "--times", 2, "--interval", 0.2).stdout
    assert shown.count("1 beacon") == shown.count("newest alerts") == 2


def test_watch_goes_on_where_a_file_is_gone_for_a_while(path: Path) -> None:
    ran = run("watch", path, "--times", 2, "--interval", 0.2)
    assert ran.returncode == 0
    assert ran.stdout.count("error: ") == 2


def test_watch_ends_quietly_at_ctrl_c(folder: Path) -> None:
    command = [sys.executable, "-m", "zeek_beacons", "watch", str(folder), "--interval", "0.2"]
    hears = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731 also where the tests run in the background
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=hears)
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


def test_watch_fits_the_window_of_a_terminal(path: Path, history: History) -> None:
    store(history, [row(number, level=3) for number in range(60)])
    lines, width = 20, 72
    shown = in_terminal(["watch", str(path), "--times", "2", "--interval", "0.2"], lines, width)
    assert shown.count("of 60 beacons") >= 2
    last = shown[shown.rindex("of 60 beacons") :]
    assert last.count("203.0.113.") <= lines
    assert max(map(len, plain_lines(shown))) <= width


def in_terminal(arguments: list[str], lines: int, width: int) -> str:
    """What a command writes to a terminal of this size."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, width, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    process = subprocess.Popen(
        [sys.executable, "-m", "zeek_beacons", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment | {"TERM": "xterm"},
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65_536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(ours)
    assert process.wait(60) == 0
    return shown.decode()


def plain_lines(text: str) -> list[str]:
    """The lines without what steers the terminal."""
    lines = re.split(r"\r\n|\x1b\[2K|\x1b\[1A", text)
    return [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for line in lines]


def test_a_history_that_a_sidecar_writes_is_shown(path: Path) -> None:
    guard = history_of(site(), path, Scoring.load())
    assert run("beacons", path).stdout.endswith("3 beacons\n")
    guard.close()
