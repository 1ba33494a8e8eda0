"""The closed loop over a capture: Zeek reads it, a sidecar in this process answers, and both end in bounded time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from zeek_beacons.config import Config
from zeek_beacons.errors import BeaconsError, ConfigError
from zeek_beacons.live.service import Service
from zeek_beacons.live.settings import SidecarConfig
from zeek_beacons.live.start import start
from zeek_beacons.live.status import State
from zeek_beacons.locality import PRIVATE_NETS
from zeek_beacons.scoring import Scoring

PLACES = ("/opt/zeek/bin", "/usr/local/zeek/bin", "/usr/bin")
STUCK = 60.0  # seconds in which Zeek neither works, nor writes, nor says anything
BUSY = 0.1  # share of a core that counts as work
LOOK = 5.0  # seconds between looks at it
GRACE = 5.0  # seconds between asking a process to end and ending it
ZEEK_OUTPUT = "zeek.out"  # what Zeek prints, in the folder of its logs
# Lines that Zeek prints in every such run.
USUAL = ("processing suspended", "processing continued", "received termination signal")


class ZeekError(BeaconsError):
    """Zeek could not be run over a capture, and what it said."""


@dataclass(frozen=True, slots=True)
class PcapLoop:
    """What a loop over captures needs besides the captures."""

    zeek: Path
    config: Config
    scoring: Scoring
    allow: Path | None = None
    extra: tuple[str, ...] = ()  # further scripts and settings for Zeek
    poll: bool = True  # whether exchanges inside connections that stay open are looked for
    timeout: float | None = None  # seconds for one capture; None: as long as something moves


def find_zeek(given: Path | None = None) -> Path:
    """Zeek's executable. Raises ConfigError, which says how to get one."""
    if given is not None:
        if not os.access(given, os.X_OK) or not given.is_file():
            raise ConfigError(f"zeek is {str(given)!r}: no program there")
        return given.resolve()
    found = shutil.which("zeek") or shutil.which("zeek", path=os.pathsep.join(PLACES))
    if found is None:
        raise ConfigError(
            f"no zeek on PATH or in {', '.join(PLACES)}. Install Zeek 8.0 or later (https://zeek.org/get-zeek), "
            "name it with --zeek, or let `zeek-beacons score` read a conn.log that Zeek made elsewhere"
        )
    return Path(found)


def scripts() -> Path:
    """The folder of the Zeek package that comes with this one."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "zeek-scripts"
    return installed if installed.is_dir() else package.parents[1] / "zeek-scripts"


def run(capture: Path, folder: Path, loop: PcapLoop) -> State:
    """Has Zeek read the capture; its logs stay in `folder`. Returns the sidecar's last state. Raises ZeekError."""
    return asyncio.run(_run(capture.resolve(), folder, loop))


def zeek_output(folder: Path) -> list[str]:
    """What Zeek printed, besides what it always prints."""
    text = (folder / ZEEK_OUTPUT).read_text(encoding="utf-8", errors="replace")
    return [line for line in text.splitlines() if line.strip() and not any(usual in line for usual in USUAL)]


async def _run(capture: Path, folder: Path, loop: PcapLoop) -> State:
    port = _free_port()
    own = SidecarConfig(
        zeek=f"ws://127.0.0.1:{port}",
        history="none",
        state="none",
        allow="" if loop.allow is None else str(loop.allow),
        linger=0.0,
        drain=2.0,
    )
    service = start(own, loop.config, loop.scoring, once=True)
    settings = folder / "settings.zeek"
    settings.write_text(_settings(loop.config, port, loop.poll))
    command = [str(loop.zeek), "-C", "-r", str(capture), str(scripts()), settings.name, *loop.extra]
    async with _zeek(command, folder) as zeek:
        serving = asyncio.create_task(service.run())
        try:
            problem = await _watch(zeek, service, folder, loop.timeout)
        finally:
            service.stop()
            await serving
    settings.unlink()
    _check(capture, folder, zeek.returncode, problem, service.state())
    return service.state()


