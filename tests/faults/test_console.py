"""The console while its files, its clients and its sensors fail: an answer that says so, and nothing half-written."""

from __future__ import annotations

import concurrent.futures
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")

from tests.beacons.alerts.receivers import free_port
from tests.beacons.fleet.made import answering
from tests.beacons.serve.made import Running, certificate, console, history
from tests.beacons.serve.test_many import over
from zeek_beacons.operator_file import FILE_NAME
from zeek_beacons.operator_file.store import OperatorStore
from zeek_beacons.serve import patient_protocol

from .lab import PATIENCE

BEACONS = 6


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history that is copied."""
    return history(tmp_path_factory.mktemp("made"), BEACONS)


@pytest.fixture
def folder(made: Path, tmp_path: Path, round_number: int) -> Path:
    shutil.copy(made, tmp_path / "history.db")
    return tmp_path


class Process:
    """A console in a process of its own, with a token that may write."""

    def __init__(self, folder: Path, *wrapper: str) -> None:
        self._folder, self._wrapper = folder, wrapper
        self.address = f"127.0.0.1:{free_port()}"
        store = OperatorStore(folder / FILE_NAME)
        headers = {"Authorization": f"Bearer {store.make_token('ana', True)}"}
        store.close()
        self.client = httpx.Client(base_url=f"http://{self.address}/api/v1/", headers=headers, timeout=60)
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        """Starts it, and waits until it answers."""
        command = [*self._wrapper, sys.executable, "-m", "zeek_beacons", "serve", "--listen", self.address]
        command += ["--history", str(self._folder / "history.db"), "--state", str(self._folder / "status.json")]
        environment = os.environ | {"STATE_DIRECTORY": str(self._folder)}
        with (self._folder / "console.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        end = time.monotonic() + PATIENCE
        while not self.answers():
            assert self.process.poll() is None, (self._folder / "console.log").read_text()
            assert time.monotonic() < end
            time.sleep(0.1)
        return self.process

    def answers(self) -> bool:
        """Whether it does."""
        try:
            return self.client.get("health").status_code < 500
        except httpx.TransportError:
            return False

    def entries(self) -> list[str]:
        """What is allowed."""
        return sorted(row["entry"] for row in self.client.get("allow").json()["rows"])

    def close(self) -> None:
        """Ends it."""
        self.client.close()
        self.process.kill()
        self.process.wait()


@contextmanager
def process(folder: Path, *wrapper: str) -> Iterator[Process]:
    with ExitStack() as stack:
        made = Process(folder, *wrapper)
        stack.callback(made.close)
        yield made


def test_killed_in_the_middle_of_requests(folder: Path) -> None:
    """What was answered holds after the restart; what was not is there whole or not at all."""
    with process(folder) as running:
        said: list[str] = []
        asked: list[str] = []

        def say() -> None:
            for number in range(10_000):
                entry = f"name n{number:05d}.example"
                asked.append(entry)
                try:
                    answer = running.client.post("allow", json={"entry": entry, "why": "ours"})
                except httpx.TransportError:
                    return
                assert answer.status_code < 300, answer.text
                said.append(entry)

        thread = threading.Thread(target=say)
        thread.start()
        end = time.monotonic() + PATIENCE
        while len(said) < 5:
            assert time.monotonic() < end
            time.sleep(0.01)
        running.process.kill()
        running.process.wait()
        thread.join()
        running.start()
        found = running.entries()
        assert set(said) <= set(found) <= set(asked)
        assert len(found) == len(set(found))
        assert running.client.post("allow", json={"entry": "name after.example", "why": "ours"}).status_code < 300


def test_no_room_for_what_operators_say(folder: Path) -> None:
    """Nothing is half-written, it is an error that says so, reading goes on; and later there is room again."""
    assert shutil.which("prlimit")
    with process(folder) as running:
        limit = ["prlimit", f"--pid={running.process.pid}"]
        subprocess.run([*limit, "--fsize=1000:"], check=True)
        answer = running.client.post("allow", json={"entry": "name full.example", "why": "ours"})
        assert answer.status_code == 503, answer.text
        assert answer.headers["retry-after"]
        assert running.entries() == []
        assert running.client.get("beacons").json()["total"] == BEACONS
        subprocess.run([*limit, "--fsize=unlimited:"], check=True)
        assert running.client.post("allow", json={"entry": "name room.example", "why": "ours"}).status_code < 300
        assert running.entries() == ["name room.example"]


@contextmanager
def locked(path: Path) -> Iterator[None]:
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("PRAGMA locking_mode = EXCLUSIVE")
    lock.execute("BEGIN EXCLUSIVE")
    yield
    lock.close()


@contextmanager
def removed(path: Path) -> Iterator[None]:
    kept = path.rename(path.with_name("kept"))
    yield
    kept.rename(path)


@contextmanager
def replaced(path: Path) -> Iterator[None]:
    kept = path.rename(path.with_name("kept"))
    path.write_text("a file of somebody else\n" * 1000)
    yield
    kept.replace(path)


@contextmanager
def truncated(path: Path) -> Iterator[None]:
    kept = path.read_bytes()
    os.truncate(path, len(kept) // 2)
    yield
    path.write_bytes(kept)


@contextmanager
def corrupt_pages(path: Path) -> Iterator[None]:
    """All but the first page are garbage, in the same file."""
    kept = path.read_bytes()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * (len(kept) - 4096))
    yield
    path.write_bytes(kept)


@contextmanager
def became_a_folder(path: Path) -> Iterator[None]:
    kept = path.rename(path.with_name("kept"))
    path.mkdir()
    yield
    path.rmdir()
    kept.rename(path)


@pytest.mark.parametrize("fault", [locked, removed, replaced, truncated, corrupt_pages, became_a_folder])
def test_history_that_is(fault: Callable[[Path], Any], folder: Path) -> None:
    """While it cannot be read that is the answer, with a time to come again; and then all is there as before."""
    path = folder / "history.db"
    with console(folder) as running:
        assert running.get("beacons").json()["total"] == BEACONS
        with fault(path):
            answer = running.get("beacons")
            assert answer.status_code == 503, answer.text
            assert answer.headers["retry-after"]
            assert "history.db" in answer.json()["detail"]
            assert running.client.get("/", headers={"Accept": "text/html"}).status_code == 503
            assert running.get("health").json()["status"] == "problem"
        assert running.get("beacons").json()["total"] == BEACONS


@pytest.mark.parametrize("sent", [b"", b"GET /api/v1/beacons HTTP/1.1\r\nHost: 127", b"half a body"])
def test_clients_that_never_finish_their_request(sent: bytes, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many that there is no place for another: they are put out, and who asks for something is answered."""
    monkeypatch.setattr(patient_protocol, "HEADER_SECONDS", 3.0)
    with console(folder) as running, ExitStack() as stack:
        assert running.client.base_url.port
        running.client.close()
        if sent == b"half a body":
            sent = b"POST /api/v1/feedback HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 500\r\n\r\n{"
        port = int(running.client.base_url.port)
        slow = [stack.enter_context(socket.create_connection(("127.0.0.1", port))) for _ in range(520)]
        for one in slow:
            one.sendall(sent)
        end, status = time.monotonic() + PATIENCE, 0
        while status != 200:
            assert time.monotonic() < end, f"status {status}"
            with httpx.Client(base_url=str(running.client.base_url), timeout=60) as client:
                status = client.get("/api/v1/beacons").status_code
            time.sleep(0.1)


