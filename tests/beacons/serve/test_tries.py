"""Wrong tokens: so many from one address, so many in all, and nobody who is right is shut out by others."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from zeek_beacons.serve.tries import IN_ALL, OF_ONE, WINDOW, Tries, network_of

from .made import Running, console, history


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def guess(tries: Tries, host: str, count: int = OF_ONE) -> None:
    for number in range(count):
        assert tries.wait(host) == 0
        tries.wrong(host, f"zb_{number}")


def test_an_address_waits_until_its_first_try_is_forgotten() -> None:
    clock = Clock()
    tries = Tries(clock)
    guess(tries, "192.0.2.1", 1)
    clock.now += 60
    for number in range(1, OF_ONE):
        tries.wrong("192.0.2.1", f"zb_{number}")
    assert tries.wait("192.0.2.1") == WINDOW - 60
    assert tries.wait("192.0.2.2") == 0
    clock.now += WINDOW - 60
    assert tries.wait("192.0.2.1") == 0
    tries.wrong("192.0.2.1", "zb_another")
    assert tries.wait("192.0.2.1") == 60


def test_an_old_token_that_is_tried_for_ever_counts_once() -> None:
    tries = Tries(Clock())
    for _ in range(10 * OF_ONE):
        tries.wrong("192.0.2.1", "zb_old")
    assert tries.wait("192.0.2.1") == 0


def test_in_all_there_is_a_limit_that_those_who_were_right_do_not_feel() -> None:
    clock = Clock()
    tries = Tries(clock)
    tries.right("10.0.0.5")
    for number in range(IN_ALL):
        tries.wrong(f"192.0.{number // 250}.{number % 250}", "zb_x")
    assert tries.wait("198.51.100.1") == WINDOW
    assert tries.wait("10.0.0.5") == 0
    guess(tries, "10.0.0.5")
    assert tries.wait("10.0.0.5") > 0


def test_no_number_of_strangers_takes_more_memory() -> None:
    tries = Tries(Clock())
    for number in range(20_000):
        host = f"2001:db8:{number:x}::1"
        tries.wrong(host, "zb_x")
        tries.right(host)
    assert len(tries._wrong) == IN_ALL
    assert len(tries._trusted) <= 1000


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
    ],
)
def test_ipv6_counts_by_network(host: str, network: str) -> None:
    assert network_of(host) == network


def test_log_ins_and_tokens_are_refused_unseen_after_too_many(tmp_path: Path) -> None:
    history(tmp_path)
    with console(tmp_path) as running:
        with httpx.Client(base_url=running.client.base_url) as inside:
            token = running.writes["Authorization"].removeprefix("Bearer ")
            assert inside.post("/login", data={"token": token}).status_code == 303
            for number in range(OF_ONE):
                assert wrong(running, number).status_code == 401
            refused = wrong(running, OF_ONE)
            assert refused.status_code == 429
            assert 0 < int(refused.headers["retry-after"]) <= WINDOW
            assert running.client.post("/login", data={"token": token}).status_code == 429, "right ones wait too"
            told = running.get("beacons", headers=running.reads)
            assert (told.status_code, told.headers["content-type"]) == (429, "application/problem+json")
            assert int(told.headers["retry-after"]) > 0
            page = running.client.post("/login", data={"token": "x"}, headers={"Accept": "text/html"})
            assert (page.status_code, page.headers["content-type"].partition(";")[0]) == (429, "text/html")
            assert "try again in" in page.text
            assert int(page.headers["retry-after"]) > 0
            assert inside.get("/run").text.count("Log out"), "who is in stays in"
        assert running.get("beacons").status_code == 200, "reading on loopback needs no token"


def wrong(running: Running, number: int) -> httpx.Response:
    """By the form and by the header in turn: both count."""
    if number % 2:
        return running.client.post("/login", data={"token": f"zb_{number}"})
    return running.get("beacons", headers={"Authorization": f"Bearer zb_{number}"})
