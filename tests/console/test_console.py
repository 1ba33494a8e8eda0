"""What an operator does in a browser, from the list to a decision and back; with JavaScript and without."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.beacons.live.histories import RULES, guarded
from tests.beacons.live.made import candidate
from zeek_beacons.allow import AllowList
from zeek_beacons.config import Config
from zeek_beacons.live.worker import Worker

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")
pytest.importorskip("playwright", reason="the extra `browser` is not installed")

from playwright.sync_api import expect

from tests.beacons.serve.made import HOSTILE, Running, console

from .conftest import Opener, base_of, log_in

Log = Callable[..., Path]
Make = Callable[..., dict[str, Any]]
BOTH = pytest.mark.parametrize("scripts", [True, False], ids=["javascript", "no javascript"])
NAME = "c2-5.example"


@BOTH
def test_open_filter_and_open_a_beacon(scripts: bool, standing: Running, opened: Opener) -> None:
    watched = opened(base_of(standing), java_script_enabled=scripts)
    page = watched.open("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("6 beacons alert")
    page.get_by_label("Text").fill(NAME)
    page.get_by_role("button", name="Filter").click()
    expect(page).to_have_url(re.compile(r"[?&]q=c2-5\.example"))
    expect(page.get_by_role("heading", level=1)).to_have_text("1 beacon alerts and fits the filter")
    page.get_by_role("link", name=NAME).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{NAME}:443")
    expect(page.locator(".lead").first).to_contain_text("checks in with")
    for kind in ("timeline", "gaps", "sizes", "hours", "weeks"):
        assert page.locator(f"svg.{kind}").count()
    before = page.locator("svg.timeline g[role=img]").first.get_attribute("aria-label")
    page.get_by_role("navigation", name="Zoom of the timeline").get_by_role("link", name="closer").click()
    expect(page).to_have_url(re.compile(r"begin=\d+&end=\d+#timeline"))
    assert page.locator("svg.timeline g[role=img]").first.get_attribute("aria-label") != before
    expect(page.get_by_role("link", name="Log in to act")).to_be_visible()


@BOTH
def test_allow_list_a_beacon_and_undo(scripts: bool, running: Running, opened: Opener) -> None:
    watched = opened(base_of(running), java_script_enabled=scripts)
    log_in(watched, running)
    page = watched.open(f"/?q={NAME}")
    page.get_by_role("link", name=NAME).click()
    page.get_by_text("Allow-list it").click()
    page.locator("form[action$='/allow']").get_by_role("textbox", name="Why").fill("our own service")
    page.get_by_role("button", name="Allow-list", exact=True).click()
    expect(page.get_by_role("status").first).to_contain_text("Allow-listed")
    expect(page.locator(".decision")).to_contain_text("our own service")
    (entry,) = running.surface.store.entries("allow")
    assert (entry["who"], entry["why"]) == ("writer", "our own service")
    page.get_by_role("link", name="Decisions").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 decision in force")
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("0 decisions in force")
    assert running.surface.store.entries("allow") == []


def test_snooze_and_judge(running: Running, opened: Opener) -> None:
    watched = opened(base_of(running))
    log_in(watched, running)
    page = watched.open(f"/?q={NAME}")
    page.get_by_role("link", name=NAME).click()
    page.get_by_text("Snooze it").click()
    page.get_by_role("button", name="Snooze", exact=True).click()
    expect(page.locator(".badges")).to_contain_text("snoozed by writer")
    page.get_by_role("button", name="It is C2").click()
    expect(page.locator(".badges")).to_contain_text("judged to be C2 by writer")
    page.get_by_role("button", name="It is harmless").click()
    expect(page.locator(".badges")).to_contain_text("judged to be harmless by writer")
    assert [one.word for one in running.surface.store.feedback()] == ["false", "true"]
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("link", name="Log in")).to_be_visible()


@BOTH
def test_acknowledge_a_beacon_and_an_incident(scripts: bool, running: Running, opened: Opener) -> None:
    watched = opened(base_of(running), java_script_enabled=scripts)
    log_in(watched, running)
    page = watched.open("/")
    row = page.locator("tr", has_text=NAME)
    row.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("status").first).to_contain_text("Acknowledged")
    expect(page.get_by_role("heading", level=1)).to_have_text("6 beacons alert")
    expect(row).to_contain_text("seen by writer")
    page.get_by_role("link", name="Incidents").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(r"^\d+ incidents?$"))
    page.locator("a.row", has_text=HOSTILE[1][:10]).click()
    page.get_by_role("button", name=re.compile("Acknowledge 1 beacon")).click()
    expect(page.get_by_role("status").first).to_contain_text("Acknowledged: 1 beacon")
    page.locator("a.row").first.click()
    expect(page.locator(".badges")).to_contain_text("acknowledged by writer")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".badges")).not_to_contain_text("acknowledged")
    assert [one.who for one in running.surface.store.acknowledged().values()] == ["writer"]


@BOTH
def test_a_sample_is_scored_and_read(scripts: bool, running: Running, opened: Opener) -> None:
    watched = opened(base_of(running), java_script_enabled=scripts)
    log_in(watched, running)
    page = watched.open("/run")
    page.get_by_label("the sample site").check()
    page.get_by_role("button", name="Score", exact=True).click()
    page.get_by_role("link", name="See the results").click(timeout=120_000)
    expect(page.get_by_role("heading", level=1)).to_contain_text("beacons alert")
    run = page.get_by_role("navigation", name="This run")
    run.get_by_role("link", name="Explanation").click()
    expect(page.get_by_role("heading", name="How to read a score")).to_be_visible()
    run.get_by_role("link", name="Files").click()
    expect(page.get_by_role("link", name="report.html")).to_be_visible()
    with page.expect_download() as downloading:
        page.get_by_role("link", name="alerts.csv").click()
    assert Path(downloading.value.path()).read_text().startswith('"rank","severity"')
    run.get_by_role("link", name="Diagnostics").click()
    expect(page.locator("main")).to_contain_text("Rows used")
    run.get_by_role("link", name="Results").click()
    page.locator("a.row").first.click()
    expect(page.locator("svg.timeline").first).to_be_visible()


def test_a_log_is_uploaded_and_read(
    running: Running, opened: Opener, tmp_path: Path, conn_log: Log, pair: Make
) -> None:
    log = conn_log([pair(), pair(orig_h="10.0.0.6", rhythm=False)], "conn.log")
    watched = opened(base_of(running))
    log_in(watched, running)
    page = watched.open("/run")
    page.get_by_label("File to score").set_input_files(log)
    page.get_by_role("button", name="Score", exact=True).click()
    page.get_by_role("link", name="See the results").click(timeout=120_000)
    expect(page.get_by_role("heading", level=1)).to_have_text("1 beacon alerts")


def test_a_pcap_is_uploaded_and_read(zeek: str, running: Running, opened: Opener) -> None:
    """Zeek runs on it, in a process of its own."""
    assert zeek
    pcap = Path(__file__).parents[2] / "testing-btest" / "Traces" / "beacon.pcap"
    watched = opened(base_of(running))
    log_in(watched, running)
    page = watched.open("/run")
    page.get_by_label("File to score").set_input_files(pcap)
    page.get_by_role("button", name="Score", exact=True).click()
    page.get_by_role("link", name="See the results").click(timeout=180_000)
    expect(page.get_by_role("heading", level=1)).to_contain_text(re.compile("beacons? alerts?"))
    page.get_by_role("navigation", name="This run").get_by_role("link", name="Files").click()
    expect(page.get_by_role("link", name="notice.log")).to_be_visible()


def test_what_is_no_log_is_said_to_be_none(running: Running, opened: Opener, tmp_path: Path) -> None:
    picture = tmp_path / "cat.jpg"
    picture.write_bytes(b"\xff\xd8\xff\xe0 no log at all")
    watched = opened(base_of(running))
    log_in(watched, running)
    page = watched.open("/run")
    page.get_by_label("File to score").set_input_files(picture)
    page.get_by_role("button", name="Score", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Could not score", timeout=120_000)
    expect(page.locator("main")).to_contain_text("cat.jpg")


def test_a_new_alert_comes_by_itself(running: Running, opened: Opener) -> None:
    page = opened(base_of(running)).open("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("6 beacons alert")
    fresh, told = page.locator("[data-fresh]"), re.compile("New alert at")
    for number in range(90, 96):  # what comes before the stream of events stands is in none of it
        raise_alert(running.surface.model.path, number)
        with contextlib.suppress(AssertionError):
            expect(fresh).to_contain_text(told, timeout=5_000)
            break
    expect(fresh).to_contain_text(told)
    expect(page.locator("a.row", has_text=f"new-{number}.example")).to_be_visible()
    expect(page).to_have_title(re.compile(f"^{6 + number - 89} beacons alert"))
    expect(page.get_by_role("heading", level=1)).to_have_text(f"{6 + number - 89} beacons alert")


def raise_alert(history: Path, number: int) -> None:
    name = f"new-{number}.example"
    named = {"resp": name, "server_name": name, "named": 64, "name_conns": 64, "resp_h": f"203.0.113.{number}"}
    held = guarded(history)
    asked = candidate(number, orig_h=f"10.0.0.{number}", **named)
    Worker("me", RULES, Config(threshold=0.5), held).work([asked], AllowList())
    held.close()


def test_hostile_names_do_nothing(standing: Running, opened: Opener) -> None:
    watched = opened(base_of(standing))
    for name in HOSTILE:
        page = watched.open("/")
        page.on("dialog", lambda dialog: watched.problems.append(f"dialog {dialog.message}"))
        page.locator("a.row", has_text=name[:20]).first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text(name[:20])


def test_a_wrong_token_is_refused(standing: Running, opened: Opener) -> None:
    watched = opened(base_of(standing))
    watched.expected = ("401",)
    page = watched.open("/login")
    page.get_by_label("Token").fill("zb_nobody_nothing")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("not known")


def test_what_is_not_there_is_said_as_a_page(standing: Running, opened: Opener) -> None:
    watched = opened(base_of(standing))
    watched.expected = ("404", "422", "400")
    for path in ("/beacons/ffffffffffffffff", "/nothing", "/?offset=x"):
        page = watched.open(path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_role("link", name="To the beacons")).to_be_visible()


def test_the_keyboard_is_enough(standing: Running, opened: Opener) -> None:
    page = opened(base_of(standing)).open("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the answer")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    row = page.locator("a.row").first
    for _ in range(12):
        page.keyboard.press("Tab")
        if row.evaluate("one => one === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/beacons/"))


def test_a_report_is_shown_like_a_run(tmp_path: Path, opened: Opener, conn_log: Log, pair: Make) -> None:
    command = [sys.executable, "-m", "zeek_beacons", "score", str(conn_log([pair()])), "-o", str(tmp_path / "report")]
    subprocess.run(command, check=True, capture_output=True)
    with console(tmp_path, report=str(tmp_path / "report")) as made:
        page = opened(base_of(made)).open("/")
        expect(page.get_by_role("heading", level=1)).to_have_text("1 beacon alerts")
        page.get_by_role("link", name="Files").click()
        expect(page.get_by_role("link", name="report.html")).to_be_visible()