def test_many_clients_at_once(folder: Path) -> None:
    """Everyone is answered, or told that there are too many; and afterwards nothing is left of it."""

    def ask(number: int) -> int:
        with httpx.Client(base_url=str(running.client.base_url), timeout=PATIENCE) as client:
            return client.get("/api/v1/connections", params={"limit": 1 + number % 100}).status_code

    with console(folder) as running:
        with concurrent.futures.ThreadPoolExecutor(60) as threads:
            answers = list(threads.map(ask, range(300)))
        assert set(answers) <= {200, 503}
        assert answers.count(200) > 100
        assert running.get("beacons").json()["total"] == BEACONS


def test_token_that_is_taken_back_and_made_anew(folder: Path) -> None:
    """The old one is refused from then on, also in a session that it opened; the new one is good."""
    with console(folder) as running, httpx.Client(base_url=str(running.client.base_url)) as browser:
        old = running.writes
        token = old["Authorization"].removeprefix("Bearer ")
        browser.post("/login", data={"token": token})
        body = {"entry": "name a.example", "why": "ours"}
        assert running.post("allow", json=body).status_code < 300
        assert "csrf_token" in browser.get("/run").text
        store = OperatorStore(folder / FILE_NAME)  # as the command does, beside the console
        store.remove_token("writer")
        renewed = store.make_token("writer", True)
        store.close()
        assert running.client.post("/api/v1/allow", headers=old, json=body).status_code == 401
        assert "csrf_token" not in browser.get("/run").text
        new = {"Authorization": f"Bearer {renewed}"}
        answer = running.client.post("/api/v1/allow", headers=new, json=body | {"entry": "name b.example"})
        assert answer.status_code < 300


@contextmanager
def dead(_: Path) -> Iterator[str]:
    yield f"http://127.0.0.1:{free_port()}"


@contextmanager
def hanging(_: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0), backlog=200) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def dripping(_: Path) -> Iterator[str]:
    with answering(drip=0.2) as url:
        yield url


@contextmanager
def lying(_: Path) -> Iterator[str]:
    with answering(b'{"rows": [{"id": "../../etc", "level": 99}], "total": -5, "shown": {"pairs": 1e999}}') as url:
        yield url


@contextmanager
def endless(_: Path) -> Iterator[str]:
    with answering(b'{"rows": [' + b"[" * 12_000_000) as url:
        yield url


@contextmanager
def uncertified(folder: Path) -> Iterator[str]:
    (folder / "other").mkdir()
    history(folder / "other", 2)
    with console(folder / "other", **certificate(folder / "other")) as other:
        yield str(other.client.base_url)


@pytest.mark.parametrize("bad", [dead, hanging, dripping, lying, endless, uncertified])
def test_sensor_of_the_fleet_that_is(bad: Callable[[Path], Any], folder: Path) -> None:
    """The others are shown, it is named as one that cannot be read, and nothing of it is believed."""
    with bad(folder) as url:
        sources = (f"north={folder / 'history.db'}", f"bad={url}")
        with console(folder, **over(folder, *sources, source_seconds=1.0)) as running:
            wait_for(running, lambda found: found["unread"] == ["bad"])
            found = running.get("beacons").json()
            assert found["total"] == BEACONS
            assert {row["sensor"] for row in found["rows"]} == {"north"}
            told = {one["name"]: one for one in running.get("sensors").json()["rows"]}
            assert told["bad"]["problem"]
            assert not told["north"]["problem"]
            page = running.client.get("/", headers={"Accept": "text/html"})
            assert page.status_code == 200
            assert "bad" in page.text


def wait_for(running: Running, condition: Callable[[dict[str, Any]], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition(running.get("beacons").json()):
        assert time.monotonic() < end
        time.sleep(0.1)
