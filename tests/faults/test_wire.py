"""The cable between Zeek and the sidecar, strangers at Zeek's port: Zeek goes on, every alert gets its notice."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from zeek_beacons.live.transport.websocket import LARGEST_MESSAGE

from .lab import PATIENCE, Lab
from .meddler import Meddler
from .tcp_wire import TcpWire
from .test_processes import fed_some

QUICK_PINGS = "Cluster::default_websocket_ping_interval=1sec"


def all_fed(lab: Lab) -> None:
    lab.until(lambda: lab.zeeks[-1].tells()[0], "all is fed")


def serving(lab: Lab, times: int = 1) -> None:
    """Waits until a sidecar has been let in so often."""
    lab.until(lambda: sum(line["event"] == "accepted" for line in lab.said()) >= times, "the sidecar is accepted")


def test_zeek_that_stands_still(lab: Lab) -> None:
    zeek = lab.start_zeek()
    sidecar = lab.start_sidecar()
    serving(lab)
    zeek.process.send_signal(signal.SIGSTOP)
    time.sleep(3.0)
    assert sidecar.poll() is None
    zeek.process.send_signal(signal.SIGCONT)
    lab.settle()
    lab.check_notices()


def test_cable_that_passes_nothing_on(lab: Lab) -> None:
    """Both ends stand, and neither hears anything: Zeek gives the sidecar up, and both find each other again."""
    zeek = lab.start_zeek(QUICK_PINGS)
    with TcpWire(lab.port) as wire:
        lab.start_sidecar(port=wire.port)
        serving(lab)
        wire.passing.clear()
        lab.until(lambda: not zeek.tells()[4], "Zeek gives the sidecar up")
        assert zeek.memory() < 500e6
        wire.passing.set()
        lab.settle()
    lab.check_notices()


def test_cable_that_is_slow(lab: Lab) -> None:
    lab.start_zeek()
    with TcpWire(lab.port, delay=0.01) as wire:
        lab.start_sidecar(port=wire.port)
        lab.settle()
    lab.check_notices()


def test_cable_that_is_closed_one_way(lab: Lab) -> None:
    lab.start_zeek()
    with TcpWire(lab.port) as wire:
        lab.start_sidecar(port=wire.port)
        for times in (1, 2):
            serving(lab, times)
            wire.half_close()
        lab.settle()
    lab.check_notices()
    assert lab.status()["connections"] >= 3


def test_frame_that_is_too_large(lab: Lab) -> None:
    """Whoever sends it is hung up on; memory stays bounded, and what was missed is asked for again."""
    sent = 0

    def meddle(frame: str) -> Iterable[str]:
        nonlocal sent
        if '"Beacons::candidate"' not in frame or sent >= 2:
            return (frame,)
        sent += 1
        return ("x" * (LARGEST_MESSAGE + 1), frame)

    lab.start_zeek()
    with Meddler(lab.port, to_sidecar=meddle) as meddler:
        lab.start_sidecar(port=meddler.port)
        lab.settle()
    lab.check_notices()
    assert sent == 2
    assert lab.status()["connections"] >= 2


def test_verdicts_by_the_dozen(lab: Lab) -> None:
    """Each comes twenty times: Zeek raises one notice, and goes on."""
    zeek = lab.start_zeek()

    def meddle(frame: str) -> Iterable[str]:
        return (frame,) * 20 if '"Beacons::verdict"' in frame else (frame,)

    with Meddler(lab.port, to_zeek=meddle) as meddler:
        lab.start_sidecar(port=meddler.port)
        lab.settle()
    lab.check_notices()
    assert zeek.tells()[2] == 0


def test_hello_of_a_later_version(lab: Lab) -> None:
    """It is refused with a reason that the sidecar says, and is served once it speaks what Zeek speaks."""
    later = threading.Event()
    later.set()

    def meddle(frame: str) -> Iterable[str]:
        if later.is_set() and '"Beacons::hello"' in frame:
            for version in range(1, 9):
                frame = frame.replace(f'\\"v\\":{version},', '\\"v\\":99,').replace(
                    f'\\"v\\": {version},', '\\"v\\": 99,'
                )
        return (frame,)

    lab.start_zeek(pause=0.1)
    with Meddler(lab.port, to_zeek=meddle) as meddler:
        lab.start_sidecar(port=meddler.port)
        lab.until(lambda: any(line["event"] == "refused" for line in lab.said()), "it is refused")
        assert any("99" in str(line) for line in lab.said() if line["event"] == "refused")
        assert not lab.noticed()
        later.clear()
        meddler.cut()
        lab.settle()
    lab.check_notices()


def test_port_that_is_taken(lab: Lab) -> None:
    """Zeek goes on without a sidecar, says why, and writes its candidates."""
    with socket.create_server(("127.0.0.1", lab.port)):
        zeek = lab.start_zeek()
        all_fed(lab)
        lab.until(lambda: any("is taken" in row["message"] for row in zeek.log("reporter")), "Zeek says so")
        lab.until(lambda: zeek.log("beacon_candidates"), "candidates are written")
    zeek.process.terminate()
    assert zeek.process.wait(PATIENCE) == 0


class Strangers:
    """Clients at Zeek's port that are no sidecar, in a thread of their own."""

    def __init__(self, port: int) -> None:
        self._address = f"ws://127.0.0.1:{port}/v1/messages/json"
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever)
        self._open: list[ClientConnection] = []

    def connect(self, number: int) -> int:
        """Opens so many connections, of which those that Zeek lets in are counted, and says nothing on them."""
        return asyncio.run_coroutine_threadsafe(self._connect(number), self.loop).result(PATIENCE)

    def say(self, *frames: str | bytes) -> None:
        """Says something on each connection, as long as Zeek listens."""
        asyncio.run_coroutine_threadsafe(self._say(frames), self.loop).result(PATIENCE)

    def leave(self) -> None:
        """Closes all."""
        asyncio.run_coroutine_threadsafe(self._leave(), self.loop).result(PATIENCE)

    async def _connect(self, number: int) -> int:
        for _ in range(number):
            with contextlib.suppress(OSError, WebSocketException, TimeoutError):
                self._open.append(await connect(self._address, compression=None, max_size=None, open_timeout=5))
        return len(self._open)

    async def _say(self, frames: Iterable[str | bytes]) -> None:
        for one in self._open:
            with contextlib.suppress(OSError, WebSocketException):
                for frame in frames:
                    await one.send(frame)

    async def _leave(self) -> None:
        for one in self._open:
            one.transport.abort()
        await asyncio.gather(*(one.wait_closed() for one in self._open))
        self._open.clear()

    @classmethod
    @contextmanager
    def at(cls, port: int) -> Iterator[Strangers]:
        made = cls(port)
        made._thread.start()
        try:
            yield made
        finally:
            made.leave()
            made.loop.call_soon_threadsafe(made.loop.stop)
            made._thread.join()
            made.loop.close()


