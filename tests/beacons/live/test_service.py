"""The whole sidecar against a stand-in for Zeek."""

from __future__ import annotations

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from zeek_beacons.config import Config
from zeek_beacons.live import state as states
from zeek_beacons.live import status
from zeek_beacons.live.protocol.frames import Event
from zeek_beacons.live.protocol.shards import Shard
from zeek_beacons.live.service import Service
from zeek_beacons.live.settings import SidecarConfig
from zeek_beacons.live.start import start
from zeek_beacons.live.transport import websocket
from zeek_beacons.readmodel import ReadModel
from zeek_beacons.scoring import Scoring
from zeek_beacons.scoring.model import shipped_model

from .fake_zeek import FakeZeek, listening
from .made import fields, long

Test = Callable[[FakeZeek, Service], Coroutine[Any, Any, None]]


@pytest.fixture(scope="module")
def scoring() -> Scoring:
    return Scoring.load(threads=1)


@pytest.fixture
def play(tmp_path: Path, scoring: Scoring) -> Callable[..., Service]:
    """Runs a scene: the stand-in, a sidecar connected to it, and what happens between them."""

    def run(scene: Test, once: bool = False, **settings: Any) -> Service:
        services: list[Service] = []

        async def both() -> None:
            zeek = FakeZeek()
            async with listening(zeek) as port:
                own = SidecarConfig(
                    **(
                        {
                            "zeek": f"ws://127.0.0.1:{port}",
                            "history": str(tmp_path / "history.db"),
                            "state": str(tmp_path / "status.json"),
                        }
                        | settings
                    )
                )
                services.append(start(own, Config(), scoring, once))
                async with running(services[0]):
                    await zeek.until(lambda: zeek.all("resync"))
                    await scene(zeek, services[0])

        asyncio.run(both())
        return services[0]

    return run


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[None]:
    task = asyncio.create_task(service.run())
    try:
        yield
    finally:
        service.stop()
        await task


def test_a_candidate_gets_its_verdict(play: Callable[..., Service]) -> None:
    async def scene(zeek: FakeZeek, service: Service) -> None:
        assert [name for name, _ in zeek.heard[:2]] == ["hello", "resync"]
        assert zeek.all("resync")[0] | {"sidecar": ""} == {
            "v": 3, "sidecar": "", "node": "", "boot": "", "from": 0, "all": False,
        }  # fmt: skip
        await zeek.say("candidate", fields())
        await zeek.until(lambda: zeek.all("verdict"))
        (verdict,) = zeek.all("verdict")
        assert (verdict["boot"], verdict["seq"], verdict["uid"], verdict["resp"]) == ("b1", 1, "C1", "203.0.113.9")
        assert (verdict["label"], verdict["suppressed"], verdict["conns"]) == ("beacon", "", 64)
        assert verdict["level"] >= 1
        assert verdict["summary"].startswith("10.0.0.5 checks in with 203.0.113.9:443 every ")
        assert {"code", "text", "value", "contribution"} == verdict["reasons"][0].keys()
        await zeek.until(lambda: service.state()["confirmed"])

    service = play(scene)
    assert service.state()["unconfirmed"] == 0


def test_the_sidecar_of_a_shard_speaks_of_it(tmp_path: Path, scoring: Scoring) -> None:
    async def scene() -> Service:
        zeek = FakeZeek(Shard(2, 4))
        async with listening(zeek) as port:
            history, state = str(tmp_path / "history.db"), str(tmp_path / "status.json")
            own = SidecarConfig(zeek=f"ws://127.0.0.1:{port}", shard="2/4", history=history, state=state)
            service = start(own, Config(), scoring)
            async with running(service):
                await zeek.until(lambda: zeek.all("resync") and zeek.all("heartbeat"))
                await zeek.say("candidate", fields())
                await zeek.say("long", long())
                await zeek.until(lambda: service.state()["confirmed"] and service.state()["long"])
        assert [(one["shard"], one["shards"]) for one in zeek.all("hello")] == [(2, 4)]
        assert {one["shard"] for name in ("resync", "heartbeat") for one in zeek.all(name)} == {2}
        return service

    state = asyncio.run(scene()).state()
    assert (state["shard"], state["notices"]) == ("2/4", 1)
    with closing(ReadModel.open(tmp_path / "shard-2of4" / "history.db")) as model:
        assert model.about().pairs == 1


