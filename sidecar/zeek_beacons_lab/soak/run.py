"""The soak itself: a real Zeek that is fed the replayed connections, its sidecar, and a `follow` of the rotated logs.

Zeek's intervals are divided by the compression of time, so that what it forgets after a day it forgets after a day of
the replay. On the first day the sidecar and the follower are ended, killed and started again; later nothing is, so that
what leaks has time to show. What they may hold is set so low that it is reached on the first day.
"""

from __future__ import annotations

import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from zeek_beacons.errors import ConfigError
from zeek_beacons.live.pcap_loop import find_zeek, scripts
from zeek_beacons_lab.bench.live import free_port, resident
from zeek_beacons_lab.soak.replay import DAY, FEED, HOUR, ReplayedRow, RotatedLogs, SiteDay
from zeek_beacons_lab.soak.samples import Samples, table

SCRIPT = Path(__file__).parent / "soak.zeek"
STEP = 0.5  # seconds between what is written
SAMPLE = 0.25  # hours of the replayed time between samples
# Hours after which the sidecar and the follower are started again, and how they are ended before.
RESTARTS = ((5.0, signal.SIGTERM), (9.0, signal.SIGKILL), (13.0, signal.SIGTERM), (17.0, signal.SIGKILL))
REFUSED = 5  # each so many-th alert is refused by the receiver at first
KEPT_LOGS = 4  # rotated files of each log of Zeek that are left lying
HISTORY_MEGABYTES = 1
MOST_OBSERVATIONS = 128  # of a pair, in all three
BOUNDS = ("--max-pairs", "1000", "--max-total-observations", "20000", "--max-held", "10000")
PATIENCE = 60.0  # seconds that a process may take to end


@dataclass(slots=True)
class AlertReceiver:
    """What came by webhook: how often each incident was told at each severity, under how many ids."""

    port: int = 0
    requests: int = 0
    told: Counter[tuple[str, str]] = field(default_factory=Counter)
    ids: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    def take(self, body: bytes) -> int:
        """Takes one request. Returns the status that it is answered with."""
        self.requests += 1
        if self.requests % REFUSED == 0:
            return 503
        alert = json.loads(body)
        name = alert["incident"], alert["severity"]
        self.told[name] += 1
        self.ids.setdefault(name, set()).add(alert["id"])
        return 204


class Processes:
    """The Zeek, the sidecar and the follower, below one folder."""

    def __init__(self, folder: Path, compression: float, receivers: dict[str, AlertReceiver]) -> None:
        self._folder, self._compression, self._receivers = folder, compression, receivers
        self._port = free_port()
        self._stack = ExitStack()
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        for name in ("zeek", "sidecar", "follow", "follow/logs"):
            (folder / name).mkdir(parents=True)

    def start_zeek(self) -> None:
        """Starts it, with its intervals divided by the compression."""
        scaled = {"expire_after": DAY, "candidate_interval": HOUR, "merge_gap": HOUR, "sweep_interval": 600.0}
        command = [str(find_zeek()), "-b", str(scripts()), str(SCRIPT), f"Beacons::listen_port={self._port}/tcp"]
        command += [f"Beacons::{name}={max(1.0, long / self._compression):.3f}secs" for name, long in scaled.items()]
        command += [f"Log::default_rotation_interval={HOUR / self._compression:.3f}secs", "Beacons::allow_file="]
        command += [f"Beacons::max_observations={MOST_OBSERVATIONS}"]
        (self._folder / "zeek" / "feed.log").write_text("#separator \\x09\n#fields\t" + FEED.replace(" ", "\t") + "\n")
        self._start("zeek", command)

    def start(self, name: str) -> None:
        """Starts the sidecar or the follower."""
        folder = self._folder / name
        to = {
            "sidecar": ["--zeek", f"ws://127.0.0.1:{self._port}"],
            "follow": [str(folder / "logs"), "--interval", "1", *BOUNDS],
        }
        sinks = [f"file:{folder / 'alerts.json'}#size=200000&count=1"]
        sinks.append(f"webhook:http://127.0.0.1:{self._receivers[name].port}/")
        command = [sys.executable, "-m", "zeek_beacons", name, *to[name], "--log-level", "WARNING"]
        command += ["--history", str(folder / "history.db"), "--state", str(folder / "status.json")]
        command += [word for sink in sinks for word in ("--alert", sink)]
        self._start(name, command)

    def end(self, name: str, how: signal.Signals) -> None:
        """Ends one. Raises ConfigError where it does not end in order when asked to."""
        process = self.running.pop(name)
        process.send_signal(how)
        if process.wait(PATIENCE) != 0 and how is signal.SIGTERM:
            raise ConfigError(f"{name} ended with {process.returncode}: {self._last_words(name)}")

    def check(self) -> None:
        """Raises ConfigError where one has ended by itself."""
        for name, process in self.running.items():
            if process.poll() is not None:
                raise ConfigError(f"{name} ended with {process.returncode}: {self._last_words(name)}")

    def measure(self) -> dict[str, float]:
        """Memory of each, and the size of what each writes."""
        found = {f"{name}: memory": resident(process.pid) for name, process in self.running.items()}
        for name in ("sidecar", "follow"):
            folder = self._folder / name
            found[f"{name}: history"] = _size(folder, "history.db")
            found[f"{name}: alert queue"] = _size(folder, "alerts.db")
            found[f"{name}: write-ahead logs"] = _size(folder, "*.db-wal")
            found[f"{name}: alerts"] = _size(folder, "alerts.json*")
        return found | {"zeek: logs": _size(self._folder / "zeek", "[!f]*.log")}

    def clean(self) -> None:
        """Deletes the oldest of Zeek's rotated logs, as an archive's rules do."""
        rotated: dict[str, list[Path]] = {}
        for path in (self._folder / "zeek").glob("*.log"):
            log, dot, _ = path.name.removesuffix(".log").partition(".")
            if dot:
                rotated.setdefault(log, []).append(path)
        for paths in rotated.values():
            for path in sorted(paths)[:-KEPT_LOGS]:
                path.unlink()

    def close(self) -> None:
        """Ends what still runs."""
        for process in self.running.values():
            process.kill()
            process.wait()
        self._stack.close()

    def _start(self, name: str, command: list[str]) -> None:
        folder = self._folder / name
        out = self._stack.enter_context((folder / "output.txt").open("ab"))
        environment = os.environ | {
            "STATE_DIRECTORY": str(folder),
            "ZEEK_BEACONS_SIDECAR_HISTORY_MEGABYTES": str(HISTORY_MEGABYTES),
            "ZEEK_BEACONS_MAX_OBSERVATIONS": str(MOST_OBSERVATIONS),
        }
        self.running[name] = subprocess.Popen(  # noqa: S603
            command, cwd=folder, env=environment, stdout=out, stderr=out
        )

    def _last_words(self, name: str) -> str:
        return (self._folder / name / "output.txt").read_text(errors="replace")[-1000:]


