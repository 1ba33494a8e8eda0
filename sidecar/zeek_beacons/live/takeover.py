"""Which shard this sidecar serves: the first whose lock it gets. Others of the same shard stand by until it is free.

The lock is the kernel's (`flock`): it is free the moment its holder ends, however that was, and only then. So no two
write one history, and who takes over begins with all that was written there.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from zeek_beacons.errors import ConfigError, InputError
from zeek_beacons.live import status
from zeek_beacons.live.protocol.shards import Shard
from zeek_beacons.live.settings import SidecarConfig

LOCK_NAME = "shard.lock"
LOOK = 0.25  # seconds between looks at locks that others hold

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Predecessor:
    """A sidecar that served a shard and did not end in order."""

    name: str
    silent_seconds: float  # since it last said how it was
    at: float  # when it was found gone, wall clock


@dataclass(slots=True)
class ShardLock:
    """The lock of one shard, a file beside its history."""

    path: Path
    _file: int | None = field(default=None, init=False)

    def take(self) -> bool:
        """Whether it is ours now. Raises ConfigError where there can be none."""
        import fcntl  # not on Windows, where no sidecar runs

        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise ConfigError(f"{self.path}: cannot be the lock of a shard: {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        except OSError as error:
            os.close(file)
            raise ConfigError(f"{self.path}: cannot be locked: {error.strerror}") from error
        self._file = file
        return True

    def release(self) -> None:
        """Others may have it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


@contextmanager
def serving_one(own: SidecarConfig) -> Iterator[tuple[SidecarConfig, Predecessor | None] | None]:
    """The settings of the shard to serve, which is ours meanwhile, and whom it is taken over from.

    Waits while others serve all that may be served; None where SIGTERM or SIGINT ends that. Raises ConfigError.
    """
    if not own.shard:
        yield own, None
        return
    locks = {shard: lock for shard in own.shards if (lock := _lock_of(own.of_shard(shard))) is not None}
    if not locks:
        if len(own.shards) > 1:
            raise ConfigError("shard is 'any' of several, which needs a history or a state: their folder has the lock")
        yield own, None
        return
    taken = _wait(locks)
    if taken is None:
        yield None
        return
    mine = own.of_shard(taken)
    before = _predecessor(mine)
    told: dict[str, object] = {"shard": str(taken)}
    if before is not None:
        told |= {"from": before.name, "silent_seconds": round(before.silent_seconds, 1)}
    log.log(logging.INFO if before is None else logging.WARNING, "shard_taken", extra={"fields": told})
    try:
        yield mine, before
    finally:
        locks[taken].release()


def _lock_of(own: SidecarConfig) -> ShardLock | None:
    beside = own.history_file or own.state_file
    return None if beside is None else ShardLock(beside.with_name(LOCK_NAME))


def _wait(locks: dict[Shard, ShardLock]) -> Shard | None:
    """The first shard that is free; None where the wait was ended."""
    with _asked_to_end() as ended:
        told = False
        while not ended.is_set():
            free = next((shard for shard, lock in locks.items() if lock.take()), None)
            if free is not None:
                return free
            if not told:
                told = True
                log.info("standing_by", extra={"fields": {"shards": [str(shard) for shard in locks]}})
            ended.wait(LOOK)
    log.info("ending", extra={"fields": {"unscored": 0}})
    return None


@contextmanager
def _asked_to_end() -> Iterator[threading.Event]:
    """What SIGTERM and SIGINT set meanwhile."""
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield ended
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _predecessor(own: SidecarConfig) -> Predecessor | None:
    """Who served this shard last and left without a word; None where nobody did."""
    state = None
    if own.state_file is not None:
        with suppress(InputError):
            state = status.read(own.state_file)
    if state is None or state.get("ended"):
        return None
    now = time.time()
    return Predecessor(str(state.get("name", "")), max(now - state["written"], 0.0), now)
