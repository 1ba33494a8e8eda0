"""The commands around the console: serve, token, feedback, and score with what operators said."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from zeek_beacons.labels import read_labels
from zeek_beacons.operator_file.store import OperatorStore
from zeek_beacons.readmodel import ReadModel
from zeek_beacons.samples import unpack

from .made import history


def command(*words: str | Path, code: int = 0) -> str:
    """What a command prints."""
    line = [sys.executable, "-m", "zeek_beacons", *map(str, words)]
    done = subprocess.run(line, capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


def test_tokens_are_made_listed_and_removed(tmp_path: Path) -> None:
    place = ("--history", tmp_path / "history.db")
    token = command("token", "add", "ana", "--write", *place).strip()
    assert token.startswith("zb_")
    command("token", "add", "siem", *place)
    assert re.findall(r"^(\w+)\t(\w+)", command("token", "list", *place), re.MULTILINE) == [
        ("ana", "write"),
        ("siem", "read"),
    ]
    assert "already" in command("token", "add", "ana", *place, code=2)
    command("token", "remove", "ana", *place)
    assert OperatorStore(tmp_path / "operator.sqlite").token(token) is None
    assert not (tmp_path / "history.db").exists()


def test_the_server_serves_until_it_is_told_to_end(tmp_path: Path) -> None:
    history(tmp_path)
    environment = os.environ | {"ZEEK_BEACONS_SERVE_SPOOL": str(tmp_path / "spool")}
    line = [sys.executable, "-m", "zeek_beacons", "serve", "--history", str(tmp_path / "history.db")]
    line += ["--listen", "127.0.0.1:0", "--state", str(tmp_path / "status.json")]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert "history.db" in said
        assert "zeek-beacons token add" in process.stdout.readline()
        told = Path(f"/proc/{process.pid}/status").read_text()
        ignored = int(re.findall(r"^SigIgn:\s*(\w+)", told, re.MULTILINE)[0], 16)
        assert ignored & 1 << signal.SIGPIPE - 1  # a browser that leaves in the middle of a page is not the end
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode in (0, -signal.SIGTERM)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--listen", "0.0.0.0:8520"), "TLS is needed"),
        (("--listen", "here"), "ADDRESS:PORT"),
        (("--report", "/nowhere/at/all"), "no folder with a result"),
        (("--report", "a", "--history", "b"), "exclude each other"),
    ],
)
def test_what_cannot_be_served_ends_at_once(words: tuple[str, ...], told: str) -> None:
    assert told in command("serve", *words, code=2)


def test_feedback_of_a_result_holds_when_it_is_scored_again_and_is_exported(tmp_path: Path) -> None:
    """The whole way: score, say that what was found is harmless, score again, and measure against it."""
    unpack("flows", tmp_path / "logs")
    (tmp_path / "logs" / "labels.csv").unlink()
    command("score", tmp_path / "logs", "-o", tmp_path / "report")
    model = ReadModel.open(tmp_path / "report")
    row = model.beacons().rows[0]
    store = OperatorStore(tmp_path / "report" / "operator.sqlite")
    store.give_feedback(
        (row.orig_h, row.resp, row.resp_p, row.proto, row.channel), row.addr, "false", "ana", "ours", "m", row.score
    )
    again = json.loads(
        command("score", tmp_path / "logs", "--operator", store.path, "-o", tmp_path / "again", "--json")
    )
    told = ReadModel.open(tmp_path / "again").pair(row.id)
    assert told is not None
    assert (told.suppressed, told.level) == ("feedback", 0)
    assert again["alerts"]
    plain = ReadModel.open(tmp_path / "report").pair(row.id)
    assert plain is not None
    assert plain.level
    labels = tmp_path / "labels.csv"
    command("feedback", "export", "--report", tmp_path / "report", "-o", labels)
    (label,) = read_labels(labels).values()
    assert (label.label, label.evidence) == ("benign", "feedback of ana: ours")
    assert "exists already" in command("feedback", "export", "--report", tmp_path / "report", "-o", labels, code=2)
    measured = json.loads(command("score", tmp_path / "logs", "--truth", labels, "--json"))
    assert measured["truth"]["false_alerts"] == 1


def test_no_operators_file_is_an_error_of_one_line(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("no database")
    for wrong in ("x", "nowhere"):
        said = command("score", tmp_path, "--operator", tmp_path / wrong, code=2)
        assert said.count("\n") == 1
        assert str(tmp_path / wrong) in said


def test_nothing_of_the_server_is_loaded_by_other_commands() -> None:
    code = "import sys, zeek_beacons.cli.score, zeek_beacons.cli.sidecar, zeek_beacons.live.start; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"fastapi", "uvicorn", "pydantic", "starlette", "jinja2"} & set(loaded)
