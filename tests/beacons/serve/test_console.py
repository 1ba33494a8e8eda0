"""The console without a script: pages, and what their forms do, as a browser with JavaScript off sends them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from zeek_beacons.cli.score import score
from zeek_beacons.samples import unpack

from .made import Running, console, history

PAGES = (
    "/",
    "/incidents",
    "/hosts",
    "/diagnostics",
    "/decisions",
    "/run",
    "/login",
    "/?show=all&limit=2&sort=last_seen",
)


@pytest.fixture
def browser(running: Running) -> Iterator[httpx.Client]:
    """Someone who logged in."""
    with httpx.Client(
        base_url=running.client.base_url, headers={"Accept": "text/html"}, follow_redirects=True, timeout=60
    ) as client:
        client.post("/login", data={"token": running.writes["Authorization"][7:], "next": "/"})
        yield client


def sent(browser: httpx.Client, page: str, action: str, **fields: str) -> str:
    """Sends a form of a page as it stands there, with some fields filled in. Returns the page that follows."""
    text = browser.get(page).text
    form = re.search(rf'<form[^>]*action="{re.escape(action)}"[^>]*>(.*?)</form>', text, re.DOTALL)
    assert form is not None, f"{page} has no form {action}"
    hidden = {
        name: html.unescape(value) for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form[1])
    }
    answer = browser.post(action, data=hidden | fields)
    assert answer.status_code == 200, answer.text
    return answer.text


@pytest.mark.parametrize("page", PAGES)
def test_pages_are_pages(standing: Running, page: str) -> None:
    answer = standing.client.get(page)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "<script>" not in answer.text
    assert " style=" not in answer.text
    assert not re.search(r'(src|href)="https?://(?!www\.virustotal|attack\.mitre)', answer.text)


@pytest.mark.parametrize(
    ("page", "status"),
    [
        ("/nowhere", 404),
        ("/beacons/nope", 404),
        ("/jobs/nope", 404),
        ("/incidents/nope", 404),
        ("/?limit=x", 422),
        ("/?severity=x", 422),
    ],
)
def test_errors_are_pages_for_people_and_data_for_programs(standing: Running, page: str, status: int) -> None:
    person = standing.client.get(page, headers={"Accept": "text/html"})
    assert (person.status_code, person.headers["content-type"].partition(";")[0]) == (status, "text/html")
    program = standing.client.get(page, headers={"Accept": "application/json"})
    assert (program.status_code, program.headers["content-type"]) == (status, "application/problem+json")


def test_a_beacon_is_allowed_and_that_is_undone(running: Running, browser: httpx.Client) -> None:
    row = running.beacon()
    page = f"/beacons/{row['id']}"
    after = sent(browser, page, f"{page}/allow", scope="subnet", subnet="203.0.113.0/24", why="our <b>own</b>")
    assert "Allow-listed: subnet 203.0.113.0/24" in after
    assert "our &lt;b&gt;own&lt;/b&gt;" in after
    assert running.get("allow").json()["rows"][0]["who"] == "writer"
    assert "Allow-listed: subnet" not in browser.get(page).text  # a message is told once
    assert "203.0.113.0/24" in browser.get("/decisions").text
    assert "Taken back." in sent(browser, page, "/decisions/allow-1/undo")
    assert running.get("allow").json()["total"] == 0
    assert "/decisions/allow-1/undo" not in browser.get(page).text


def test_a_beacon_is_snoozed_and_judged_and_all_is_undone(running: Running, browser: httpx.Client) -> None:
    row = running.beacon()
    page = f"/beacons/{row['id']}"
    sent(browser, page, f"{page}/snooze", hours="24", why="patch day")
    sent(browser, page, f"{page}/feedback", verdict="false", why="backup")
    noted = running.get(f"beacons/{row['id']}").json()["note"]
    assert (noted["snoozed"]["why"], noted["feedback"]["verdict"]) == ("patch day", False)
    sent(browser, "/decisions", "/decisions/snooze-1/undo")
    sent(browser, page, "/decisions/feedback-1/undo")
    assert running.get(f"beacons/{row['id']}").json()["note"]["said"] == ""
    assert len(running.surface.store.feedback()) == 2  # it stays known


def test_a_beacon_is_acknowledged_from_its_page_and_from_the_list(running: Running, browser: httpx.Client) -> None:
    rows = running.get("beacons").json()["rows"]
    first, second = (f"/beacons/{row['id']}" for row in rows[:2])
    assert "<strong>Acknowledged</strong> by writer" in sent(browser, first, f"{first}/acknowledge")
    assert f"{first}/acknowledge" not in browser.get(first).text
    after = sent(browser, "/?limit=3", f"{second}/acknowledge")
    assert after.count("seen by writer") == 2
    assert "1 to 3 of 6" in after, "it leads back to the same part of the list"
    noted = running.get(f"beacons/{rows[1]['id']}").json()["note"]["acknowledged"]
    assert noted["who"] == "writer"
    assert running.get("beacons").json()["total"] == 6, "it stays on the list"
    decided = browser.get("/decisions").text
    assert decided.count("acknowledged") > 1
    sent(browser, first, re.findall(r'action="(/decisions/acknowledge-\d+/undo)"', browser.get(first).text)[0])
    assert browser.get("/").text.count("seen by writer") == 1


def test_an_acknowledgement_ends_where_the_severity_rises(running: Running, browser: httpx.Client) -> None:
    row = running.beacon()
    key = (row["orig_h"], row["resp"], row["resp_p"], row["proto"], row["channel"])
    running.surface.store.acknowledge(key, row["level"] - 1, "ana")
    assert "seen by" not in browser.get("/").text
    assert "<strong>Acknowledged" not in browser.get(f"/beacons/{row['id']}").text
    running.surface.store.acknowledge(key, row["level"], "ana")
    assert "seen by ana" in browser.get("/").text


def test_an_incident_is_shown_with_its_members_and_acknowledged_as_one(running: Running, browser: httpx.Client) -> None:
    row = running.beacon()
    page = f"/incidents/{row['incident']}"
    assert f'href="{page}"' in browser.get("/incidents").text
    assert f'href="{page}"' in browser.get(f"/beacons/{row['id']}").text
    members = running.get(f"incidents/{row['incident']}").json()["members"]
    shown = browser.get(page).text
    assert all(f'href="/beacons/{one["id"]}"' in shown for one in members)
    after = sent(browser, page, f"{page}/acknowledge")
    assert after.count("seen by writer") == len(members)
    assert f"{page}/acknowledge" not in after
    assert len(running.surface.store.acknowledged()) == len(members)


def test_what_does_not_alert_is_not_acknowledged(running: Running, browser: httpx.Client) -> None:
    quiet = next(row for row in running.get("connections").json()["rows"] if not row["level"])
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/run").text)
    assert token is not None
    answer = browser.post(f"/beacons/{quiet['id']}/acknowledge", data={"csrf_token": token[1]})
    assert answer.status_code == 409
    assert running.surface.store.acknowledged() == {}


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("allow", {"scope": "pair", "why": ""}),
        ("allow", {"scope": "subnet", "subnet": "0.0.0.0/0", "why": "x"}),
        ("allow", {"scope": "subnet", "subnet": "nowhere", "why": "x"}),
        ("allow", {"scope": "pair", "why": "x", "until": "2001-01-01"}),
        ("snooze", {"hours": "ever", "why": "x"}),
        ("feedback", {"verdict": "maybe"}),
    ],
)
def test_a_form_that_makes_no_sense_is_a_page_that_says_why(
    running: Running, browser: httpx.Client, action: str, fields: dict[str, str]
) -> None:
    page = f"/beacons/{running.beacon()['id']}"
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(page).text)
    assert token is not None
    answer = browser.post(f"{page}/{action}", data=fields | {"csrf_token": token[1], "next": page})
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (422, "text/html")
    assert running.surface.store.words().revision == 0


def test_a_sample_is_scored_and_removed(running: Running, browser: httpx.Client) -> None:
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get("/run").text)
    assert token is not None
    parts = {"csrf_token": (None, token[1]), "sample": (None, "flows"), "profile": (None, "balanced")}
    answer = browser.post("/run", files=parts | {"file": ("", b"")})
    assert answer.status_code == 200
    (job,) = running.surface.jobs.all()
    assert running.job(job["id"])["state"] == "done"
    assert f"/jobs/{job['id']}/results" in browser.get("/run").text
    assert "gone" in sent(browser, f"/jobs/{job['id']}", f"/jobs/{job['id']}/delete")
    assert running.surface.jobs.all() == []
    empty = browser.post("/run", files={"csrf_token": (None, token[1]), "sample": (None, "")})
    assert empty.status_code == 422


def test_settings_are_changed_by_a_form(running: Running, browser: httpx.Client) -> None:
    sent(browser, "/diagnostics", "/config", profile="sensitive", threshold="")
    assert running.surface.store.words().settings == {"profile": "sensitive"}


def test_a_result_is_shown_as_one(tmp_path: Path) -> None:
    unpack("flows", tmp_path / "logs")
    score([str(tmp_path / "logs")], output=tmp_path / "report")
    with console(tmp_path, report=str(tmp_path / "report")) as running:
        for page in ("/", "/incidents", "/hosts", "/explanation", "/files", "/diagnostics", "/decisions", "/run"):
            assert running.client.get(page).status_code == 200, page
        row = running.beacon()
        assert running.client.get(f"/beacons/{row['id']}").status_code == 200
        assert "alerts.csv" in running.client.get("/files").text
        assert running.client.get("/files/alerts.csv").headers["content-disposition"].startswith("attachment")
        assert running.client.get("/files/operator.sqlite").status_code == 404
        assert "operator.sqlite" not in running.client.get("/files").text
        assert running.get("health").json()["status"] == "ok"
        running.post("feedback", json={"beacon": row["id"], "verdict": "false"})
        assert (tmp_path / "report" / "operator.sqlite").exists()


def test_thousands_of_beacons_are_shown_in_parts(tmp_path: Path) -> None:
    history(tmp_path, beacons=700)
    with console(tmp_path) as running:
        answer = running.client.get("/?limit=10000")
        assert answer.status_code == 200
        assert len(answer.content) < 1_000_000
        assert "700 beacons alert" in answer.text