def _settings(config: Config, port: int, poll: bool) -> str:
    """The same settings for Zeek as for the scoring."""
    lines = [
        "redef Beacons::offline_sidecar = T;",
        f"redef Beacons::listen_port = {port}/tcp;",
        f"redef Beacons::direction = Beacons::{config.direction.upper().replace('-', '_')};",
        f"redef Beacons::min_connections = {config.min_connections};",
        f"redef Beacons::max_observations = {config.max_observations};",
        f"redef Beacons::merge_gap = {config.merge_gap!r} secs;",
        f"redef Beacons::poll_channel = {'T' if poll else 'F'};",
    ]
    nets = ", ".join(f"[{net.split('/')[0]}]/{net.split('/')[1]}" if ":" in net else net for net in config.local_nets)
    if config.local_nets != PRIVATE_NETS:
        lines.append("redef Site::private_address_space_is_local = F;")
        lines.append(f"redef Site::local_nets = {{ {nets} }};")
    return "\n".join(lines) + "\n"


@asynccontextmanager
async def _zeek(command: Sequence[str], folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A running Zeek, ended at the end if it has not by itself."""
    with (folder / ZEEK_OUTPUT).open("wb") as output:
        try:
            zeek = await asyncio.create_subprocess_exec(
                *command, cwd=folder, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output
            )
        except OSError as error:
            raise ZeekError(f"{command[0]}: cannot be run: {error.strerror}") from error
    try:
        yield zeek
    finally:
        await _end(zeek)


async def _end(zeek: asyncio.subprocess.Process) -> None:
    for ask in (zeek.terminate, zeek.kill):
        if zeek.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            ask()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(zeek.wait(), GRACE)  # a suspended Zeek without a client ignores the first


async def _watch(zeek: asyncio.subprocess.Process, service: Service, folder: Path, timeout: float | None) -> str | None:
    """Waits for Zeek to end. Returns why that is not waited for any longer, None where it ended."""
    began = moved = time.monotonic()
    before = _Progress.of(zeek, service, folder)
    while True:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(zeek.wait(), LOOK)
            return None
        now = time.monotonic()
        if timeout is not None and now - began > timeout:
            return f"not done after {timeout:g} s"
        progress = _Progress.of(zeek, service, folder)
        if progress.since(before):
            moved, before = now, progress
        elif now - moved > STUCK:
            return f"stuck: nothing moved for {STUCK:g} s"


@dataclass(frozen=True, slots=True)
class _Progress:
    """What a Zeek that works changes."""

    at: float
    messages: int
    written: int  # bytes in its folder
    worked: float | None  # CPU seconds; None where this system does not tell

    @classmethod
    def of(cls, zeek: asyncio.subprocess.Process, service: Service, folder: Path) -> _Progress:
        written = sum(path.stat().st_size for path in folder.iterdir())
        return cls(time.monotonic(), service.state()["received"], written, _cpu_seconds(zeek.pid))

    def since(self, earlier: _Progress) -> bool:
        """Whether something moved."""
        if (self.messages, self.written) != (earlier.messages, earlier.written):
            return True
        if self.worked is None or earlier.worked is None:
            return False
        return self.worked - earlier.worked > BUSY * (self.at - earlier.at)


def _cpu_seconds(pid: int) -> float | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _check(capture: Path, folder: Path, code: int | None, problem: str | None, state: State) -> None:
    """Raises ZeekError where the run is not what it should be."""
    if problem is None and code == 0 and state["connections"]:
        return
    if problem is None:
        problem = f"ended with code {code}" if code else "ended before the sidecar was there"
    words = zeek_output(folder)[-10:]
    raise ZeekError("\n".join([f"{capture}: Zeek {problem}", *(f"  zeek: {line}" for line in words)]))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def folders(captures: Iterable[Path], root: Path) -> dict[Path, Path]:
    """A folder for the logs of each capture: `root` for a single one, else one by its name each."""
    given = list(captures)
    if len(given) == 1:
        return {given[0]: root}
    names: dict[str, int] = {}
    made: dict[Path, Path] = {}
    for capture in given:
        stem = capture.name.split(".")[0] or "capture"
        names[stem] = names.get(stem, 0) + 1
        made[capture] = root / (stem if names[stem] == 1 else f"{stem}-{names[stem]}")
    return made
