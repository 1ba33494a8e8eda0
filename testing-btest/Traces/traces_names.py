"""What servers are called, looked up by, and present: TLS, HTTP and DNS; written by `make_traces.py`."""

from __future__ import annotations

from collections.abc import Callable

from packets import (
    AAAA,
    HTTP_REPLY,
    A,
    Trace,
    certificate,
    client_hello,
    dns_answer,
    dns_query,
    http_get,
    server_certificates,
)

T0 = 1_700_000_000.0
C2 = ("203.0.113.7", 4444)
REQUEST, REPLY = b"q" * 64, b"r" * 128


def names() -> Trace:
    """One TLS name behind four addresses, one HTTP host, and two names behind one address."""
    trace = Trace()
    for i in range(12):
        server = (f"203.0.113.{10 + i % 4}", 443)
        trace.tcp(T0 + 60 * i, ("10.0.0.5", 40_000 + i), server, client_hello(b"C2.Example.com"))
        trace.tcp(
            T0 + 60 * i + 5, ("10.0.0.6", 41_000 + i), ("203.0.113.20", 80), http_get(b"web.example:80"), HTTP_REPLY
        )
        shared = b"one.example" if i % 2 else b"two.example"
        trace.tcp(T0 + 60 * i + 9, ("10.0.0.7", 42_000 + i), ("203.0.113.30", 443), client_hello(shared))
    return trace


def hostile_names() -> Trace:
    """Server names that attack whoever prints them: control bytes, broken UTF-8, JSON, far too long, an address.

    And some that a log escapes, or that one program takes for another thing than the next one does.
    """
    trace = Trace()
    hostile = (b"a\x01b\n\x1b[31m.example", b"\xff\xfe.example", b'{"x":"y\\z"}, comma', b"n" * 400, b"203.0.113.7")
    hostile += (
        "\u00c4\u212a.Example".encode(),
        b"blank.example\t",
        b"010.0.0.1",
        b"+1.2.3.4",
        b"[\n::1",
        b"-",
        b"(empty)",
    )
    for number, name in enumerate(hostile):
        for i in range(2):
            server = (f"203.0.113.{40 + number}", 443)
            trace.tcp(T0 + 60 * i + number, ("10.0.0.5", 40_000 + 10 * number + i), server, client_hello(name))
    return trace


def resolver() -> Trace:
    """A tunnel under one domain among queries for others, all to one resolver."""
    trace = Trace()
    for i in range(8):
        tunnel = dns_query(f"x{i * 7919}.tunnel.co.uk", i)
        trace.udp(T0 + 60 * i, ("10.0.0.5", 40_000 + i), ("10.0.0.53", 53), tunnel)
        trace.udp(T0 + 37 * i, ("10.0.0.5", 41_000 + i), ("10.0.0.53", 53), dns_query(f"www.site{i}.example", i))
    return trace


def majority() -> Trace:
    """Servers with several names: one that most connections carry, none that does, and more names than are counted."""
    trace, port = Trace(), iter(range(40_000, 50_000))
    late = [f"n{number}" for number in range(10)] + ["late"] * 16
    for number, names in enumerate((["a"] * 7 + ["b"] * 3 + [""] * 4, ["a", "b"] * 4, late, ["a"] * 6 + [""] * 6)):
        for i, name in enumerate(names):
            hello = client_hello(f"{name}.example".encode() if name else b"")
            trace.tcp(T0 + 60 * i + number, (f"10.0.0.{number + 5}", next(port)), ("203.0.113.30", 443), hello)
    return trace


