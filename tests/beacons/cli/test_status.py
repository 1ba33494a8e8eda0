"""`status` as a user runs it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from tests.beacons.cli.api import TOKEN, answering
from tests.beacons.cli.commands import run
from tests.beacons.live.states import EVENTS
from tests.beacons.readmodel.made import judged, result_of, site
from zeek_beacons.live import state as states
from zeek_beacons.live.status import judge
from zeek_beacons.scoring import Scoring


def state(**given: Any) -> dict[str, Any]:
    """What a healthy sidecar leaves."""
    names = ("received", "scored", "queue", "alerts", "confirmed", "unconfirmed", "forgotten_alerts", "dropped")
    zeros = dict.fromkeys((*names, "gaps", "failed", "faults", "resyncs"), 0)
    me = {"name": "host:1", "version": "0.1.0", "model": "m", "address": "ws://127.0.0.1:27759", "started": 0.0}
    zeek = {"sensor": "lab", "node": "zeek", "zeek": "8.0.10", "package": "0.1.0", "reason": ""}
    heard = {"boot": "b", "seq": 5, "outstanding": 0, "lost": 0, "silent_seconds": 2.0}
    more = {"role": "serving", "zeek": zeek, "nodes": {"zeek": heard}, "bad": {}, "lag_seconds": None, "history": None}
    return zeros | me | more | {"written": time.time(), "pid": os.getpid(), "ended": False} | given


CONDITIONS = {0: "healthy", 1: "unhealthy", 3: "stale"}


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ({}, 0, "healthy"),
        ({"lag_seconds": {"p50": 0.005, "p99": 0.02, "max": 1.0}}, 0, "5 ms median, 20 ms for 99 %"),
        ({"bad": {"frame is no JSON": 3}}, 0, "3 frame is no JSON"),
        (
            {"alerting": {"threshold": 0.6, "profile": "balanced", "alerts_per_host_day": None}},
            0,
            "0.6, profile balanced",
        ),
        ({"role": "away", "problem": "refused"}, 1, "unhealthy: not connected: refused"),
        ({"role": "standby", "zeek": state()["zeek"] | {"reason": "another serves"}}, 1, "another serves"),
        ({"nodes": {"w": state()["nodes"]["zeek"] | {"silent_seconds": 70.0}}}, 1, "no heartbeat from w for 70 s"),
        (
            {"history": {"working": False, "last_error": "disk full", "pairs": 1, "bytes": 1, "errors": 2}},
            1,
            "history: disk full",
        ),
        ({"events": EVENTS}, 1, "events: e.json: no such file"),
        ({"events": EVENTS}, 1, "e.json: 9 taken, 6 candidates joined, 5 held, 2 of other things, 1 bad, 3 untimely"),
        ({"allow_problem": "line 3"}, 1, "allow-list: line 3"),
        ({"written": 0.0}, 3, "no sign of the sidecar for"),
        ({"pid": 2**22 + 1}, 3, "stale"),
        ({"ended": True}, 3, "the sidecar ended"),
    ],
)
def test_status_tells_how_it_is(given: dict[str, Any], code: int, said: str, tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    states.write(state(**given), path)
    ran = run("status", "--state", path)
    assert ran.returncode == code, ran.stderr
    assert said in ran.stdout
    content = json.loads(run("status", "--state", path, "--json").stdout)
    assert (content["state"]["pid"], content["condition"]) == (given.get("pid", os.getpid()), CONDITIONS[code])


def test_status_of_all_shards_in_one_call(tmp_path: Path) -> None:
    gone = {"name": "host:9", "silent_seconds": 3.0, "at": 0.0}
    given: dict[int, dict[str, Any]] = {1: {"shard": "1/3"}, 2: {"shard": "2/3", "taken_over": gone}}
    for number, more in given.items():
        folder = tmp_path / f"shard-{number}of3"
        folder.mkdir()
        states.write(state(**more), folder / "status.json")
    file = tmp_path / "settings.toml"
    file.write_text(f'[sidecar]\nshard = "any/3"\nstate = "{tmp_path / "status.json"}"\n')
    ran = run("status", "--config", file)
    assert ran.returncode == 3, ran.stderr
    assert ran.stdout.splitlines() == [
        "shard 1/3: healthy",
        "shard 2/3: healthy",
        "shard 3/3: stale: no sidecar has run here",
    ]
    told = json.loads(run("status", "--shard", "any/3", "--state", tmp_path / "status.json", "--json").stdout)
    assert [one["condition"] for one in told] == ["healthy", "healthy", "stale"]
    one = run("status", "--shard", "2/3", "--config", file)
    assert one.returncode == 0, one.stderr
    assert "from host:9, 3 s after its last sign, at 1970-01-01T00:00:00Z" in one.stdout
    assert run("status", "--shard", "4/3", "--config", file).returncode == 2
    assert run("status", "--shard", "2/3", "--url", "http://127.0.0.1:1").returncode == 2


def test_status_of_several_sidecars(tmp_path: Path) -> None:
    given: dict[str, dict[str, Any]] = {"a": {}, "b": {"allow_problem": "line 3"}, "c": {"ended": True}}
    paths = {name: tmp_path / name / "status.json" for name in given}
    for name, more in given.items():
        paths[name].parent.mkdir()
        states.write(state(**more), paths[name])
    bad = tmp_path / "bad.json"
    bad.write_text("[\x1b[2J]")
    for names, code in (("ab", 1), ("aa", 0), ("abc", 3), ("ca", 3)):
        ran = run("status", *(paths[name] for name in names))
        assert ran.returncode == code, ran.stderr
        assert len(ran.stdout.splitlines()) == len(names)
    lines = run("status", paths["a"], paths["b"], tmp_path / "none.json", bad).stdout.splitlines()
    assert lines[0] == f"{paths['a']}: healthy"
    assert lines[1] == f"{paths['b']}: unhealthy: allow-list: line 3"
    assert lines[2].endswith("none.json: stale: no sidecar has run here")
    assert lines[3].endswith("bad.json: unreadable: no state of a sidecar")
    ran = run("status", paths["a"], bad, paths["c"], "--json")
    assert ran.returncode == 2
    assert [one["condition"] for one in json.loads(ran.stdout)] == ["healthy", "unreadable", "stale"]
    assert run("status", paths["b"]).stdout == run("status", "--state", paths["b"]).stdout
    assert run("status", paths["a"], paths["b"], "--state", paths["a"]).returncode == 2


def test_status_without_a_state(tmp_path: Path) -> None:
    assert run("status", "--state", tmp_path / "none").returncode == 3
    (tmp_path / "bad").write_text("[]")
    assert run("status", "--state", tmp_path / "bad").returncode == 2
    assert run("status", "--state", "none").returncode == 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result."""
    made = tmp_path_factory.mktemp("status") / "report"
    result_of(judged(site(), Scoring.load()), made)
    return made


