"""`sidecar` as a user, or systemd, runs it."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.beacons.cli.commands import run
from tests.beacons.live.fake_zeek import FakeZeek, listening
from tests.beacons.live.made import fields
from zeek_beacons.live import status
from zeek_beacons.live.settings import SYSTEM_CONFIG

Scene = Callable[[FakeZeek, int], Coroutine[Any, Any, None]]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--zeek", "ws://192.0.2.1:27759"], "another machine"),
        (["--zeek", "ws://zeek.example:27759"], "another machine"),
        (["--zeek", "broker://192.0.2.1:9999"], "another machine"),
        (["--zeek", "http://127.0.0.1:1"], "expected ws://HOST:PORT, wss://HOST:PORT, broker://HOST:PORT"),
        (["--zeek", "ws://127.0.0.1"], "expected ws://HOST:PORT"),
        (["--zeek", "ws://127.0.0.1:99999"], "out of range"),
        (["--zeek", "wss://zeek.example:1", "--tls-ca", "nowhere.pem"], "tls_ca is 'nowhere.pem'"),
        (["--history", "x.db", "--no-history"], "exclude each other"),
        (["--alerts-per-host-day", "0.5", "--no-history"], "alerts_per_host_day is 0.5, which needs a history"),
        (["--alerts-per-host-day", "-1"], "alerts_per_host_day is -1.0, expected 0.0 to 1000.0"),
        (["--alerts-per-host-day", "nan"], "alerts_per_host_day is nan"),
        (["--events", "unix:/nowhere/events.sock"], "events: /nowhere/events.sock: No such file or directory"),
        (["--allow", "nowhere"], "allow-list cannot be read"),
        (["--profile", "brave"], "profile is 'brave'"),
        (["--log-level", "loud"], "--log-level is 'loud'"),
        (["--config", "nowhere.toml"], "nowhere.toml: cannot be read"),
        (["--model", "nowhere"], "nowhere"),
    ],
)
def test_bad_settings_end_it_at_once(
    arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    ran = run("sidecar", *arguments)
    assert ran.returncode == 2
    assert said in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_the_systems_settings_file_is_read_where_it_exists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "zeek-beacons.toml"
    monkeypatch.setattr("zeek_beacons.live.settings.SYSTEM_CONFIG", file)
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    assert run("status").returncode == 3
    file.write_text("[sidecar]\nstate = 'none'\nlinger = 2\n")
    for command in ("sidecar", "status"):
        assert run(command).stderr == f"error: linger is 2.0, expected 0.0 to 1.0 ({file} [sidecar])\n"
    file.write_text("profile = 'brave'\n[sidecar]\nstate = 'none'\n")
    assert f"profile is 'brave', expected one of conservative, balanced, sensitive ({file})" in run("sidecar").stderr
    assert "state is 'none'" in run("status").stderr
    given = tmp_path / "given.toml"
    given.write_text("[sidecar]\nlinger = 3\n")
    for command in ("sidecar", "status"):
        assert "linger is 3.0" in run(command, "--config", given).stderr
    file.write_text("[sidecar]\nlinger = 2\n")
    monkeypatch.setenv("ZEEK_BEACONS_SIDECAR_LINGER", "4")
    assert "linger is 4.0, expected 0.0 to 1.0 (ZEEK_BEACONS_SIDECAR_LINGER)" in run("sidecar").stderr


def test_the_unit_speaks_of_the_file_that_is_read() -> None:
    unit = (Path(__file__).parents[3] / "packaging" / "zeek-beacons.service").read_text()
    assert f"Settings: {SYSTEM_CONFIG}, table [sidecar]" in unit


def test_broker_without_zeeks_bindings_says_where_they_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zeek_beacons.live.transport.broker.bindings.__defaults__", (("/nowhere",),))
    monkeypatch.delenv("ZEEK_PYTHON", raising=False)
    ran = run("sidecar", "--zeek", "broker://127.0.0.1:9999")
    assert ran.returncode == 2
    assert "broker:// needs the Python bindings that Zeek's build puts into PREFIX/lib/zeek/python" in ran.stderr


def test_pypis_broker_is_not_taken_for_zeeks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "broker").mkdir()
    (tmp_path / "broker" / "__init__.py").write_text("version = 1\n")
    monkeypatch.setattr("zeek_beacons.live.transport.broker.bindings.__defaults__", (("/nowhere",),))
    monkeypatch.setenv("ZEEK_PYTHON", str(tmp_path))
    for name in [name for name in sys.modules if name.split(".")[0] == "broker"]:
        monkeypatch.delitem(sys.modules, name)
    assert "not Zeek's" in run("sidecar", "--zeek", "broker://127.0.0.1:9999").stderr
    assert "broker" not in sys.modules


def play(scene: Scene) -> None:
    async def both() -> None:
        zeek = FakeZeek()
        async with listening(zeek) as port:
            await scene(zeek, port)

    asyncio.run(both())


async def spawn(port: int, folder: Path, *more: str) -> asyncio.subprocess.Process:
    arguments = ["--zeek", f"ws://127.0.0.1:{port}", "--history", str(folder / "h.db"), "--state", str(folder / "s")]
    command = [sys.executable, "-m", "zeek_beacons", "sidecar", *arguments, *more]
    return await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)


def test_sigterm_ends_it_in_order(tmp_path: Path) -> None:
    async def scene(zeek: FakeZeek, port: int) -> None:
        process = await spawn(port, tmp_path)
        await zeek.until(lambda: zeek.all("resync"))
        for seq in range(1, 101):
            await zeek.say("candidate", fields(seq, orig_h=f"10.0.0.{seq}"))
        await zeek.until(lambda: zeek.all("verdict"))
        process.send_signal(signal.SIGTERM)
        _, said = await process.communicate()
        assert process.returncode == 0
        lines = [json.loads(line) for line in said.decode().splitlines()]
        events = [line["event"] for line in lines]
        assert events[:4] == ["starting", "history_works", "connected", "accepted"]
        assert "ending" in events
        state = status.read(tmp_path / "s")
        assert state is not None
        assert state["scored"] == state["received"]
        # What was sent last may still lie unread on this side.
        await zeek.until(lambda: len(zeek.all("verdict")) >= state["scored"])
        assert len(zeek.all("verdict")) == state["scored"]

    play(scene)
    assert run("status", "--state", tmp_path / "s").returncode == 3


def test_a_killed_sidecar_is_followed_by_another(tmp_path: Path) -> None:
    async def scene(zeek: FakeZeek, port: int) -> None:
        zeek.confirming = False
        process = await spawn(port, tmp_path)
        await zeek.until(lambda: zeek.all("resync"))
        await zeek.say("candidate", fields())
        await zeek.until(lambda: zeek.all("verdict"))
        process.kill()
        await process.wait()
        zeek.confirming = True
        heard = len(zeek.all("verdict"))
        process = await spawn(port, tmp_path)
        await zeek.until(lambda: len(zeek.all("verdict")) > heard)
        assert zeek.all("verdict")[-1]["level"]
        process.terminate()
        assert await process.wait() == 0

    play(scene)


def test_a_killed_sidecar_leaves_the_next_one_its_site(tmp_path: Path) -> None:
    async def alerting(zeek: FakeZeek, process: asyncio.subprocess.Process) -> dict[str, Any]:
        def told() -> bool:
            found = status.read(tmp_path / "s")
            return found is not None and found["pid"] == process.pid

        await zeek.until(told)
        found = status.read(tmp_path / "s")
        assert found is not None
        return dict(found["alerting"])

    async def scene(zeek: FakeZeek, port: int) -> None:
        process = await spawn(port, tmp_path, "--alerts-per-host-day", "0.5")
        await zeek.until(lambda: zeek.all("resync"))
        before = await alerting(zeek, process)
        assert (before["alerts_per_host_day"], before["pairs"]) == (0.5, 0)
        for seq in range(1, 31):
            await zeek.say("candidate", fields(seq, orig_h=f"10.0.0.{seq % 10}", resp=f"198.51.100.{seq}"))
        await zeek.until(lambda: len(zeek.all("verdict")) >= 30)
        process.kill()
        await process.wait()
        process = await spawn(port, tmp_path, "--alerts-per-host-day", "0.5")
        after = await alerting(zeek, process)
        assert (after["pairs"], after["hosts"]) == (30, 10)
        assert 0 < after["threshold"] <= 1
        process.terminate()
        assert await process.wait() == 0

    play(scene)
    told = run("status", "--state", tmp_path / "s").stdout
    assert "for 0.5 alerts per host-day; watched 30 pairs of 10 hosts in 0" in told


def test_a_connection_cut_while_it_stood_still_is_no_end(tmp_path: Path) -> None:
    async def scene(zeek: FakeZeek, port: int) -> None:
        process = await spawn(port, tmp_path)
        await zeek.until(lambda: zeek.all("resync"))
        ignored = next(
            line for line in Path(f"/proc/{process.pid}/status").read_text().splitlines() if line.startswith("SigIgn")
        )
        assert int(ignored.split()[1], 16) & 1 << signal.SIGPIPE - 1
        process.send_signal(signal.SIGSTOP)
        for seq in range(1, 50):
            await zeek.say("candidate", fields(seq, orig_h=f"10.0.0.{seq}"))
        await zeek.cut()
        process.send_signal(signal.SIGCONT)
        await zeek.until(lambda: len(zeek.all("resync")) > 1)
        process.terminate()
        assert await process.wait() == 0

    play(scene)


def test_a_wrong_peer_is_named_and_not_given_up(tmp_path: Path) -> None:
    async def scene(zeek: FakeZeek, port: int) -> None:
        async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        process = await spawn(server.sockets[0].getsockname()[1], tmp_path)
        assert process.stderr is not None
        while (line := json.loads(await process.stderr.readline()))["event"] != "disconnected":
            pass
        assert "not Zeek's WebSocket API" in line["reason"]
        process.terminate()
        assert await process.wait() == 0
        server.close()

    play(scene)
