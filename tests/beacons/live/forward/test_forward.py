"""`follow --forward` and `serve --inbox` as commands: the verdicts of `follow` and `score`, whoever dies meanwhile."""

from __future__ import annotations

import http.server
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

from zeek_beacons.errors import ConfigError
from zeek_beacons.live.forward.batches import LogBatch
from zeek_beacons.live.forward.buffer import BufferedBatch
from zeek_beacons.live.forward.receiver import BatchReceiver, token_in
from zeek_beacons.operator_file.store import OperatorStore

from ...cli.commands import run
from ...readers.logs import T0
from ..follow.made import HOUR, grown, site, whole
from ..follow.test_follow import own_state, same

__all__ = ["own_state"]
LOGS = site()


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


class Console:
    """`serve --inbox` in a process of its own, which can be killed."""

    def __init__(self, folder: Path) -> None:
        self.inbox, self._folder, self.port = folder / "inbox", folder, free_port()
        store = OperatorStore(folder / "operator.sqlite")
        self.token = folder / "token"
        self.token.touch(mode=0o600)
        self.token.write_text(store.make_token("north", True))
        store.close()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        command = [sys.executable, "-m", "zeek_beacons", "serve", "--listen", f"127.0.0.1:{self.port}"]
        command += ["--history", str(self._folder / "none.db"), "--operator", str(self._folder / "operator.sqlite")]
        command += ["--inbox", str(self.inbox)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait(self._answers)

    def _answers(self) -> bool:
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def options(self, tmp_path: Path) -> list[str]:
        return [
            *("--forward", self.url, "--forward-token", str(self.token), "--forward-name", "north"),
            *("--forward-buffer", str(tmp_path / "buffer.sqlite"), "--state", str(tmp_path / "f.json")),
        ]


@pytest.fixture
def console(tmp_path: Path) -> Iterator[Console]:
    made = Console(tmp_path)
    yield made
    if made.process is not None:
        made.kill()


def wait(condition: Callable[[], bool], seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not condition():
        time.sleep(0.05)
    assert condition()


def forwarded(tmp_path: Path, pid: int | None = None) -> dict[str, Any]:
    try:
        found = json.loads((tmp_path / "f.json").read_text())
    except (OSError, ValueError):
        return {}
    told: dict[str, Any] = found["forwarded"]
    return told if pid is None or found["pid"] == pid else {}


def judged(tmp_path: Path, inbox: Path, logs: Path) -> None:
    """The receiver's `follow` concludes what `score` does of the sender's files."""
    assert (
        run("follow", inbox, "--once", "--history", tmp_path / "h.db", "--state", tmp_path / "r.json").returncode == 0
    )
    assert run("score", logs, "-o", tmp_path / "report").returncode == 0
    same(tmp_path / "h.db", tmp_path / "report" / "result.sqlite")
    rows = json.loads((tmp_path / "r.json").read_text())["followed"]["rows"]
    assert (rows["rows"], rows["bad"], rows["duplicates"]) == (len(LOGS["conn"]), 0, 0)


@pytest.mark.parametrize("as_json", [False, True])
def test_what_is_forwarded_is_judged_as_if_it_were_here(tmp_path: Path, console: Console, as_json: bool) -> None:
    logs = whole(tmp_path / "logs", LOGS, as_json)
    console.start()
    for _ in range(2):
        ran = run("follow", logs, "--once", *console.options(tmp_path))
        assert ran.returncode == 0, ran.stderr
    told = forwarded(tmp_path)
    assert (told["waiting"], told["rows"]) == (0, 0)  # the second time there was nothing new
    judged(tmp_path, console.inbox, logs)
    assert "rows sent" in run("status", "--state", tmp_path / "f.json").stdout


def test_both_sides_are_killed_and_nothing_is_lost_or_twice(tmp_path: Path, console: Console) -> None:
    logs = tmp_path / "logs"
    command = [sys.executable, "-m", "zeek_beacons", "follow", str(logs), "--interval", "0.1"]
    console.start()
    for turn, until in enumerate((T0 + HOUR, T0 + 2 * HOUR)):
        grown(logs, LOGS, until, 20)
        sender = subprocess.Popen(command + console.options(tmp_path), stderr=subprocess.DEVNULL)
        wait(lambda pid=sender.pid: forwarded(tmp_path, pid).get("sent", 0) > 0)  # type: ignore[misc]
        grown(logs, LOGS, until + 1800, 70)
        if turn:
            sender.send_signal(signal.SIGKILL)
            console.kill()
        else:
            console.kill()
            wait(lambda pid=sender.pid: "does not answer" in forwarded(tmp_path, pid).get("problem", ""))  # type: ignore[misc]
            sender.send_signal(signal.SIGKILL)
        sender.wait()
        console.start()
    whole(logs, LOGS)
    ran = run("follow", logs, "--once", *console.options(tmp_path))
    assert ran.returncode == 0, ran.stderr
    judged(tmp_path, console.inbox, logs)


def test_a_hang_up_ends_no_forwarding(tmp_path: Path, console: Console) -> None:
    logs = tmp_path / "logs"
    console.start()
    grown(logs, LOGS, T0 + HOUR, 20)
    command = [sys.executable, "-m", "zeek_beacons", "follow", str(logs), "--interval", "0.1"]
    command += console.options(tmp_path)
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as sender:
        wait(lambda: forwarded(tmp_path, sender.pid).get("sent", 0) > 0)
        sender.send_signal(signal.SIGHUP)
        whole(logs, LOGS)
        wait(lambda: forwarded(tmp_path, sender.pid).get("sent", 0) > 1)
        sender.send_signal(signal.SIGTERM)
        assert sender.wait() == 0


class Grumpy(http.server.BaseHTTPRequestHandler):
    """Answers with what it was told to, then takes everything."""

    answers: list[tuple[int, dict[str, str], dict[str, Any]]]
    came: list[str]

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.came.append(self.path)
        seq = int(self.path.split("?")[0].rsplit("/", 1)[1])
        status, headers, told = self.answers.pop(0) if self.answers else (200, {}, {"have": seq, "duplicate": False})
        body = json.dumps(told).encode()
        self.send_response(status)
        for name, value in ({"content-length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def grumpy(*answers: tuple[int, dict[str, str], dict[str, Any]]) -> Iterator[tuple[str, list[str]]]:
    handler = type("Handler", (Grumpy,), {"answers": list(answers), "came": []})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}", handler.came  # type: ignore[attr-defined]
        finally:
            server.shutdown()
            thread.join()


def send_once(tmp_path: Path, url: str) -> dict[str, Any]:
    logs = whole(tmp_path / "logs", LOGS)
    buffer = ["--forward-buffer", tmp_path / "buffer.sqlite", "--state", tmp_path / "f.json"]
    ran = run("follow", logs, "--once", "--forward", url, *buffer)
    return forwarded(tmp_path) | {"code": ran.returncode, "stderr": ran.stderr}


def test_back_pressure_is_obeyed(tmp_path: Path) -> None:
    busy: list[tuple[int, dict[str, str], dict[str, Any]]] = [
        (503, {"Retry-After": "1"}, {"detail": "full"}),
        (429, {"Retry-After": "0"}, {"detail": "slow down"}),
        (500, {}, {}),
    ]
    with grumpy(*busy) as (url, came):
        told = send_once(tmp_path, url)
    assert (told["code"], told["retries"], told["asked_to_wait"], told["waiting"]) == (0, 3, 2, 0)
    assert came[0] == came[1] == came[2] == came[3]  # the same batch, until it is taken
    assert len(set(came)) == len(came) - 3


def test_rows_that_the_receiver_names_are_left_out(tmp_path: Path) -> None:
    with grumpy((422, {}, {"detail": "row 2: no", "rows": [2, 5]}), (400, {}, {"detail": "no"})) as (url, came):
        told = send_once(tmp_path, url)
    assert (told["code"], told["bad"], told["refused"], told["waiting"]) == (0, 2, 1, 0)
    assert "row 2: no" in told["example"]
    assert came[0] == came[1]


def test_a_receiver_that_is_away_leaves_it_in_the_buffer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZEEK_BEACONS_SIDECAR_DRAIN", "0.5")
    told = send_once(tmp_path, f"http://127.0.0.1:{free_port()}")
    assert told["code"] != 0
    assert "batches wait to be sent" in told["stderr"]
    assert told["waiting"] >= 5
    with grumpy() as (url, came):
        told = send_once(tmp_path, url)
    assert (told["code"], told["rows"], told["waiting"]) == (0, 0, 0)
    assert len(came) >= 5


def test_where_the_buffer_is_full_nothing_more_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest is kept; what is not read stays in the logs, and goes when there is room."""
    monkeypatch.setattr("zeek_beacons.live.forward.start.MEGABYTE", 1000)
    monkeypatch.setenv("ZEEK_BEACONS_SIDECAR_FORWARD_MEGABYTES", "20")
    logs = whole(tmp_path / "logs", LOGS)
    with grumpy(*[(503, {"Retry-After": "1"}, {"detail": "busy"})] * 2) as (url, came):
        told = send_once(tmp_path, url)
    assert (told["code"], told["waiting"]) == (0, 0)
    assert told["full"] >= 1
    assert told["sent"] == sum(map(len, LOGS.values()))
    assert len(came) >= 7
    assert logs.exists()


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://console.example:8520", "over https:// only"),
        ("ftp://console.example", "expected https://HOST:PORT"),
        ("https://user@console.example", "expected https://HOST:PORT"),
    ],
)
def test_addresses_that_are_none(url: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        BatchReceiver(url, "north")


def test_a_token_that_others_may_read_is_none(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("secret\n")
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        token_in(file)
    file.chmod(0o600)
    assert token_in(file) == "secret"
    file.write_text("two words")
    with pytest.raises(ConfigError, match="expected a token"):
        token_in(file)


def test_an_answer_that_is_none(tmp_path: Path) -> None:
    one = BufferedBatch(1, LogBatch("conn", b"", b"1\n"))
    with grumpy((200, {}, {"hello": 1}), (503, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, {})) as (url, _):
        receiver = BatchReceiver(url, "north")
        assert receiver.send("s", one).have is None
        assert receiver.send("s", one).wait == 0.0
        receiver.close()
