"""Who may: every route against everyone who may ask; wrong tokens, hosts, origins and forms."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from zeek_beacons.errors import ConfigError
from zeek_beacons.serve.access import COOKIE
from zeek_beacons.serve.settings import ServeConfig

from .made import Running, certificate, console, history

WRITES = (
    ("DELETE", "/api/v1/beacons/x"),
    ("DELETE", "/api/v1/alerts"),
    ("POST", "/api/v1/config"),
    ("POST", "/api/v1/telemetry"),
    ("POST", "/api/v1/analyze"),
    ("DELETE", "/api/v1/jobs/x"),
    ("POST", "/api/v1/samples/site/score"),
    ("POST", "/api/v1/feedback"),
    ("POST", "/api/v1/allow"),
    ("DELETE", "/api/v1/allow/1"),
    ("POST", "/api/v1/snooze"),
    ("DELETE", "/api/v1/snooze/1"),
    ("PUT", "/api/v1/forward/x/x/1"),
)
FORMS = (
    "/beacons/x/allow",
    "/beacons/x/acknowledge",
    "/incidents/x/acknowledge",
    "/decisions/allow-1/undo",
    "/config",
    "/run",
    "/jobs/x/delete",
    "/jobs/x/beacons/y/allow",
    "/jobs/x/incidents/y/acknowledge",
)
PAGES = (
    "/",
    "/incidents",
    "/hosts",
    "/diagnostics",
    "/decisions",
    "/run",
    "/explanation",
    "/files",
    "/jobs/x",
    "/jobs/x/results",
)


def test_every_route_is_known_here(standing: Running) -> None:
    """What writes stands in WRITES and FORMS: a route that is added is tried too."""
    described = standing.get("openapi.json").json()["paths"]
    writing = {
        (method.upper(), re.sub(r"\{.*?\}", "_", path))
        for path, methods in described.items()
        for method in methods
        if method != "get"
    }
    known = {(method, re.sub(r"/(x|1|site)(?=/|$)", "/_", path)) for method, path in WRITES}
    assert writing == known


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_change_needs_a_token_that_may_write(standing: Running, method: str, path: str) -> None:
    def status(**headers: str) -> int:
        return standing.client.request(method, path, headers=headers).status_code

    assert status() == 401
    assert status(Authorization="Bearer zb_000000000000_" + "A" * 43) == 401
    assert status(Authorization="Basic YTpi") == 401
    assert status(**standing.reads) == 403
    assert status(**standing.writes) not in (401, 403)


def test_reading_on_loopback_is_free_and_a_wrong_token_is_refused_all_the_same(standing: Running) -> None:
    assert standing.get("beacons").status_code == 200
    assert standing.get("beacons", headers=standing.reads).status_code == 200
    refused = standing.get("beacons", headers={"Authorization": "Bearer nonsense"})
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:1", 200),
        ("[::1]", 200),
        ("127.0.0.1", 200),
        ("evil.example", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("", 421),
        ("[::1", 421),
        ("a@127.0.0.1", 200),
        ("127.0.0.1@evil.example", 421),
        ("10.0.0.5", 401),  # an address, and not ours: as through a proxy
    ],
)
def test_who_is_asked_by_another_name_does_not_answer(standing: Running, host: str, status: int) -> None:
    assert standing.get("beacons", headers={"Host": host}).status_code == status


def test_a_name_that_was_set_is_answered_to_and_needs_a_token(tmp_path: Path) -> None:
    history(tmp_path)
    with console(tmp_path, hosts=("siem.example",)) as running:
        asked = {"Host": "SIEM.example"}
        assert running.get("beacons", headers=asked).status_code == 401
        assert running.get("beacons", headers=asked | running.reads).status_code == 200
        page = running.client.get("/", headers=asked | {"Accept": "text/html"})
        assert (page.status_code, page.headers["location"]) == (303, "/login?next=%2F")


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1", "http://127.0.0.1:1"])
def test_a_page_of_another_site_changes_nothing(standing: Running, origin: str) -> None:
    answer = standing.post("analyze", headers={"Origin": origin})
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    assert standing.post("analyze", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_our_own_page_does(standing: Running) -> None:
    own = str(standing.client.base_url).rstrip("/")
    assert standing.post("analyze", headers={"Origin": own}).status_code == 202


@pytest.fixture
def browser(standing: Running) -> Iterator[httpx.Client]:
    """Someone who logged in with a token that may write."""
    with httpx.Client(base_url=standing.client.base_url, headers={"Accept": "text/html"}) as client:
        answer = log_in(client, standing.writes)
        assert (answer.status_code, answer.headers["location"]) == (303, "/hosts")
        yield client


def log_in(client: httpx.Client, token: dict[str, str], after: str = "/hosts") -> httpx.Response:
    return client.post("/login", data={"token": token["Authorization"].removeprefix("Bearer "), "next": after})


def logged_in(console: Running, token: dict[str, str], after: str = "/hosts") -> httpx.Response:
    """The answer to a log-in of somebody new."""
    with httpx.Client(base_url=console.client.base_url, verify=console.trusted) as client:
        return log_in(client, token, after)


def csrf(client: httpx.Client, page: str = "/run") -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', client.get(page).text)
    assert found is not None
    return found[1]


def test_a_session_is_a_strict_cookie_that_no_script_reads(standing: Running) -> None:
    cookie = logged_in(standing, standing.writes).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/" in cookie


@pytest.mark.parametrize("path", FORMS)
def test_a_form_needs_a_session_and_its_own_token(standing: Running, browser: httpx.Client, path: str) -> None:
    def status(client: httpx.Client, token: str, **headers: str) -> int:
        fields = {"why": "x", "csrf_token": token}
        if path == "/run":
            parts = {name: (None, value) for name, value in fields.items()}
            return client.post(path, files=parts, headers=headers).status_code
        return client.post(path, data=fields, headers=headers).status_code

    assert status(standing.client, "") == 401
    assert status(browser, "") == 403
    assert status(browser, "A" * 32) == 403
    token = csrf(browser)
    assert status(browser, token) not in (401, 403)
    assert status(browser, token, Origin="null") == 403


def test_the_cookie_alone_changes_nothing_through_the_api(standing: Running, browser: httpx.Client) -> None:
    assert browser.post("/api/v1/analyze").status_code == 403
    assert browser.post("/api/v1/analyze", headers={"X-CSRF-Token": csrf(browser)}).status_code == 202


def test_one_who_may_read_only_sees_no_forms_and_sends_none(standing: Running) -> None:
    with httpx.Client(base_url=standing.client.base_url) as client:
        log_in(client, standing.reads)
        assert 'action="/run"' not in client.get("/run").text
        assert client.post("/config", data={"csrf_token": ""}).status_code == 403


def test_sessions_end_with_a_log_out_and_with_their_token(running: Running) -> None:
    with httpx.Client(base_url=running.client.base_url) as browser:
        log_in(browser, running.writes)
        cookie = {"Cookie": f"{COOKIE}={browser.cookies[COOKIE]}"}
        browser.post("/logout")
        assert browser.post("/config", data={}, headers=cookie).status_code == 401
        log_in(browser, running.writes)
        assert browser.post("/api/v1/analyze", headers={"X-CSRF-Token": csrf(browser)}).status_code == 202
        running.surface.store.remove_token("writer")
        assert browser.post("/api/v1/analyze").status_code == 401


def test_a_wrong_token_logs_nobody_in(standing: Running) -> None:
    answer = standing.client.post("/login", data={"token": "zb_x", "next": "/"})
    assert (answer.status_code, "set-cookie" in answer.headers) == (401, False)


@pytest.mark.parametrize(
    "address", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:1", "/a\nb"]
)
def test_a_log_in_leads_nowhere_else(standing: Running, address: str) -> None:
    assert logged_in(standing, standing.writes, address).headers["location"] == "/"


@pytest.mark.parametrize("path", [*PAGES, "/login", "/static/console.css", "/api/v1/beacons", "/nowhere"])
def test_every_answer_binds_the_browser(standing: Running, path: str) -> None:
    headers = standing.client.get(path, headers={"Accept": "text/html"}).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"


def test_pages_ask_to_log_in_where_reading_needs_it(standing: Running) -> None:
    asked = {"Host": "10.0.0.5", "Accept": "text/html"}
    for path in PAGES:
        assert standing.client.get(path, headers=asked).status_code == 303, path
    assert standing.client.get("/login", headers=asked).status_code == 200


def test_beyond_loopback_tls_is_needed() -> None:
    with pytest.raises(ConfigError, match="TLS is needed"):
        ServeConfig(listen="0.0.0.0:8520")
    with pytest.raises(ConfigError, match="belong together"):
        ServeConfig(tls_cert="x")
    assert not ServeConfig(listen="[::]:8520", tls_cert="x", tls_key="y").on_loopback
    for wrong in ("8520", "localhost:8520", "127.0.0.1:99999", "127.0.0.1:x", ":8520"):
        with pytest.raises(ConfigError, match="listen"):
            ServeConfig(listen=wrong)


def test_a_header_without_end_and_a_body_too_large_are_refused(standing: Running) -> None:
    answer = standing.client.get("/api/v1/beacons", headers={"X": "x" * 2_000_000})
    assert answer.status_code in (400, 431)
    big = standing.post("feedback", content=b"x" * (5 << 20), headers={"Content-Type": "application/json"})
    assert big.status_code == 413

    def chunks() -> Iterator[bytes]:
        yield from (b"x" * 65_536 for _ in range(100))

    streamed = standing.post("feedback", content=chunks(), headers={"Content-Type": "application/json"})
    assert streamed.status_code == 413
    port = standing.client.base_url.port
    with socket.create_connection(("127.0.0.1", port or 0)) as raw:
        raw.sendall(b"GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 4")


def test_everything_needs_a_token_over_tls_elsewhere(tmp_path: Path) -> None:
    """The command itself, with a certificate of its own, asked by an address that is not loopback's."""
    history(tmp_path)
    tls = certificate(tmp_path)
    with console(tmp_path, listen="0.0.0.0:0", **tls) as running:
        assert running.get("beacons").status_code == 401
        assert running.get("health").status_code == 401
        assert running.get("beacons", headers=running.reads).status_code == 200
        assert "strict-transport-security" in running.get("health").headers
        cookie = logged_in(running, running.writes).headers["set-cookie"].lower()
        assert "secure" in cookie
