"""Beacons of a real Zeek on every surface that an operator has, while a receiver and the sidecar are killed."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.beacons.alerts import receivers

from .lab import PATIENCE, Lab
from .test_alerts import check_levels, confirmed, expire_leases, known_to_sinks_alone, levels, waiting

ZEEK_BEACONS = [sys.executable, "-m", "zeek_beacons"]


@contextmanager
def console(lab: Lab) -> Iterator[str]:
    """A console on the lab's history; its address."""
    address = f"127.0.0.1:{receivers.free_port()}"
    command = [*ZEEK_BEACONS, "serve", "--history", str(lab.history), "--state", str(lab.state), "--listen", address]
    with (lab.folder / "console.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    url, end = f"http://{address}", time.monotonic() + PATIENCE
    try:
        while not answers(url):
            assert process.poll() is None, (lab.folder / "console.log").read_text()
            assert time.monotonic() < end, "the console never answered"
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(PATIENCE)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/api/v1/health", timeout=5.0).status_code < 500
    except httpx.TransportError:
        return False


class Listener(threading.Thread):
    """Hears the console's events, and comes back where it was when the stream ends."""

    def __init__(self, url: str) -> None:
        super().__init__(daemon=True)
        self.heard: list[dict[str, Any]] = []
        self.ended = threading.Event()
        self._url = f"{url}/api/v1/events"

    def run(self) -> None:
        seq = "0"
        while not self.ended.is_set():
            try:
                with httpx.stream("GET", self._url, headers={"Last-Event-ID": seq}, timeout=5.0) as stream:
                    for line in stream.iter_lines():
                        if line.startswith("data: "):
                            self.heard.append(json.loads(line.removeprefix("data: ")))
                            seq = str(self.heard[-1]["seq"])
                        if self.ended.is_set():
                            return
            except httpx.TransportError:
                continue


def rows(url: str, what: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = httpx.get(f"{url}/api/v1/{what}?limit=1000", timeout=30.0).json()["rows"]
    return found


def told(*words: str) -> str:
    done = subprocess.run([*ZEEK_BEACONS, *words], capture_output=True, text=True, timeout=PATIENCE, check=True)
    return done.stdout


def test_a_beacon_is_on_every_surface(lab: Lab, monkeypatch: Any) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", str(lab.folder))
    file, queue = lab.folder / "alerts.json", lab.folder / "alerts.db"
    web, syslog = receivers.free_port(), receivers.free_port()
    sinks = (f"file:{file}", f"syslog:tcp://127.0.0.1:{syslog}#format=json", f"webhook:http://127.0.0.1:{web}/")
    arguments = [word for sink in sinks for word in ("--alert", sink)]
    lab.start_zeek()
    with receivers.webhook(port=web) as before:
        sidecar = lab.start_sidecar(*arguments)
        lab.until(lambda: before.messages, "an alert is received")
    sidecar.kill()  # and the receiver is gone
    sidecar.wait()
    unknown = known_to_sinks_alone(queue, lab.history)
    expire_leases(queue)
    with console(lab) as url:
        listener = Listener(url)
        listener.start()
        with receivers.syslog_stream(port=syslog) as stream, receivers.webhook(port=web) as after:
            lab.start_sidecar(*arguments)
            lab.until(lambda: lab.zeeks[-1].tells()[0] and not lab.zeeks[-1].tells()[1], "every candidate is answered")
            lab.until(lambda: queue.exists() and not waiting(queue), "every sink has every alert")
            lab.until(lambda: confirmed(lab), "Zeek has noticed what was told")
            newest = max(one["seq"] for one in rows(url, "alerts"))
            lab.until(lambda: listener.heard and listener.heard[-1]["seq"] >= newest, "the stream tells of every alert")
            status = httpx.get(f"{url}/api/v1/status", timeout=30.0).json()
            watched = subprocess.Popen(
                [*ZEEK_BEACONS, "watch", str(lab.history), "--interval", "1"], stdout=subprocess.PIPE, text=True
            )
            lab.settle()
        listener.ended.set()
        noticed = levels(lab.noticed())
        assert noticed, "nothing alerted"
        beacons, page = rows(url, "beacons"), httpx.get(f"{url}/?limit=200", timeout=30.0).text
        incidents = {one["id"]: one["level"] for one in rows(url, "incidents")}
        known = [httpx.get(f"{url}/api/v1/incidents/{one}", timeout=30.0).status_code for one in noticed]
        remote = json.loads(told("beacons", "--url", url, "--json", "--limit", "1000"))
        watched.terminate()
        screen = watched.communicate(timeout=PATIENCE)[0]

    alerts = [json.loads(line) for line in file.read_text().splitlines()]
    ids = {one["id"]: (one["incident"], one["severity"]) for one in alerts}
    check_levels(levels(ids.values()), noticed, unknown)
    assert len(set(ids.values())) == len(ids), "the same is told under two ids"
    for received in (before.messages + after.messages, [text.split(b"] ", 1)[1] for text in stream.messages]):
        assert {json.loads(text)["id"] for text in received} == set(ids)
    assert {one["incident"] for one in beacons} == incidents.keys() <= noticed.keys()
    assert all(found == 200 for found in known), "an incident that no longer alerts is still known"
    assert [one["id"] for one in remote["rows"]] == [one["id"] for one in beacons]
    for one in beacons:
        assert one["resp"] in page
        assert one["resp"] in screen
    heard = [(one["id"], one["level"]) for one in listener.heard]
    assert len(set(heard)) == len(heard), "an alert is streamed twice"
    assert {one["id"] for one in beacons} <= {pair for pair, _ in heard}
    assert status["sidecar"]["pid"] == lab.sidecars[-1].pid
