"""A real Chromium in front of a real console. Both are on this machine, and nothing may be asked of any other."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page, Request

    from tests.beacons.serve.made import Running

# Set where a run without a browser must not pass for one with it.
NEEDS_BROWSER = "ZEEK_BEACONS_NEEDS_BROWSER"
PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
AXE = Path(__file__).parents[2] / ".browser" / "node_modules" / "axe-core" / "axe.min.js"
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


def without(reason: str) -> NoReturn:
    """Skips a test, or fails it where it must not be skipped."""
    if os.environ.get(NEEDS_BROWSER):
        pytest.fail(f"{reason}, and {NEEDS_BROWSER} is set")
    pytest.skip(reason)


@dataclass
class Watched:
    """A page, and all that went wrong on it: errors, and requests that left this machine."""

    page: Page
    base: str = ""
    problems: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ()  # parts of messages that are no problem

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.base}{path}", wait_until="domcontentloaded")
        return self.page

    def check(self) -> None:
        assert [one for one in self.problems if not any(part in one for part in self.expected)] == []


def watch(page: Page, base: str = "") -> Watched:
    """Notes what goes wrong on a page from now on."""
    watched = Watched(page, base)

    def asked(request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in ("file", "data", "about") and address.hostname != "127.0.0.1":
            watched.problems.append(f"asked for {request.url}")

    def said(message: ConsoleMessage) -> None:
        if message.type == "error":
            watched.problems.append(message.text)

    page.on("request", asked)
    page.on("pageerror", lambda error: watched.problems.append(str(error)))
    page.on("console", said)
    return watched


# A driver keeps an event loop running in its thread: it must end with the file, or no later test can start its own.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A headless Chromium of this system."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        without("no chromium on this machine")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """What looks for barriers in a page."""
    if not AXE.is_file():
        without("no axe-core here (make browser)")
    return AXE.read_text(encoding="utf-8")


Opener = Callable[..., Any]


@pytest.fixture
def opened(chromium: Browser) -> Iterator[Opener]:
    """Opens a watched page: `base` before its paths; more goes to the browser's context. Checks all at the end."""
    pages: list[Watched] = []

    @contextmanager
    def contexts() -> Iterator[Opener]:
        made = []

        def new(base: str = "", **more: Any) -> Watched:
            context = chromium.new_context(**({"viewport": WIDE, "locale": "en-GB"} | more))
            context.set_default_timeout(20_000)
            made.append(context)
            pages.append(watch(context.new_page(), base))
            return pages[-1]

        yield new
        for context in made:
            context.close()

    with contexts() as new:
        yield new
    for one in pages:
        one.check()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A console over a history of six beacons."""
    from tests.beacons.serve.made import console, history

    history(tmp_path)
    with console(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The same, shared by tests that leave it as it was."""
    from tests.beacons.serve.made import console, history

    folder = tmp_path_factory.mktemp("standing")
    history(folder)
    with console(folder) as made:
        yield made


def base_of(made: Running) -> str:
    """The address of a console."""
    return str(made.client.base_url).rstrip("/")


def log_in(watched: Watched, made: Running) -> None:
    """Logs in with the token that may write."""
    page = watched.open("/login")
    page.get_by_label("Token").fill(made.writes["Authorization"].removeprefix("Bearer "))
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Log out").wait_for()
