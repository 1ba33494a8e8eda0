"""Uploads and samples: scored apart, within limits, and what is no log gets a clear answer."""

from __future__ import annotations

import gzip
import json
import shutil
import socket
import time
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

from zeek_beacons.samples import files_of
from zeek_beacons.serve.processes import safe_name

from .made import Running, console

FLOWS = files_of("flows")
(FLOW_CSV,) = (name for name in FLOWS if name != "labels.csv")
LARGE = 8


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A console, small limits, and a job that scored the sample of flows."""
    folder = tmp_path_factory.mktemp("jobs")
    limits = {"upload_megabytes": LARGE, "unpacked_megabytes": 20, "kept_jobs": 50}
    with console(folder, **limits) as running:
        asked = running.post("samples/flows/score")
        assert asked.status_code == 202
        job = running.job(asked.json()["id"])
        assert job["state"] == "done", (job, (folder / "spool" / job["id"] / "log.txt").read_text())
        yield running, job


def uploaded(running: Running, content: bytes, name: str = "x.csv", **more: Any) -> dict[str, Any]:
    """The job of an upload, once it has ended."""
    answer = running.post("analyze", files={"file": (name, content)}, **more)
    assert answer.status_code == 202, answer.text
    return running.job(answer.json()["id"])


def test_a_sample_is_scored_and_its_result_is_read(done: tuple[Running, dict[str, Any]]) -> None:
    running, job = done
    assert job["result"]["beacons"] > 0
    assert (job["progress"], job["who"], job["kind"]) == (1.0, "writer", "sample")
    assert str(running.surface.settings.spool) not in json.dumps(job)
    rows = running.get(f"jobs/{job['id']}/beacons").json()
    assert rows["total"] == job["result"]["beacons"]
    assert {"result.sqlite", "alerts.csv", "run_summary.json"} <= set(job["files"])
    assert not (running.surface.jobs.folder(job["id"]) / "input").exists()
    assert job["id"] in [one["id"] for one in running.get("jobs").json()["rows"]]


def test_files_are_downloads_and_nothing_else_is(done: tuple[Running, dict[str, Any]]) -> None:
    running, job = done
    answer = running.get(f"jobs/{job['id']}/files/alerts.csv")
    assert answer.status_code == 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/octet-stream"
    for path in ("../log.txt", "..%2flog.txt", "%2e%2e/spec.json", "/etc/passwd", "nope"):
        assert running.get(f"jobs/{job['id']}/files/{path}").status_code == 404, path


@pytest.mark.parametrize("packed", [False, True])
def test_an_upload_is_scored_the_same_by_either_road(done: tuple[Running, dict[str, Any]], packed: bool) -> None:
    running, job = done
    content = gzip.compress(FLOWS[FLOW_CSV]) if packed else FLOWS[FLOW_CSV]
    form = uploaded(running, content, "../../etc/fl ows.csv.gz", data={"profile": "balanced"})
    assert (form["state"], form["name"], form["profile"]) == ("done", "fl_ows.csv.gz", "balanced")
    assert form["result"] == job["result"]
    raw = running.post("analyze", params={"name": "flows.csv"}, content=content)
    assert running.job(raw.json()["id"])["result"] == job["result"]


def test_what_operators_said_holds_for_uploads(done: tuple[Running, dict[str, Any]]) -> None:
    running, job = done
    row = running.get(f"jobs/{job['id']}/beacons").json()["rows"][0]
    number = running.post("allow", json={"entry": f"subnet {row['orig_h']}", "why": "ours"}).json()["id"]
    again = uploaded(running, FLOWS[FLOW_CSV])
    running.delete(f"allow/{number}")
    assert again["result"]["beacons"] < job["result"]["beacons"]


NO_LOGS = {
    "nothing of a log": b"once upon a time",
    "binary": b"\x00\x01\x02" * 1000,
    "cut gzip": gzip.compress(FLOWS[FLOW_CSV])[:1000],
    "empty gzip": gzip.compress(b""),
    "a page": b"<html><script>alert(1)</script></html>",
    "a broken capture": b"\xd4\xc3\xb2\xa1" + b"\xff" * 100,
}


@pytest.mark.parametrize("what", NO_LOGS)
def test_what_is_no_log_gets_a_clear_answer(done: tuple[Running, dict[str, Any]], what: str) -> None:
    running, _ = done
    if "capture" in what and shutil.which("zeek", path="/opt/zeek/bin:/usr/local/zeek/bin:/usr/bin") is None:
        pytest.skip("no zeek on this machine")
    job = uploaded(running, NO_LOGS[what])
    assert job["state"] == "failed"
    assert job["problem"]
    assert "Traceback" not in job["problem"]
    assert str(running.surface.settings.spool) not in job["problem"]
    page = running.client.get(f"/jobs/{job['id']}", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert running.client.get(f"/jobs/{job['id']}/results").status_code == 409


def test_a_zip_is_not_unpacked(done: tuple[Running, dict[str, Any]], tmp_path: Path) -> None:
    running, _ = done
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("../../evil", "x")
        archive.writestr("conn.log", "x")
    job = uploaded(running, (tmp_path / "x.zip").read_bytes(), "x.zip")
    assert job["state"] == "failed"
    assert "zip" in job["problem"].lower()


def test_a_bomb_is_not_unpacked_further_than_it_may(done: tuple[Running, dict[str, Any]]) -> None:
    running, _ = done
    line = b"1700000000.0,10.0.0.1,1,10.0.0.2,2,tcp,10\n"
    bomb = gzip.compress(FLOWS[FLOW_CSV][:200] + line * 2_000_000)
    assert len(bomb) < 1_000_000
    job = uploaded(running, bomb, "bomb.csv.gz")
    assert (job["state"], job["problem"]) == ("failed", "bomb.csv.gz: unpacked it has more than 20 MB")
    endless = gzip.compress(b"\x00" * 100_000_000)
    assert "20 MB" in uploaded(running, endless)["problem"] or "line" in uploaded(running, endless)["problem"]


def test_what_is_too_large_is_refused_before_it_is_read_and_while_it_is(
    done: tuple[Running, dict[str, Any]],
) -> None:
    running, _ = done
    port, token = running.client.base_url.port, running.writes["Authorization"]
    with socket.create_connection(("127.0.0.1", port or 0)) as raw:  # five gigabytes, of which nothing is sent
        head = f"POST /api/v1/analyze HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {token}\r\n"
        raw.sendall(f"{head}Content-Length: 5000000000\r\n\r\n".encode())
        assert b" 413 " in raw.recv(200)

    def chunks() -> Any:
        yield from (b"x" * 65_536 for _ in range(LARGE * 20))

    answer = running.post("analyze", content=chunks())
    assert answer.status_code == 413
    assert answer.headers["content-type"] == "application/problem+json"
    spool = running.surface.settings.spool_folder
    assert {one.name for one in spool.iterdir()} == {job["id"] for job in running.surface.jobs.all()}


BAD_FORMS = (
    ("multipart/form-data", b"x"),
    ("multipart/form-data; boundary=", b"x"),
    ("multipart/form-data; boundary=b", b"no part"),
    ("multipart/form-data; boundary=b", b"--b\r\nContent-Disposition: form-data; name=a\r\n\r\n" + b"y" * 100_000),
    ("multipart/form-data; boundary=b", b"--b\r\n" + b"x" * 100_000),
)


@pytest.mark.parametrize(("kind", "body"), BAD_FORMS)
def test_a_form_that_is_none_is_refused(done: tuple[Running, dict[str, Any]], kind: str, body: bytes) -> None:
    running, _ = done
    answer = running.post("analyze", content=body, headers={"Content-Type": kind})
    assert answer.status_code in (400, 413, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_empty_file_and_an_unknown_profile_or_sample_are_refused(done: tuple[Running, dict[str, Any]]) -> None:
    running, _ = done
    assert running.post("analyze", files={"file": ("x", b"")}).status_code == 422
    wrong = running.post("analyze", files={"file": ("x", b"x")}, data={"profile": "wild"})
    assert wrong.status_code == 422
    assert running.post("samples/nope/score").status_code == 404
    assert running.post("samples/site/score?profile=wild").status_code == 422


def test_an_upload_that_is_cut_or_never_ends_leaves_nothing(tmp_path: Path) -> None:
    with console(tmp_path, upload_seconds=1.0) as running:
        port, token = running.client.base_url.port, running.writes["Authorization"]
        head = f"POST /api/v1/analyze HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {token}\r\n"
        with socket.create_connection(("127.0.0.1", port or 0)) as raw:
            raw.sendall(f"{head}Content-Length: 1000\r\n\r\nabc".encode())
            assert b" 408 " in raw.recv(200)
        with socket.create_connection(("127.0.0.1", port or 0)) as raw:
            raw.sendall(f"{head}Content-Length: 1000\r\n\r\nabc".encode())
        while list((tmp_path / "spool").iterdir()):
            time.sleep(0.05)
        assert running.surface.jobs.all() == []


def test_jobs_are_bounded_in_number_time_and_memory_and_can_be_ended(tmp_path: Path) -> None:
    with console(tmp_path, waiting_jobs=2, job_seconds=1.0) as running:
        ids = [running.post("samples/site/score").json()["id"] for _ in range(2)]
        busy = running.post("samples/site/score")
        assert (busy.status_code, busy.headers["retry-after"]) == (429, "30")
        assert running.delete(f"jobs/{ids[1]}").status_code == 204
        assert running.get(f"jobs/{ids[1]}").status_code == 404
        job = running.job(ids[0])
        assert (job["state"], job["problem"]) == ("failed", "it took more than 1 s")
        assert running.delete(f"jobs/{ids[0]}").status_code == 204
        assert running.delete(f"jobs/{ids[0]}").status_code == 404
        assert list((tmp_path / "spool").iterdir()) == []


def test_what_needs_too_much_memory_says_so(tmp_path: Path) -> None:
    with console(tmp_path, job_megabytes=512) as running:
        job = running.job(running.post("samples/site/score").json()["id"])
        assert job["state"] == "failed"
        assert "512 MB of memory" in job["problem"] or "memory" in job["problem"]


def test_results_outlive_the_console_and_what_ran_is_told_of(tmp_path: Path) -> None:
    with console(tmp_path) as running:
        first = running.job(running.post("samples/flows/score").json()["id"])
        second = running.post("samples/site/score").json()["id"]
        running.surface.store.remove_token("reader")
        running.surface.store.remove_token("writer")
    with console(tmp_path) as running:
        assert running.get(f"jobs/{first['id']}").json()["result"] == first["result"]
        assert running.get(f"jobs/{second}").json()["state"] in ("failed", "done")


def test_old_results_are_removed(tmp_path: Path) -> None:
    with console(tmp_path, kept_jobs=1) as running:
        ids = [running.post("samples/flows/score").json()["id"] for _ in range(2)]
        assert running.job(ids[1])["state"] == "done"
        while running.get(f"jobs/{ids[0]}").status_code != 404 or (tmp_path / "spool" / ids[0]).exists():
            time.sleep(0.05)
        assert [one.name for one in (tmp_path / "spool").iterdir()] == [ids[1]]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("conn.log", "conn.log"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\x", "x"),
        ("", "upload"),
        ("...", "upload"),
        ("-o", "o"),
        (".bashrc", "bashrc"),
        ("a\x00b\nc", "a_b_c"),
        ("x" * 500, "x" * 100),
        ("../", "upload"),
    ],
)
def test_a_name_is_a_name_and_nothing_else(sent: str, kept: str) -> None:
    assert safe_name(sent) == kept


def test_pages_of_a_job(done: tuple[Running, dict[str, Any]]) -> None:
    running, job = done
    base = f"/jobs/{job['id']}"
    for page in ("", "/results", "/hosts", "/explanation", "/files", "/diagnostics"):
        answer = running.client.get(base + page)
        assert answer.status_code == 200, (page, answer.text)
        assert answer.headers["content-type"].startswith("text/html")
    row = running.get(f"jobs/{job['id']}/beacons").json()["rows"][0]
    assert running.client.get(f"{base}/beacons/{row['id']}").status_code == 200
    assert isinstance(running.client, httpx.Client)
