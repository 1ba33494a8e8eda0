"""What protocols tell of the two ends of a pair: TLS, HTTP and SSH; written by `make_traces.py`."""

from __future__ import annotations

from collections.abc import Callable

from packets import Talk, Trace, certificate, client_hello, server_certificates, server_hello
from traces_web import opened, request

T0 = 1_700_000_000.0
SESSION = b"s" * 32
PAGE = b"<html><body>" + b"z" * 40


def page(status: bytes) -> bytes:
    """An answer that looks like HTML."""
    return b"HTTP/1.1 " + status + b"\r\nContent-Length: %d\r\n\r\n" % len(PAGE) + PAGE


def protocols() -> Trace:
    """Each comes back every minute, six times; but for the last one the servers lie outside.

    10.0.0.5 posts and is told 404, asks once more without an answer, and uses the agent of .6; .7 and .8 speak SSH, the
    latter's version is an attack. 10.0.0.9 asks two servers over TLS for a name that their certificate does not have,
    resumes with the one, and in the end gets no answer from the other; .10 asks for the right name. .11 does not get
    through to its neighbour.
    """
    trace = Trace()
    own = certificate("b.example", names=("b.example", "*.c.example"))
    for i in range(6):
        ts, port = T0 + 60 * i, 40_000 + i
        talk = opened(trace, ts, ("10.0.0.5", port), ("185.12.45.60", 80))
        talk.exchange(ts + 0.1, request(b"GET", b"/", b"web.example", agent=b"Tool/1.0"), page(b"200 OK"))
        asked = request(b"POST", b"/submit.php?id=%d" % i, b"web.example", b"x" * 64, b"Tool/1.0")
        talk.exchange(ts + 0.3, asked, page(b"404 Not Found"))
        talk.exchange(ts + 0.5, request(b"GET", b"/more", b"web.example", agent=b"Tool/1.0"), b"")
        talk.close(ts + 0.7)
        odd = request(b"GET", b"/\x01\xff\\x41" + b"u" * 150 + b"#x", b"web.example", agent=b"Tool/1.0")
        trace.tcp(ts + 1, ("10.0.0.6", port), ("185.12.45.61", 80), odd, page(b"200 OK"))
        for host, client in (("10.0.0.7", b"libssh2_1.9.0"), ("10.0.0.8", b"\xff=\\x41," + b"v" * 150)):
            ssh(opened(trace, ts + 2, (host, port), ("185.12.45.62", 22)), ts + 2.1, client)
        for server in (63, 64):
            answer = server_certificates(own)
            asked = client_hello(b"a.example")
            if server == 63 and i == 5:
                asked, answer = client_hello(b"a.example", SESSION), server_hello(SESSION)
            elif i == 5:
                answer = b""
            trace.tcp(ts + server / 20, ("10.0.0.9", port), (f"185.12.45.{server}", 443), asked, answer)
        trace.tcp(
            ts + 4, ("10.0.0.10", port), ("185.12.45.64", 443), client_hello(b"x.c.example"), server_certificates(own)
        )
        trace.tcp(ts + 5, ("10.0.0.11", port), ("10.0.0.12", 22), end="unanswered")
    return trace


def ssh(talk: Talk, start: float, client: bytes) -> None:
    """Both sides say which SSH they are."""
    talk.exchange(start, b"", b"SSH-2.0-OpenSSH_9.2p1\r\n")
    talk.exchange(start + 0.1, b"SSH-2.0-" + client + b"\r\n", b"")
    talk.close(start + 0.3)


TRACES: dict[str, Callable[[], Trace]] = {"protocols": protocols}