def test_garbage_at_zeeks_port(lab: Lab) -> None:
    """Bytes, frames and messages that mean nothing, from many: Zeek does not end, and serves its sidecar."""
    zeek = lab.start_zeek()
    lab.start_sidecar()
    serving(lab)
    with ExitStack() as stack:
        for number in range(20):
            raw = stack.enter_context(socket.create_connection(("127.0.0.1", lab.port)))
            with contextlib.suppress(OSError):
                raw.sendall(os.urandom(2000) if number % 2 else b"GET / HTTP/1.1\r\nX: " + b"y" * 100_000)
    with Strangers.at(lab.port) as strangers:
        assert strangers.connect(10)
        strangers.say('["/zeek/beacons/verdict/"]')
        strangers.say("[]", "null", '{"type": 5}', "\x00", "{" * 10_000, os.urandom(500), "x" * 2_000_000)
        message = '{"type":"data-message","topic":"/zeek/beacons/verdict/","@data-type":"vector","data":%s}'
        strangers.say(message % "[]", message % '[{"@data-type":"count","data":-1}]', message % ("[" * 500))
        lab.settle()
    lab.check_notices()
    assert zeek.tells()[2] == 0


def test_no_place_left_at_zeeks_port(lab: Lab) -> None:
    """Idle clients take all of them; the sidecar says that it is kept out, and comes in once they are gone."""
    lab.start_zeek()
    with Strangers.at(lab.port) as strangers:
        lab.until(lambda: strangers.connect(1), "Zeek listens")
        strangers.connect(150)
        lab.start_sidecar()
        lab.until(lambda: any(line["event"] == "disconnected" for line in lab.said()), "the sidecar is kept out")
        strangers.leave()
        lab.settle()
    lab.check_notices()


def test_hangup_in_the_middle_of_a_batch(lab: Lab) -> None:
    """SIGHUP ends neither, and nothing is lost."""
    lab.start_zeek()
    sidecar = lab.start_sidecar()
    serving(lab)
    for wanted in (5, 20, 40, 60):
        fed_some(lab, wanted)
        sidecar.send_signal(signal.SIGHUP)
    lab.until(lambda: any(line["event"] == "hang_up" for line in lab.said()), "it says that it goes on")
    lab.settle()
    lab.check_notices()
    assert lab.status()["connections"] == 1


def test_two_sidecars_on_one_history(lab: Lab) -> None:
    """The second ends at once and says who writes there; the first goes on."""
    lab.start_zeek()
    first = lab.start_sidecar()
    serving(lab)
    second = lab.start_sidecar("--state", str(lab.folder / "second.json"))
    assert second.wait(PATIENCE) == 2
    assert f"process {first.pid} writes this history" in (lab.folder / "sidecar-1.log").read_text()
    lab.sidecars.pop()
    lab.settle()
    lab.check_notices()
