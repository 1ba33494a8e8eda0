"""The running sidecar: reads from Zeek, scores in one thread, sends verdicts. `protocol/session.py` has the rules."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import random
import signal
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

from zeek_beacons.allow import AllowList
from zeek_beacons.background_thread import BackgroundThread
from zeek_beacons.live import state as states
from zeek_beacons.live.allow_list_file import AllowListFile
from zeek_beacons.live.hang_up import on_hang_up
from zeek_beacons.live.operators import Feed, Operators
from zeek_beacons.live.protocol import wire
from zeek_beacons.live.protocol.messages import BadMessage, Candidate, Verdict
from zeek_beacons.live.protocol.session import HEARTBEAT_INTERVAL, Role, Session
from zeek_beacons.live.settings import SidecarConfig
from zeek_beacons.live.status import State
from zeek_beacons.live.transport.connection import Connection, Transport, TransportError
from zeek_beacons.live.worker import Worker
from zeek_beacons.operator_file.follow import LOOK
from zeek_beacons.store.long_connection import LongConnection

if TYPE_CHECKING:
    from zeek_beacons.live.endpoints.intake import EventIntake
    from zeek_beacons.live.metrics_server import MetricsServer
    from zeek_beacons.live.takeover import Predecessor

TICK = 0.5  # seconds
FIRST_RETRY, LAST_RETRY = 0.5, 15.0  # seconds between attempts to connect
REJUDGING_INTERVAL = 0.25  # seconds between batches, empty ones too, while what is held is judged again
MOST_UNSENT = 2_000  # verdicts; beyond, scoring waits for Zeek to read

log = logging.getLogger(__name__)


class Service:
    """One sidecar from start to end. `once`: it ends when Zeek, having been served, closes the connection."""

    def __init__(
        self,
        session: Session,
        transport: Transport,
        worker: Worker,
        allow_list: AllowListFile,
        config: SidecarConfig,
        once: bool = False,
        operators: Operators | None = None,
        metrics: MetricsServer | None = None,
        events: EventIntake | None = None,
        before: Predecessor | None = None,
    ) -> None:
        self._before = before
        self._operators, self._metrics, self._events = operators, metrics, events
        self._session, self._transport, self._worker = session, transport, worker
        self._allow_list, self._config, self._once = allow_list, config, once
        self._thread = ThreadPoolExecutor(1, "scoring")
        self._background = BackgroundThread("state")
        self._writing: Future[None] | None = None
        self._stopping, self._work, self._send = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._started, self._problem, self._served = time.time(), "", False
        self._sending = 0  # messages taken from the session, not yet out on the socket

    def stop(self) -> None:
        """Asks for an orderly end."""
        self._stopping.set()

    async def run(self) -> None:
        """Serves until `stop`, or with `once` until Zeek is done."""
        if self._worker.alerts is not None:
            self._worker.alerts.channels.start()
        if self._metrics is not None:
            self._metrics.start_beside(asyncio.get_running_loop(), self.state)
        if self._events is not None:
            self._events.start()
        chores = [asyncio.create_task(chore) for chore in (self._score(), self._tick())]
        talk = asyncio.create_task(self._stay_connected())
        stop = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({*chores, talk, stop}, return_when=asyncio.FIRST_COMPLETED)
            for ended in (*chores, talk):
                if ended.done():
                    ended.result()  # raises where one failed
            await self._drain()
        finally:
            for task in (talk, stop, *chores):
                task.cancel()
            await asyncio.gather(talk, stop, *chores, return_exceptions=True)
            await asyncio.to_thread(self._close)

    async def _drain(self) -> None:
        """Waits until what came is answered and sent, within bounds."""
        session, deadline = self._session, time.monotonic() + self._config.drain
        while time.monotonic() < deadline and (len(session.queue) or session.scoring or self._unsent()):
            await asyncio.sleep(0.02)
        log.info("ending", extra={"fields": {"unscored": len(session.queue) + session.scoring}})

    def _unsent(self) -> int:
        """Messages that Zeek should still get: waiting, or taken and not yet out on the socket."""
        return self._session.backlog + self._sending if self._session.role is Role.SERVING else 0

    def _close(self) -> None:
        if self._metrics is not None:
            self._metrics.close()
        if self._events is not None:
            self._events.close()
        self._thread.shutdown(wait=True, cancel_futures=True)
        if self._worker.history is not None:
            self._worker.work([], self._allow_list.current(0.0), self._confirmations(), long=self._long())
            self._worker.history.close()
        if self._worker.alerts is not None:
            self._worker.alerts.channels.close()
        self._wait_for_state()  # of the last tick, or the end would not be written
        self._write_state(ended=True)
        self._wait_for_state()

    async def _stay_connected(self) -> None:
        """Connects to Zeek, again and again."""
        delay = FIRST_RETRY
        while True:
            try:
                async with self._transport.connect() as connection:
                    log.info("connected", extra={"fields": {"address": self._transport.address, "to": connection.peer}})
                    self._problem, delay = "", FIRST_RETRY
                    self._session.connected(time.monotonic())
                    await self._exchange(connection)
                    self._problem = "Zeek closed the connection"
            except TransportError as error:
                self._problem = str(error)
            log.warning("disconnected", extra={"fields": {"reason": self._problem}})
            self._session.disconnected(time.monotonic())
            if self._once and self._served:
                return
            await asyncio.sleep(delay * random.uniform(0.8, 1.2))  # noqa: S311
            delay = min(2 * delay, FIRST_RETRY if self._once else LAST_RETRY)

    async def _exchange(self, connection: Connection) -> None:
        """Reads and writes until the connection ends. Raises TransportError where it breaks."""
        self._send.set()
        tasks = [asyncio.create_task(one) for one in (self._read(connection), self._write(connection))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, connection: Connection) -> None:
        session = self._session
        async for event in connection:
            message = event if isinstance(event, BadMessage) else wire.decode(event)
            session.receive(message, time.monotonic())
            if isinstance(message, Candidate):
                self._work.set()
            else:
                self._served = self._served or session.role is Role.SERVING
                self._log_notes()
            if session.backlog:
                self._send.set()

    async def _write(self, connection: Connection) -> None:
        self._sending = 0
        while True:
            await self._send.wait()
            self._send.clear()
            while messages := self._session.outgoing(64):
                self._sending = len(messages)
                for message in messages:
                    await connection.send(wire.encode(message, self._session.version))
                    self._sending -= 1

    async def _score(self) -> None:
        """Takes what has come together, has it scored, and hands out the verdicts."""
        session, config = self._session, self._config
        while True:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._work.wait(), self._idle())
            if len(session.queue) < config.batch and config.linger:
                await asyncio.sleep(config.linger)
            if session.backlog > MOST_UNSENT:
                await asyncio.sleep(0.05)
                continue
            batch = session.take(config.batch)
            if not len(session.queue):
                self._work.clear()
            feed = Feed() if self._operators is None or len(session.queue) else self._operators.feed()
            verdicts = await self._in_thread(batch, feed)
            if self._operators is not None:
                self._operators.took(feed)
            if verdicts is None:
                session.give_up(batch)
            else:
                session.answer(verdicts, time.monotonic())
                self._send.set()

    def _idle(self) -> float:
        """Seconds after which there is something to do although nothing came."""
        if self._worker.rejudging is not None:
            return REJUDGING_INTERVAL
        return HEARTBEAT_INTERVAL if self._operators is None else min(LOOK, HEARTBEAT_INTERVAL)

    async def _in_thread(self, batch: list[Candidate], feed: Feed) -> list[Verdict] | None:
        """The verdicts of a batch, which those of a feed follow; None where there are none through a fault of ours."""
        allow = self._allow()
        progress = {place: node.highest for place, node in self._session.nodes.items()}
        if self._operators is not None:
            progress |= self._operators.progress(feed)
        serving = self._session.role is Role.SERVING
        whole = [*batch, *feed.candidates]
        work = partial(self._worker.work, whole, allow, self._confirmations(), progress, serving, self._long())
        try:
            verdicts = await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except Exception:
            log.exception("batch_failed", extra={"fields": {"candidates": len(whole)}})
            return None
        return verdicts[: len(batch)]

    def _allow(self) -> AllowList:
        """The allow-list in force, with what operators added."""
        listed = self._allow_list.current(time.monotonic())
        return listed if self._operators is None else self._operators.apply(listed)

    def _long(self) -> list[LongConnection]:
        taken = list(self._session.long)
        self._session.long.clear()
        return taken

    def _confirmations(self) -> list[Any]:
        taken, self._session.confirmations = self._session.confirmations, []
        return taken

    async def _tick(self) -> None:
        written = 0.0
        while True:
            now = time.monotonic()
            self._session.tick(now)
            self._log_notes()
            if self._session.backlog:
                self._send.set()
            if now - written >= HEARTBEAT_INTERVAL:
                written = now
                self._write_state()
            await asyncio.sleep(TICK)

    def _log_notes(self) -> None:
        for note in self._session.notes():
            level = logging.WARNING if note.problem else logging.INFO
            log.log(level, note.event, extra={"fields": note.fields})

    def _write_state(self, ended: bool = False) -> None:
        """Has the state written by a thread of its own: the disk may hang."""
        path = self._config.state_file
        if path is None or (self._writing is not None and not self._writing.done()):
            return
        if self._writing is not None and (error := self._writing.exception()) is not None:
            log.error("state_failed", extra={"fields": {"path": str(path), "problem": str(error)}})
        state = self.state() | {"ended": ended}
        self._writing = self._background.submit(lambda: states.write(state, path))

    def _wait_for_state(self) -> None:
        """Waits until what is being written is, within bounds; its failure is told elsewhere."""
        if self._writing is not None:
            with contextlib.suppress(Exception):
                self._writing.result(2.0)

    def state(self) -> State:
        """What `zeek-beacons status` shows."""
        history = self._worker.history
        return states.state_of(
            self._session,
            None if history is None else history.health,
            time.monotonic(),
            address=self._transport.address,
            problem=self._problem,
            written=time.time(),
            started=self._started,
            pid=os.getpid(),
            memory_peak=states.memory_peak(),
            faults=self._worker.faults,
            unreadable=self._worker.unreadable,
            alerting=asdict(self._worker.in_force),
            allow_problem=self._allow_list.problem,
            shard=self._config.shard,
            taken_over=None if self._before is None else asdict(self._before),
            operator=None if self._operators is None else self._operators.state(),
            events=None if self._events is None else self._events.state(),
            sinks=None if self._worker.alerts is None else self._worker.alerts.channels.state(),
        )


def serve(service: Service) -> None:
    """Runs a service to its end; SIGTERM and SIGINT ask for it."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, service.stop)
        loop.add_signal_handler(signal.SIGHUP, on_hang_up(service.stop))
        await service.run()

    asyncio.run(run())
