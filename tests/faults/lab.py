"""A real Zeek that is fed pairs, a real sidecar, and what may go wrong between them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from tests.beacons.alerts.receivers import free_port
from zeek_beacons.config import Config
from zeek_beacons.pairs import Pairs
from zeek_beacons.pipeline import score
from zeek_beacons.readers.candidate_rows import checked, join
from zeek_beacons.scoring import Scoring

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "zeek-scripts"
DRIVE = Path(__file__).parent / "drive.zeek"
# What Zeek publishes through, where it is not what the package chooses: zeromq.
BACKEND = os.environ.get("ZEEK_BEACONS_FAULT_BACKEND", "")
PATIENCE = 400.0  # seconds after which a test gives up; nothing is asserted about time

PairName = tuple[str, str, int]  # originator, responder, port


@dataclass(frozen=True, slots=True)
class Zeek:
    """One run of Zeek in a folder of its own."""

    process: subprocess.Popen[bytes]
    folder: Path

    def tells(self) -> tuple[bool, int, int, int, bool]:
        """Whether all is fed; candidates outstanding, lost, published; whether it sees its sidecars."""
        lines = (self.folder / "stdout").read_text().split("\n")[:-1]
        if not lines:
            return False, 0, 0, 0, False
        done, outstanding, lost, seq, here = map(int, lines[-1].split())
        return bool(done), outstanding, lost, seq, bool(here)

    def log(self, name: str) -> list[dict[str, Any]]:
        """The rows of one of its logs, empty where it was not written."""
        path = self.folder / f"{name}.log"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def memory(self) -> int:
        """Resident bytes."""
        fields = Path(f"/proc/{self.process.pid}/statm").read_text().split()
        return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


class Lab:
    """Starts and ends processes below one folder."""

    def __init__(self, folder: Path, zeek: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.state = folder / "status.json"
        self.history = folder / "history.db"
        self.zeeks: list[Zeek] = []
        self.sidecars: list[subprocess.Popen[bytes]] = []
        self._zeek = zeek

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in (*self.sidecars, *(zeek.process for zeek in self.zeeks)):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()

    def start_zeek(
        self, *arguments: str, pairs: int = 30, conns: int = 50, pause: float = 0.05, first: int = 0
    ) -> Zeek:
        """A standalone Zeek that listens, and feeds `conns` connections of each of `pairs` pairs."""
        folder = self.folder / f"zeek-{len(self.zeeks)}"
        folder.mkdir()
        drive = {"DRIVE_PAIRS": pairs, "DRIVE_CONNS": conns, "DRIVE_PAUSE": pause, "DRIVE_FIRST": first}
        environment = os.environ | {name: str(value) for name, value in drive.items()}
        backend = [str(SCRIPTS / f"backend-{BACKEND}.zeek")] if BACKEND else []
        command = [self._zeek, "-b", *backend, str(SCRIPTS), str(DRIVE), f"Beacons::listen_port={self.port}/tcp"]
        command += ["LogAscii::use_json=T", "Beacons::allow_file=", *arguments]
        with (folder / "stdout").open("wb") as out, (folder / "stderr").open("wb") as err:
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=out, stderr=err)
        zeek = Zeek(process, folder)
        self.zeeks.append(zeek)
        return zeek

    def start_sidecar(
        self, *arguments: str, port: int | None = None, wrapper: tuple[str, ...] = ()
    ) -> subprocess.Popen[bytes]:
        """A sidecar with the lab's history and state files."""
        command = [*wrapper, sys.executable, "-m", "zeek_beacons", "sidecar", "--state", str(self.state)]
        command += ["--zeek", f"ws://127.0.0.1:{port or self.port}", "--history", str(self.history), *arguments]
        with (self.folder / f"sidecar-{len(self.sidecars)}.log").open("wb") as err:
            process = subprocess.Popen(command, stderr=err, stdout=err)
        self.sidecars.append(process)
        return process

    def status(self) -> dict[str, Any]:
        """What `zeek-beacons status` reads; empty before the sidecar wrote it."""
        return json.loads(self.state.read_text()) if self.state.exists() else {}

    def said(self) -> list[dict[str, Any]]:
        """What all sidecars logged."""
        texts = [path.read_text() for path in sorted(self.folder.glob("sidecar-*.log"))]
        return [json.loads(line) for text in texts for line in text.splitlines() if line.startswith("{")]

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Waits until something holds; fails the test where it never does."""
        end = time.monotonic() + PATIENCE
        while not condition():
            for process in (*self.sidecars[-1:], *(zeek.process for zeek in self.zeeks[-1:])):
                assert process.poll() is None, f"process {process.pid} ended: {what}\n{self._last_words()}"
            assert time.monotonic() < end, f"never happened: {what}\n{self._last_words()}"
            time.sleep(0.05)

    def _last_words(self) -> str:
        files = [
            *self.folder.glob("sidecar-*.log"),
            *self.folder.glob("zeek-*/std*"),
            *self.folder.glob("zeek-*/reporter.log"),
        ]
        return "\n".join(f"{file}: {file.read_text()[-1500:]}" for file in files)

    def settle(self) -> None:
        """Waits until all is fed, every candidate has its verdict, and every alert its notice; then ends both."""
        zeek = self.zeeks[-1]

        def settled() -> bool:
            done, outstanding, *_ = zeek.tells()
            return done and not outstanding

        self.until(settled, "every candidate has its verdict")
        sidecar = self.sidecars[-1]
        sidecar.terminate()
        assert sidecar.wait(PATIENCE) == 0, self._last_words()
        zeek.process.terminate()
        assert zeek.process.wait(PATIENCE) == 0, self._last_words()

    def notices(self) -> Iterator[tuple[PairName, Mapping[str, str]]]:
        """The pairs that were noticed, and the words of their notices."""
        for zeek in self.zeeks:
            for row in zeek.log("notice"):
                if row["note"] == "Beacons::C2_Beacon":
                    facts = dict(word.split("=", 1) for word in row["sub"].split())
                    yield (row["id.orig_h"], facts["resp"], row["id.resp_p"]), facts

    def noticed(self) -> Counter[tuple[str, str]]:
        """How often each incident was noticed at each severity."""
        return Counter((facts["incident"], facts["severity"]) for _, facts in self.notices())

    def noticed_pairs(self) -> set[PairName]:
        """The pairs that were noticed, or another one of their incident."""
        incidents = {incident for incident, _ in self.noticed()}
        rows = [row for zeek in self.zeeks for row in zeek.log("beacon_verdicts") if "incident" in row]
        found = {(row["id.orig_h"], row["resp"], row["id.resp_p"]) for row in rows if row["incident"] in incidents}
        return found | {name for name, _ in self.notices()}

    def expected(self) -> tuple[set[PairName], set[PairName]]:
        """The pairs that must be noticed, and those that may: whose candidates alert in the end, and at any time.

        In the end is by the last published candidate alone, and by it with what earlier ones held, which a sidecar
        that keeps a history knows besides: at the threshold the two may differ.
        """
        last: dict[PairName, bool] = {}
        ever: set[PairName] = set()
        all_of: defaultdict[PairName, list[Mapping[str, Any]]] = defaultdict(list)
        for zeek in self.zeeks:
            rows = [row for row in zeek.log("beacon_candidates") if row["reason"] != "final"]
            if not rows:
                continue
            alerts = alerting(rows)
            for row, alert in zip(rows, alerts, strict=True):
                name = (row["id.orig_h"], row["resp"], row["id.resp_p"])
                last[name] = alert
                all_of[name].append(row)
                if alert:
                    ever.add(name)
        alone = [name for name, alert in last.items() if alert]
        joined = Pairs.build([join([checked(row) for row in all_of[name]]) for name in alone])
        also = score(joined, Scoring.load(), Config()).verdicts.alerts.tolist()
        return {name for name, alert in zip(alone, also, strict=True) if alert}, ever

    def check_notices(self, most: int = 1) -> None:
        """Every pair that alerts in the end has its incident noticed, none that never did is, and no incident twice."""
        last, ever = self.expected()
        noticed = self.noticed()
        names = {name for name, _ in self.notices()}
        assert last, "the test feeds pairs that alert"
        assert last <= self.noticed_pairs(), f"without a notice: {sorted(last - self.noticed_pairs())}"
        assert names <= ever, f"never alerted: {sorted(names - ever)}"
        assert max(noticed.values()) <= most, noticed.most_common(3)


def alerting(rows: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Whether each candidate alerts, scored by itself as `zeek-beacons score` would."""
    pairs = Pairs.build([checked(row) for row in rows])
    return list(map(bool, score(pairs, Scoring.load(), Config()).verdicts.alerts))
