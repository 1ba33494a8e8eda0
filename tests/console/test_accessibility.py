"""Every page, wide, dark and on a phone: no barrier that axe-core finds, and nothing wider than the window."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="the extra `serve` is not installed")
pytest.importorskip("playwright", reason="the extra `browser` is not installed")

from tests.beacons.serve.made import Running

from .conftest import PHONE, WIDE, Opener, Watched, base_of, log_in

LOOKS = {
    "wide": {"viewport": WIDE, "color_scheme": "light"},
    "dark": {"viewport": WIDE, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light"},
}
PAGES = (
    "/",
    "/?show=all",
    "/?q=nothing",
    "BEACON",
    "/incidents",
    "INCIDENT",
    "/hosts",
    "/decisions",
    "/run",
    "/diagnostics",
    "/login",
    "/none",
)
OF_RUN = ("results", "incidents", "explanation", "files", "hosts", "diagnostics")
EACH_LOOK = pytest.mark.parametrize("look", LOOKS)


def check(watched: Watched, axe: str, path: str) -> None:
    page = watched.open(path)
    page.wait_for_load_state()
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    width = page.viewport_size["width"] if page.viewport_size else 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{path} is wider than the window"
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert [told(one) for one in found["violations"]] == [], path


def told(violation: dict[str, Any]) -> str:
    where = [f"{node['html'][:160]} ({node['failureSummary'][:200]})" for node in violation["nodes"][:3]]
    return f"{violation['id']}: {violation['help']}: {json.dumps(where, indent=1)}"


@EACH_LOOK
def test_the_console(look: str, standing: Running, opened: Opener, axe: str) -> None:
    watched = opened(base_of(standing), **LOOKS[look])
    watched.expected = ("404",)
    row = standing.beacon()
    named = {"BEACON": f"/beacons/{row['id']}", "INCIDENT": f"/incidents/{row['incident']}"}
    for path in PAGES:
        check(watched, axe, named.get(path, path))
    log_in(watched, standing)
    key = {name: row[name] for name in ("orig_h", "resp", "resp_p", "proto")}
    assert standing.post("feedback", json=key | {"verdict": "true", "why": "seen on the host"}).status_code < 300
    assert standing.delete(f"beacons/{row['id']}").status_code == 204
    for path in ("/", "BEACON", "INCIDENT", "/decisions", "/run", "/diagnostics"):
        check(watched, axe, named.get(path, path))


@pytest.fixture(scope="module")
def job(standing: Running) -> str:
    """A run of a sample that is over."""
    asked = standing.post("samples/site/score")
    assert asked.status_code < 300, asked.text
    made = standing.job(asked.json()["id"])
    assert made["state"] == "done"
    return str(made["id"])


@EACH_LOOK
def test_a_run(look: str, standing: Running, job: str, opened: Opener, axe: str) -> None:
    watched = opened(base_of(standing), **LOOKS[look])
    for page in OF_RUN:
        check(watched, axe, f"/jobs/{job}/{page}")


@EACH_LOOK
def test_the_report(look: str, standing: Running, job: str, opened: Opener, axe: str, tmp_path: Path) -> None:
    """As a file, in a browser that has no network."""
    answer = standing.client.get(f"/jobs/{job}/files/report.html")
    file = tmp_path / "report.html"
    file.write_bytes(answer.content)
    watched = opened("", offline=True, **LOOKS[look])
    check(watched, axe, file.as_uri())
    assert watched.page.locator("svg.timeline").count() > 5


def test_the_report_is_the_same_without_javascript(standing: Running, job: str, opened: Opener, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_bytes(standing.client.get(f"/jobs/{job}/files/report.html").content)
    pictures = []
    for scripts in (True, False):
        page = opened("", java_script_enabled=scripts).open(file.as_uri())
        pictures.append(page.screenshot())
    assert pictures[0] == pictures[1]