def soak(folder: Path, days: int, minutes: float) -> Iterator[str]:
    """Replays so many days in so many minutes. Yields the report, line by line. Raises ConfigError where it fails."""
    compression = days * DAY / (60.0 * minutes)
    yield f"{days} days in {minutes:g} minutes: time is compressed {compression:.0f} times"
    samples, day = Samples(), SiteDay.load()
    with _receiver() as of_sidecar, _receiver() as of_follower:
        receivers = {"sidecar": of_sidecar, "follow": of_follower}
        processes = Processes(folder, compression, receivers)
        try:
            rows = _drive(processes, folder, day, days, compression, samples)
            states = {}
            for name in receivers:
                processes.end(name, signal.SIGTERM)
                states[name] = json.loads((folder / name / "status.json").read_text())
            processes.end("zeek", signal.SIGTERM)
        finally:
            processes.close()
            if samples.hours:
                samples.write(folder)
    yield f"{rows:,} connections"
    for name, state in states.items():
        told = receivers[name]
        yield (
            f"{name}: {sum(told.told.values())} alerts, {len(told.ids)} of them different; since its last start "
            f"{state['scored']:,} verdicts, {state['dropped']} candidates dropped, {state['gaps']} missed"
        )
    growths = samples.growth()
    yield from ("", *table(growths))
    wrong = [f"{one.name} grows" for one in growths if not one.is_flat]
    wrong += [
        f"{name}: told under {len(ids)} ids"
        for one in receivers.values()
        for name, ids in one.ids.items()
        if len(ids) > 1
    ]
    wrong += [f"no alert of the {name}" for name, one in receivers.items() if not one.told]
    if wrong:
        raise ConfigError(f"the soak failed: {'; '.join(wrong)}")


def _drive(processes: Processes, folder: Path, day: SiteDay, days: int, compression: float, samples: Samples) -> int:
    """Starts all, writes the rows as their time comes, restarts and samples. Returns the connections written."""
    length = days * DAY
    begin = time.time() - length  # of the replayed time, so that it ends about now
    logs = RotatedLogs(folder / "follow" / "logs", day.headers, begin)
    processes.start_zeek()
    for name in ("sidecar", "follow"):
        processes.start(name)
    waiting, restarts = day.days(days), list(RESTARTS)
    following, written, sampled, started = next(waiting, None), 0, 0.0, time.monotonic()
    while (now := (time.monotonic() - started) * compression) < length:
        due: list[ReplayedRow] = []
        while following is not None and following.at <= now:
            due.append(following)
            following = next(waiting, None)
        logs.write(due, now)
        connections = [row for row in due if row.log == "conn"]
        with (folder / "zeek" / "feed.log").open("a") as feed:
            feed.write("".join(day.feed(row, begin) for row in connections))
        written += len(connections)
        if restarts and now >= restarts[0][0] * HOUR:
            _, how = restarts.pop(0)
            for name in ("sidecar", "follow"):
                processes.end(name, how)
                processes.start(name)
        processes.check()
        if now >= sampled:
            sampled += SAMPLE * HOUR
            processes.clean()
            samples.add(now / HOUR, processes.measure())
        time.sleep(STEP)
    return written


@contextmanager
def _receiver() -> Iterator[AlertReceiver]:
    got = AlertReceiver()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(got.take(body))
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    got.port = int(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield got
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _size(folder: Path, pattern: str) -> float:
    total = 0.0
    for path in folder.glob(pattern):
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # rotated away in between
            continue
    return total
