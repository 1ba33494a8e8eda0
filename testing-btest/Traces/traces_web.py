"""Check-ins inside kept-alive connections, and through proxies; written by `make_traces.py`."""

from __future__ import annotations

import random
from collections.abc import Callable

from packets import HTTP_REPLY, RTT, Talk, Trace, client_hello, server_certificates

T0 = 1_700_000_000.0
ACK, SYN, SYN_ACK = 0x10, 0x02, 0x12
C2 = ("185.12.45.60", 80)
NEWS = ("185.12.45.61", 80)
PROXY = ("10.0.0.9", 3128)
SLEEP, CHECK_INS = 60.0, 60


def opened(trace: Trace, start: float, orig: tuple[str, int], resp: tuple[str, int]) -> Talk:
    """A TCP connection that nobody closes yet."""
    talk = Talk(trace, orig, resp)
    talk.say(start, True, SYN)
    talk.say(start + RTT, False, SYN_ACK)
    talk.say(start + 1.1 * RTT, True, ACK)
    return talk


def request(method: bytes, uri: bytes, host: bytes, body: bytes = b"", agent: bytes = b"Mozilla/5.0") -> bytes:
    """An HTTP request; without a host it has no such line."""
    lines = [method + b" " + uri + b" HTTP/1.1", b"Host: " + host if host else b"", b"User-Agent: " + agent]
    lines.append(b"Content-Length: %d" % len(body) if body else b"")
    return b"\r\n".join([line for line in lines if line] + [b"", body])


def reply(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def waits(seed: int) -> list[float]:
    """When an implant with 20 % jitter checks in, in seconds from its start."""
    pick = random.Random(seed)
    moments = [0.0]
    for _ in range(CHECK_INS - 1):
        moments.append(moments[-1] + SLEEP * (1 - 0.2 * pick.random()))
    return moments


def keep_alive(trace: Trace, orig: str, host: bytes, uri: bytes, seed: int, every_third: bytes = b"") -> None:
    """An implant that asks the same server over one connection; every third time for something else."""
    talk = opened(trace, T0, (orig, 40_000), C2)
    for number, moment in enumerate(waits(seed)):
        path = every_third if every_third and number % 3 == 2 else uri
        talk.exchange(T0 + 1 + moment, request(b"POST", path + b"?id=%d" % number, host, b"x" * 64), reply(b"y" * 16))
    talk.close(T0 + 1 + moment + 5)


def page(trace: Trace, orig: str, seed: int) -> None:
    """Somebody reads the news, and its page asks for scores every 30 s over one connection."""
    pick = random.Random(seed)
    talk = opened(trace, T0, (orig, 41_000), NEWS)
    moment = T0 + 1
    for number in range(14):
        asked = request(b"GET", b"/stories/%d.html" % number, b"www.news.example")
        talk.exchange(moment, asked, reply(b"z" * 900))
        moment += pick.choice((4, 30, 200)) * (0.5 + pick.random())
    talk.close(moment + 5)
    poll = opened(trace, T0 + 2, (orig, 41_001), NEWS)
    for number in range(100):
        poll.exchange(
            T0 + 3 + 30 * number, request(b"GET", b"/scores.json?%d" % number, b"poll.news.example"), reply(b"{}")
        )
    poll.close(T0 + 3100)


def web() -> Trace:
    """Implants on one connection: with one path, two, no Host; a page that polls; requests without an answer."""
    trace = Trace()
    keep_alive(trace, "10.0.0.5", b"c2.example", b"/submit.php", 1)
    keep_alive(trace, "10.0.0.6", b"", b"/beacon", 2)
    keep_alive(trace, "10.0.0.7", b"c2.example", b"/news", 3, every_third=b"/mail")
    page(trace, "10.0.0.8", 4)
    silent = opened(trace, T0, ("10.0.0.10", 40_000), C2)
    for number in range(8):
        silent.exchange(T0 + 5 * number, request(b"GET", b"/\xff\x00 <b>%d" % number, b"odd.example"), b"")
    silent.close(T0 + 100)
    return trace


def proxied() -> Trace:
    """Through one proxy: an implant by CONNECT, one by absolute URIs, and others' browsing."""
    trace = Trace()
    for number, moment in enumerate(waits(5)):
        talk = opened(trace, T0 + moment, ("10.0.0.5", 42_000 + number), PROXY)
        asked = request(b"CONNECT", b"c2.example:443", b"c2.example:443")
        talk.exchange(T0 + moment + 0.1, asked, b"HTTP/1.1 200 Connection established\r\n\r\n")
        talk.exchange(T0 + moment + 0.3, client_hello(b"c2.example"), server_certificates(b""))
        talk.close(T0 + moment + 1.5)
    for number, moment in enumerate(waits(6)):
        talk = opened(trace, T0 + moment, ("10.0.0.6", 43_000 + number), PROXY)
        asked = request(b"GET", b"http://plain.example:8080/poll?%d" % number, b"plain.example:8080")
        talk.exchange(T0 + moment + 0.1, asked, HTTP_REPLY)
        talk.close(T0 + moment + 1.0)
    pick = random.Random(7)
    moment = T0
    for number in range(60):
        moment += pick.expovariate(1 / 55)
        talk = opened(trace, moment, ("10.0.0.7", 44_000 + number), PROXY)
        host = b"www%d.site.example" % pick.randrange(9)
        talk.exchange(
            moment + 0.1, request(b"GET", b"http://" + host + b"/%d" % number, host), reply(b"z" * (number * 37 % 900))
        )
        talk.close(moment + 2)
    return trace


TRACES: dict[str, Callable[[], Trace]] = {"web": web, "proxied": proxied}
