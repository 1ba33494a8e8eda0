"""A pair's responder as people write it, and how its channel reaches it."""

from __future__ import annotations

from zeek_beacons.keys import CONN, DNS, HTTP, POLL, PROXY

# How a channel's observations reach the responder; {addr} is the other end that was seen.
WAYS = {
    CONN: "",
    HTTP: "inside kept-alive connections",
    DNS: "in queries to {addr}",
    PROXY: "through the proxy {addr}",
    POLL: "inside connections that stay open",
}


def server_text(resp: str, resp_p: int, proto: str, channel: str) -> str:
    """`198.51.100.7:443`, `c2.example:53/udp`, `[2001:db8::7]:443`, with a stem `c2.example:80/poll`."""
    host, slash, path = resp.partition("/") if channel == HTTP else (resp, "", "")
    bracketed = f"[{host}]" if ":" in host else host
    return f"{bracketed}:{resp_p}" + ("" if proto == "tcp" else f"/{proto}") + slash + path


def way(channel: str, addr: str) -> str:
    """How the responder is reached, "" for plain connections."""
    return WAYS[channel].format(addr=addr)