def test_a_pair_that_is_connected_for_long_is_in_the_history(play: Callable[..., Service], tmp_path: Path) -> None:
    async def scene(zeek: FakeZeek, service: Service) -> None:
        await zeek.say("long", long())
        await zeek.say("long", long(duration=9000.0, day_sum=16_000.0, is_open=False))
        await zeek.until(lambda: service.state()["long"] == 2)

    play(scene)
    with closing(ReadModel.open(tmp_path / "history.db")) as model:
        (row,) = model.long_connections().rows
    assert (row.orig_h, row.addr, row.longest, row.day_sum) == ("10.0.0.7", "203.0.113.7", 9000.0, 16_000.0)
    assert (row.is_open, row.uid, row.severity) == (False, "Clong", "medium")


def test_the_application_is_named(play: Callable[..., Service]) -> None:
    async def scene(zeek: FakeZeek, service: Service) -> None:
        assert zeek.applications == ["zeek-beacons"]

    play(scene)


def test_an_older_zeek_gets_what_it_can_read(tmp_path: Path, scoring: Scoring) -> None:
    async def scene() -> Service:
        zeek = FakeZeek()
        zeek.version = 1
        async with listening(zeek) as port:
            own = SidecarConfig(zeek=f"ws://127.0.0.1:{port}", history="none", state=str(tmp_path / "status.json"))
            service = start(own, Config(), scoring)
            async with running(service):
                await zeek.until(lambda: zeek.all("resync"))
                await zeek.say("candidate", fields())
                await zeek.until(lambda: service.state()["confirmed"])
        assert [one["v"] for one in zeek.all("hello")] == [3, 1]
        assert zeek.all("verdict")[0].keys().isdisjoint({"incident", "joined", "kind"})
        assert {one["v"] for name, one in zeek.heard if name != "hello"} == {1}
        return service

    assert asyncio.run(scene()).state()["notices"] == 1


def test_a_model_without_knowledge_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model, own = tmp_path / "model", SidecarConfig(history="none", state="none")
    shutil.copytree(shipped_model(), model, ignore=shutil.ignore_patterns("public_knowledge.*"))
    start(own, Config(), Scoring.load(model))
    (told,) = [record for record in caplog.records if record.message == "knowledge_missing"]
    assert told.fields["problem"].startswith(f"{model / 'public_knowledge.bin'} is missing")  # type: ignore[attr-defined]
    caplog.clear()
    start(own, Config(), Scoring.load())
    assert "knowledge_missing" not in caplog.text


@pytest.mark.parametrize("code", [None, 1001, 1011])
def test_it_connects_again(play: Callable[..., Service], code: int | None) -> None:
    async def scene(zeek: FakeZeek, service: Service) -> None:
        await zeek.cut(code)
        await zeek.until(lambda: len(zeek.all("resync")) == 2)
        await zeek.say("candidate", fields(7))
        await zeek.until(lambda: zeek.all("verdict"))
        assert zeek.connections == 2

    assert play(scene).state()["gaps"] == 0


def test_garbage_is_counted_and_survived(play: Callable[..., Service]) -> None:
    frames: list[str | bytes] = ["", "{", "[]", "null", '{"type":"data-message"}', b"\xff\xfe\x00", "[" * 10_000]

    async def scene(zeek: FakeZeek, service: Service) -> None:
        for frame in frames:
            await zeek.raw(frame, text=True)
        for text in ("", "[]", "{}", '{"v":3}', '{"v":1,"seq":NaN}'):
            await zeek.say("candidate", text)
        await zeek.say("surprise", {"v": 1})
        await zeek.say("candidate", fields(3, uid="\x0b\x00\x7f\ud800"))
        await zeek.until(lambda: zeek.all("verdict"))
        assert zeek.connections == 1

    assert sum(play(scene).state()["bad"].values()) == len(frames) + 6


def test_a_flood_is_answered_or_asked_for_again(play: Callable[..., Service]) -> None:
    count = 3000

    async def scene(zeek: FakeZeek, service: Service) -> None:
        for seq in range(1, count + 1):
            await zeek.say("candidate", fields(seq, n=8, orig_h=f"10.0.{seq // 250}.{seq % 250}"))
        await zeek.until(lambda: len(zeek.all("verdict")) + service.state()["dropped"] >= count)
        if service.state()["dropped"]:
            await zeek.until(lambda: len(zeek.all("resync")) > 1)
        assert zeek.connections == 1

    state = play(scene, queue=200).state()
    assert state["received"] == count
    assert state["scored"] + state["dropped"] == count