@pytest.mark.parametrize(("code", "condition"), CONDITIONS.items())
def test_another_machine_tells_the_same(code: int, condition: str, folder: Path, tmp_path: Path) -> None:
    ways: dict[int, dict[str, Any]] = {0: {}, 1: {"role": "away", "problem": "refused"}, 3: {"ended": True}}
    given = ways[code]
    states.write(state(**given), tmp_path / "status.json")
    here = run("status", "--state", tmp_path / "status.json")
    _, problems = judge(state(**given), time.time())
    answer = {"condition": condition, "problems": problems, "sidecar": state(**given), "shown": {}}
    with answering(folder, body=json.dumps(answer).encode()) as there:
        ran = run("status", "--url", there.url, "--token", TOKEN)
        told = json.loads(run("status", "--url", there.url, "--json").stdout)
    assert (ran.returncode, ran.stdout) == (code, here.stdout)
    assert there.asked[0] == ("/api/v1/status", f"Bearer {TOKEN}")
    assert (told["condition"], told["state"]["model"]) == (condition, "m")


def test_a_file_tells_what_it_holds(folder: Path) -> None:
    ran = run("status", folder)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("readable\n")
    for told in ("result, ", "with enough connections", "incidents", "kept quiet", " to 20"):
        assert told in ran.stdout
    with answering(folder, body=json.dumps(in_api(folder)).encode()) as there:
        assert run("status", "--url", there.url).stdout == ran.stdout


def in_api(folder: Path) -> dict[str, Any]:
    about = json.loads(run("status", folder, "--json").stdout)["held"]
    return {"condition": None, "problems": [], "sidecar": None, "shown": about}


@pytest.mark.parametrize("sidecar", [{"a": 1}, [1], {"role": "x"}, {"zeek": [1]}, {"nodes": None}], ids=str)
def test_a_strange_status_is_said(folder: Path, sidecar: Any) -> None:
    told = state(**sidecar) if sidecar in ({"zeek": [1]}, {"nodes": None}) else sidecar
    answer: dict[str, Any] = {"condition": "healthy", "problems": [], "sidecar": told, "shown": {}}
    bodies: tuple[dict[str, Any], ...] = (
        answer,
        {"condition": None, "problems": [], "sidecar": None, "shown": [7]},
        {"rows": []},
    )
    for body in bodies:
        with answering(folder, body=json.dumps(body).encode()) as there:
            ran = run("status", "--url", there.url)
        assert (ran.returncode, "no status of this version" in ran.stderr) == (2, True), ran.stderr


def test_only_one_thing_is_asked(folder: Path) -> None:
    for arguments in ([folder, "--state", "x"], ["--url", "http://127.0.0.1:1", "--state", "x"]):
        ran = run("status", *arguments)
        assert (ran.returncode, "exclude each other" in ran.stderr) == (2, True)