def lookups() -> Trace:
    """Names that servers were looked up by: through an alias, by another client, too late, too long ago, one of two."""
    trace, number, port = Trace(), iter(range(1000)), iter(range(50_000, 60_000))

    def look_up(
        ts: float, client: str, name: str, *records: str, ttl: int = 60, kind: int = A, resolver: str = ""
    ) -> None:
        query = next(number)
        answer = dns_answer(name, query, *records, ttl=ttl, kind=kind)
        resolver = resolver or ("2001:db8::53" if ":" in client else "10.0.0.53")
        trace.udp(ts, (client, next(port)), (resolver, 53), dns_query(name, query, kind), answer)

    def connect(ts: float, client: str, server: str = C2[0], lasts: float = 0.1) -> None:
        trace.tcp(ts, (client, next(port)), (server, C2[1]), REQUEST, REPLY, lasts=lasts)

    look_up(T0 - 5, "10.0.0.5", "C2.Example", "cdn.example.net", "203.0.113.8", C2[0])
    look_up(T0 + 245, "10.0.0.7", "late.example", C2[0])
    look_up(T0 - 7200, "10.0.0.8", "old.example", C2[0])
    look_up(T0 - 7200, "10.0.0.9", "day.example", C2[0], ttl=86_400)
    look_up(T0 - 5, "2001:db8::5", "six.example", "2001:db8:ffff::7", kind=AAAA)
    look_up(T0 - 4, "10.0.0.12", "long.example", C2[0])
    # A server's own name server is not believed about it, one of another network is.
    look_up(T0 - 5, "10.0.0.13", "bank.example", "45.0.0.7", resolver="45.0.0.53")
    look_up(T0 - 5, "10.0.0.14", "bank.example", "45.0.0.7", resolver="45.0.1.53")
    for i in range(6):
        if i < 2:
            connect(T0 + 60 * i + 5, "10.0.0.13", "45.0.0.7")
            connect(T0 + 60 * i + 5, "10.0.0.14", "45.0.0.7")
        for host in ("10.0.0.5", "10.0.0.6", "10.0.0.7", "10.0.0.8", "10.0.0.9"):
            connect(T0 + 60 * i, host)
        connect(T0 + 60 * i, "2001:db8::5", "2001:db8:ffff::7")
        # One address with two names: the one that was asked for last.
        look_up(T0 + 60 * i + 1, "10.0.0.11", "often.example" if i % 4 else "seldom.example", C2[0])
        connect(T0 + 60 * i + 2, "10.0.0.11")
        # The name changes while the connection lasts.
        connect(T0 + 60 * i, "10.0.0.12", lasts=50.0)
        look_up(T0 + 60 * i + 10, "10.0.0.12", "meanwhile.example", C2[0])
        look_up(T0 + 60 * i + 20, "10.0.0.12", "long.example", C2[0])
    return trace


def tls_servers() -> Trace:
    """Twelve TLS servers, nine of which some client names, one of these on one port of two only."""
    trace = Trace()
    for server in range(12):
        for i in range(6):
            hello = client_hello(b"a.example" if server < 9 and i == 3 else b"")
            trace.tcp(
                T0 + 60 * i + server, ("10.0.0.5", 40_000 + 100 * server + i), (f"203.0.113.{server}", 443), hello
            )
    for i in range(6):
        trace.tcp(T0 + 60 * i + 30, ("10.0.0.5", 45_000 + i), ("203.0.113.0", 8443), client_hello())
    return trace


def presented() -> Trace:
    """What servers and clients show: certificates, and user agents.

    10.0.0.5 and .6 meet two servers with one self-signed certificate, .7 one whose certificate is renewed, .8 one
    without alternative names, .9 one whose names are an attack; .10 and .11 share a user agent, .12 names no host, .13
    gives no user agent but once, .14 gives a hostile one, and .15 gets no answer.
    """
    trace = Trace()
    own = certificate("localhost", days=3650)
    issued = [
        certificate("shop.example", "Test CA", ("shop.example", "*.Shop.example"), 90, "Tests, Inc.", n) for n in (1, 2)
    ]
    plain = certificate("a,b.example", "Test CA", days=397)
    hostile = certificate("x\n\u00c4" + "n" * 50, "evil\x01\u00c4" + "i" * 55, ("a\x01b.example", "n" * 100), days=0)
    agents = {"10.0.0.10": b"Tool/1.0", "10.0.0.11": b"Tool/1.0", "10.0.0.12": b"Tool/2.0"}
    for i in range(5):
        ts, port = T0 + 60 * i, 40_000 + i
        for host, server, name, cert in (
            ("10.0.0.5", 60, b"cdn.example", own),
            ("10.0.0.6", 61, b"", own),
            ("10.0.0.7", 62, b"www.shop.example", issued[i // 3]),
            ("10.0.0.8", 63, b"b.example", plain),
            ("10.0.0.9", 64, b"a.example", hostile),
        ):
            shown = server_certificates(cert) if i != 3 else b""
            trace.tcp(ts + server / 60, (host, port), (f"203.0.113.{server}", 443), client_hello(name), shown)
        for host, agent in agents.items():
            asks = http_get(b"" if host.endswith("12") else b"web.example", agent)
            trace.tcp(ts + 3, (host, port), ("203.0.113.70", 80), asks, HTTP_REPLY)
        trace.tcp(
            ts + 5, ("10.0.0.13", port), ("203.0.113.70", 80), http_get(b"web.example", b"Late" * (i == 2)), HTTP_REPLY
        )
        odd = b"odd\x01\xff \\x41 " + b"u" * 220
        trace.tcp(ts + 6, ("10.0.0.14", port), ("203.0.113.71", 80), http_get(b"web.example", odd), HTTP_REPLY)
        trace.tcp(ts + 7, ("10.0.0.15", port), ("203.0.113.72", 80), http_get(b"web.example"))
    return trace


TRACES: dict[str, Callable[[], Trace]] = {
    make.__name__: make for make in (names, hostile_names, resolver, majority, lookups, tls_servers, presented)
}
