"""A running sidecar with events: whatever their writers do, candidates get verdicts, and what is lost is counted."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import socket
import time
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.beacons.live.fake_zeek import FakeZeek, listening
from tests.beacons.live.made import fields
from zeek_beacons.config import Config
from zeek_beacons.errors import ConfigError
from zeek_beacons.live.endpoints.followed_file import FollowedFile
from zeek_beacons.live.endpoints.held import HeldEvents
from zeek_beacons.live.endpoints.intake import EventIntake
from zeek_beacons.live.endpoints.line_cutter import LONGEST
from zeek_beacons.live.endpoints.source import Lines
from zeek_beacons.live.service import Service
from zeek_beacons.live.settings import SidecarConfig
from zeek_beacons.live.start import start
from zeek_beacons.live.status import Condition, judge
from zeek_beacons.scoring import Scoring

Scene = Callable[[FakeZeek, Service], Coroutine[Any, Any, None]]


def line(name: str = "rundll32.exe", ago: float = 5.0, **given: Any) -> bytes:
    """An event of the pair of `made.fields`."""
    made: dict[str, Any] = {
        "@timestamp": time.time() - ago,
        "source": {"ip": "10.0.0.5", "port": 40_000},
        "destination": {"ip": "203.0.113.9", "port": 443},
        "network": {"transport": "tcp"},
        "process": {"name": name},
    }
    return json.dumps(made | given).encode() + b"\n"


def play(tmp_path: Path, scene: Scene, source: str, **settings: Any) -> Service:
    """A stand-in for Zeek, a sidecar that takes events, and what happens between them."""
    services: list[Service] = []

    async def both() -> None:
        zeek = FakeZeek()
        async with listening(zeek) as port:
            own = SidecarConfig(
                zeek=f"ws://127.0.0.1:{port}",
                history=str(tmp_path / "history.db"),
                state=str(tmp_path / "status.json"),
                events=source,
                **settings,
            )
            services.append(start(own, Config(), Scoring.load(threads=1)))
            task = asyncio.create_task(services[0].run())
            try:
                await zeek.until(lambda: zeek.all("resync"))
                await scene(zeek, services[0])
            finally:
                services[0].stop()
                await task

    asyncio.run(both())
    return services[0]


def told(service: Service) -> dict[str, Any]:
    found: dict[str, Any] = service.state()["events"]
    return found


async def judged(zeek: FakeZeek, seq: int) -> str:
    """The summary of one more candidate of the pair."""
    before = len(zeek.all("verdict"))
    await zeek.say("candidate", fields(seq, starts=[1.767e9 + 60.0 * (seq + n) for n in range(64)]))
    await zeek.until(lambda: len(zeek.all("verdict")) > before)
    summary: str = zeek.all("verdict")[-1]["summary"]
    return summary


def test_a_file_that_rotates_amid_garbage(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "events.json"
    path.write_bytes(line("first.exe"))
    garbage = [os.urandom(200).replace(b"\n", b"") + b"\n", b"{" * 3000 + b"\n", b"x" * (LONGEST + 1) + b"\n", b"[]\n"]

    async def scene(zeek: FakeZeek, service: Service) -> None:
        await zeek.until(lambda: told(service)["taken"] == 1)
        assert "opened by first.exe;" in await judged(zeek, 1)
        with path.open("ab") as out:
            out.writelines(garbage)
            out.write(line("second.exe", ago=4.0) + line(ago=40 * 365 * 86_400.0) + line(ago=-86_400.0) + line()[:50])
        path.rename(tmp_path / "events.json.1")
        await zeek.until(lambda: told(service)["taken"] == 2)
        assert "opened by second.exe;" in await judged(zeek, 2)
        path.write_bytes(line("third.exe", ago=3.0))
        await zeek.until(lambda: told(service)["taken"] == 3)
        assert "opened by third.exe;" in await judged(zeek, 3)
        path.write_bytes(b"")
        path.unlink()

    with caplog.at_level(logging.WARNING):
        service = play(tmp_path, scene, str(path))
    state = told(service)
    counts = {name: state[name] for name in ("taken", "bad", "untimely", "held", "joined", "forgotten", "problem")}
    assert counts == {
        "taken": 3, "bad": 5, "untimely": 2, "held": 3, "joined": 3, "forgotten": 0, "problem": "",
    }  # fmt: skip
    said = [record.fields["what"] for record in caplog.records if record.message == "events_left_out"]  # type: ignore[attr-defined]
    assert sorted(said) == ["events too old to be needed, or of the future", "lines that hold no event"]


def flood(path: Path, pieces: Iterable[bytes]) -> None:
    with socket.socket(socket.AF_UNIX) as writer:
        writer.connect(str(path))
        for piece in pieces:
            with contextlib.suppress(OSError):
                writer.sendall(piece)


def test_a_socket_that_is_flooded(tmp_path: Path) -> None:
    path = tmp_path / "events.sock"
    many = [line(destination={"ip": f"203.0.{number % 250}.{number // 250}", "port": 443}) for number in range(3000)]

    async def scene(zeek: FakeZeek, service: Service) -> None:
        loop = asyncio.get_running_loop()
        floods = [
            loop.run_in_executor(None, flood, path, pieces)
            for pieces in (many, [b"x" * 100_000] * 100, [b"\n" * 50_000] * 20, [b"{}\n" * 20_000])
        ]
        assert "checks in with" in await judged(zeek, 1), "the flood keeps no candidate waiting"
        await asyncio.gather(*floods)
        await zeek.until(lambda: told(service)["taken"] == len(many))
        await zeek.until(lambda: told(service)["other"] == 20_000)
        await loop.run_in_executor(None, flood, path, [line("newest.exe", ago=0.0)])
        await zeek.until(lambda: told(service)["taken"] == len(many) + 1)
        assert "opened by newest.exe;" in await judged(zeek, 2)

    state = told(play(tmp_path, scene, f"unix:{path}", max_events=100))
    assert (state["held"], state["forgotten"], state["bad"]) == (100, 2901, 1)
    assert not path.exists()


def test_a_file_that_is_missing_is_a_problem_that_status_names(tmp_path: Path) -> None:
    async def scene(zeek: FakeZeek, service: Service) -> None:
        await zeek.until(lambda: told(service)["problem"])
        state = service.state()
        assert judge(state, state["written"]) == (
            Condition.UNHEALTHY,
            [f"events: {tmp_path / 'events.json'}: no such file"],
        )
        (tmp_path / "events.json").write_bytes(line())
        await zeek.until(lambda: told(service)["taken"])
        state = service.state()
        assert judge(state, state["written"])[0] is Condition.HEALTHY

    play(tmp_path, scene, str(tmp_path / "events.json"))


class Failing(FollowedFile):
    """A source with a fault of ours, and then another of the disk."""

    def look(self) -> list[Lines]:
        if not self.refused:
            self.refused += 1
            raise RuntimeError("a fault")
        raise OSError(5, "Input/output error")


def test_a_fault_ends_no_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zeek_beacons.live.endpoints.intake.RETRY", 0.01)
    taken = EventIntake(Failing(tmp_path / "x"), HeldEvents(10, 60.0))
    taken.start()
    deadline = time.monotonic() + 5.0
    while taken.state()["problem"] != "Input/output error" and time.monotonic() < deadline:
        time.sleep(0.01)
    assert taken.state()["problem"] == "Input/output error"
    taken.close()


def test_a_socket_that_cannot_be_ends_the_start(tmp_path: Path) -> None:
    own = SidecarConfig(history="none", state="none", events=f"unix:{tmp_path}/nowhere/events.sock")
    with pytest.raises(ConfigError, match=r"events: .*: No such file or directory"):
        start(own, Config(), Scoring.rules_only())