def test_an_alert_is_repeated_until_it_is_noticed(
    play: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zeek_beacons.live.protocol.pending_alerts.REPEAT_AFTER", 0.1)

    async def scene(zeek: FakeZeek, service: Service) -> None:
        zeek.confirming = False
        await zeek.say("candidate", fields())
        await zeek.until(lambda: len(zeek.all("verdict")) >= 3)
        zeek.confirming = True
        await zeek.until(lambda: not service.state()["unconfirmed"])

    assert play(scene).state()["alerts"] == 1


def test_an_alert_outlives_the_sidecar(play: Callable[..., Service]) -> None:
    async def unheard(zeek: FakeZeek, service: Service) -> None:
        zeek.confirming = False
        await zeek.say("candidate", fields())
        await zeek.until(lambda: zeek.all("verdict"))

    async def heard(zeek: FakeZeek, service: Service) -> None:
        await zeek.until(lambda: zeek.all("verdict"))
        assert zeek.all("verdict")[0]["sidecar"] == zeek.all("hello")[0]["sidecar"]
        await zeek.until(lambda: not service.state()["unconfirmed"])

    async def quiet(zeek: FakeZeek, service: Service) -> None:
        assert not service.state()["unconfirmed"]

    for scene in (unheard, heard, quiet):
        play(scene)


def test_what_came_is_answered_before_the_end(play: Callable[..., Service]) -> None:
    zeeks: list[FakeZeek] = []

    async def scene(zeek: FakeZeek, service: Service) -> None:
        zeeks.append(zeek)
        for seq in range(1, 301):
            await zeek.say("candidate", fields(seq, n=8, orig_h=f"10.0.{seq // 250}.{seq % 250}"))
        await zeek.until(lambda: zeek.all("verdict"))
        service.stop()

    state = play(scene).state()
    assert state["scored"] == state["received"] == len(zeeks[0].all("verdict"))


def test_what_is_being_sent_is_sent_before_the_end(
    play: Callable[..., Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zeek reads slowly: messages taken from the session still wait for the socket."""
    zeeks: list[FakeZeek] = []
    send = websocket._WebSocket.send

    async def slowly(self: websocket._WebSocket, event: Event) -> None:
        await asyncio.sleep(0.02)
        await send(self, event)

    async def scene(zeek: FakeZeek, service: Service) -> None:
        zeeks.append(zeek)
        monkeypatch.setattr(websocket._WebSocket, "send", slowly)
        for seq in range(1, 41):
            await zeek.say("candidate", fields(seq, n=8, orig_h=f"10.0.0.{seq}"))
        await zeek.until(lambda: zeek.all("verdict"))
        service.stop()

    play(scene)
    assert len(zeeks[0].all("verdict")) == 40


def test_a_refused_sidecar_stands_by_and_takes_over(play: Callable[..., Service]) -> None:
    async def scene(zeek: FakeZeek, service: Service) -> None:
        zeek.accepting = False
        await zeek.cut()
        await zeek.until(lambda: service.state()["role"] == "standby")
        await zeek.say("candidate", fields())
        zeek.accepting = True
        await zeek.until(lambda: service.state()["role"] == "serving")
        assert not zeek.all("verdict")

    assert play(scene).state()["ignored"] == 1


def test_once_ends_with_the_zeek_it_served(tmp_path: Path, scoring: Scoring) -> None:
    async def both() -> None:
        zeek = FakeZeek()
        async with listening(zeek) as port:
            own = SidecarConfig(zeek=f"ws://127.0.0.1:{port}", history="none", state="none")
            task = asyncio.create_task(start(own, Config(), scoring, once=True).run())
            await zeek.until(lambda: zeek.all("resync"))
            await zeek.cut(1001)
            await task

    asyncio.run(both())


def test_the_end_is_written_behind_a_state_that_is_being_written(
    play: Callable[..., Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = states.write

    def slow(state: status.State, path: Path) -> None:
        time.sleep(0.5)
        write(state, path)

    async def scene(zeek: FakeZeek, service: Service) -> None:
        service._write_state()

    monkeypatch.setattr(states, "write", slow)
    play(scene)
    state = status.read(tmp_path / "status.json")
    assert state is not None
    assert state["ended"]


def test_the_state_is_written_and_judged(
    play: Callable[..., Service], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zeek_beacons.live.history.guard.SLOW", 60.0)  # the disk of a busy machine is none of this

    async def scene(zeek: FakeZeek, service: Service) -> None:
        condition, problems = status.judge(json.loads(json.dumps(service.state())), service.state()["written"])
        assert (condition, problems) == (status.Condition.HEALTHY, [])

    play(scene)
    state = status.read(tmp_path / "status.json")
    assert state is not None
    assert state["ended"]
    assert status.judge(state, state["written"])[0] is status.Condition.STALE
