"""What operators say through API and console holds in a sidecar that runs, and in what its Zeek raises."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Self

import httpx
import pytest

from .lab import Lab
from .test_surface import console, told

FIRST_HOST, FIRST_SERVER = IPv4Address("10.0.0.1"), IPv4Address(755_000_000)  # as drive.zeek makes them
ALLOWED, SNOOZED, FALSE, KEPT = 0, 2, 4, 6  # pairs that check in
TRUE = 1  # one that comes by chance
COLLECTED = "192.0.2.77"


@pytest.fixture
def lab(zeek: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    with Lab(tmp_path, zeek) as made:
        yield made


def host(number: int) -> str:
    return str(FIRST_HOST + number)


def key(number: int) -> dict[str, Any]:
    return {"orig_h": host(number), "resp": str(FIRST_SERVER + number), "resp_p": 443, "proto": "tcp"}


class Operator:
    """Somebody with a token, at the API and in a browser."""

    def __init__(self, lab: Lab, url: str) -> None:
        self._lab = lab
        token = told("token", "add", "ana", "--write", "--history", str(lab.history)).strip()
        headers = {"Authorization": f"Bearer {token}"}
        self._api = httpx.Client(base_url=f"{url}/api/v1/", headers=headers, timeout=60)
        self._browser = httpx.Client(base_url=url, follow_redirects=True, headers={"Accept": "text/html"}, timeout=60)
        self._browser.post("/login", data={"token": token, "next": "/login"}).raise_for_status()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._api.close()
        self._browser.close()

    def say(self, what: str, **body: Any) -> None:
        """By the API."""
        answer = self._api.post(what, json=body or None)
        assert answer.status_code < 300, answer.text

    def send(self, page: str, form: str, **fields: str) -> None:
        """By a form of the console, which answers with the page that follows."""
        token = re.search(r'name="csrf_token" value="([^"]+)"', self._browser.get(page).text)
        assert token is not None
        answer = self._browser.post(form, data=fields | {"csrf_token": token[1], "next": page})
        assert answer.status_code == 200, answer.text

    def pair(self, address: str) -> dict[str, Any]:
        """The pair of a host; empty where there is none."""
        rows = self._api.get("connections", params={"host": address}).json().get("rows", [])
        return dict(rows[0]) if rows else {}

    def sidecar(self) -> dict[str, Any]:
        return self._api.get("status").json()["sidecar"] or {}

    def follows(self, condition: Callable[[dict[str, Any]], object], what: str) -> None:
        """Waits until the sidecar says that it holds to what was said."""
        self._lab.until(lambda: condition(self.sidecar().get("operator") or {}), what)

    def judged_again(self) -> None:
        """Asks for all that is held to be judged again, and waits until it was."""
        before = self.sidecar()["operator"]["analysis"]["done"]
        self.say("analyze")
        self.follows(lambda told: told["analysis"]["done"] > before, "all was judged again")


def test_what_is_said_holds_in_the_running_sidecar(lab: Lab) -> None:
    alerts = lab.folder / "alerts.json"
    sidecar = lab.start_sidecar("--alert", f"file:{alerts}")
    with console(lab) as url, Operator(lab, url) as operator:
        # Said before Zeek sees any of them.
        operator.say("allow", entry=f"pair {host(ALLOWED)} {key(ALLOWED)['resp']} 443/tcp", why="our own")
        operator.say("snooze", **key(SNOOZED), until="4h", why="patch day")
        operator.say("feedback", **key(FALSE), verdict="false", why="backup")
        operator.follows(
            lambda told: [told.get(name) for name in ("allow_entries", "snoozed", "feedback")] == [1, 1, 1],
            "the sidecar follows what was said",
        )
        zeek = lab.start_zeek(pairs=8, conns=60, pause=0.02)
        lab.until(lambda: zeek.tells()[0] and not zeek.tells()[1], "every candidate is answered")
        lab.until(lambda: operator.pair(host(KEPT)).get("level"), "what nobody spoke of alerts")
        for number, why in ((ALLOWED, "allow-list"), (SNOOZED, "snoozed"), (FALSE, "feedback")):
            row = operator.pair(host(number))
            assert (row["label"], row["level"], row["suppressed"]) == ("beacon", 0, why)

        # Said of what is held, half of it in the console.
        operator.send("/decisions", "/decisions/allow-1/undo")
        page = f"/beacons/{operator.pair(host(KEPT))['id']}"
        operator.send(page, f"{page}/allow", scope="subnet", subnet=f"{key(KEPT)['resp']}/32", why="a CDN")
        operator.say("feedback", **key(TRUE), verdict="true", why="seen on the host")
        operator.follows(lambda told: (told["allow_entries"], told["feedback"]) == (1, 2), "it follows that too")
        operator.judged_again()
        assert operator.pair(host(ALLOWED))["level"] > 0
        assert operator.pair(host(KEPT))["suppressed"] == "allow-list"
        assert operator.pair(host(TRUE))["level"] >= 3

        # Settings: the threshold in force is the one that verdicts are made by.
        operator.say("config", threshold=0.875)
        operator.follows(lambda told: told["settings"] == {"threshold": "0.875"}, "the threshold is followed")
        operator.judged_again()
        assert operator.pair(host(ALLOWED))["threshold"] == 0.875
        operator.send("/diagnostics", "/config", profile="sensitive", threshold="")
        lab.until(lambda: operator.sidecar()["alerting"]["profile"] == "sensitive", "the profile is followed")

        # Connections of a collector that is no Zeek.
        operator.say("telemetry", connections=[collected(number) for number in range(60)])
        lab.until(lambda: operator.pair(COLLECTED), "the collector's pair is judged")
        assert (operator.pair(COLLECTED)["connections"], operator.pair(COLLECTED)["label"]) == (60, "beacon")
        assert sidecar.poll() is None, "one sidecar, all the time"
        lab.settle()
    # Zeek had its verdicts before anything was judged again. What comes by chance may alert while few of it came.
    noticed = {name[0] for name, _ in lab.notices()}
    assert host(KEPT) in noticed
    assert not noticed & {host(ALLOWED), host(SNOOZED), host(FALSE)}
    assert {name for name, _ in lab.notices()} <= lab.expected()[1], "never alerted"
    told_of = {json.loads(line)["orig_h"] for line in alerts.read_text().splitlines()}
    assert {host(KEPT), host(ALLOWED), host(TRUE)} <= told_of
    assert not {host(SNOOZED), host(FALSE)} & told_of


def collected(number: int) -> dict[str, Any]:
    return {
        "ts": 1_700_000_000.0 + 60 * number,
        "id.orig_h": COLLECTED,
        "id.resp_h": "203.0.113.200",
        "id.resp_p": 8443,
        "proto": "tcp",
        "duration": 0.2,
        "orig_bytes": 300,
        "resp_bytes": 1200,
        "conn_state": "SF",
    }
