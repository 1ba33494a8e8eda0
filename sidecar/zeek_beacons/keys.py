"""What a pair is known by, on every road and in every file."""

from __future__ import annotations

from typing import TypeAlias

# What the observations of a pair are: connections; requests inside kept-alive ones; queries to name servers; what goes
# through a proxy; exchanges inside one connection.
CHANNELS = ("conn", "http", "dns", "proxy", "poll")
CONN, HTTP, DNS, PROXY, POLL = CHANNELS  # connections also where nothing is said

KEY_COLUMNS = ("orig_h", "resp", "resp_p", "proto", "channel")
Key: TypeAlias = tuple[str, str, int, str, str]  # of these


def server_of(resp: str, channel: str) -> str:
    """The responder without what a channel adds to it: of `http` the stem of the URI."""
    return resp.partition("/")[0] if channel == HTTP else resp


def key_text(key: Key) -> str:
    """A key as one text, of connections as it was before there were other channels: names are made of it."""
    return "\t".join(map(str, key[:-1] if key[-1] == CONN else key))
