"""Names that are made of keys stay what they were before there were channels."""

from __future__ import annotations

from zeek_beacons.incidents import identity
from zeek_beacons.keys import CHANNELS, CONN, Key
from zeek_beacons.store.keys import id_of, pair_number


def key(channel: str = CONN) -> Key:
    return "10.0.0.5", "c2.example", 443, "tcp", channel


def test_what_is_called_by_connections_keeps_its_name() -> None:
    assert id_of(pair_number(key())) == "2945dc67356100df"
    assert identity(key()) == "9c4d168a40"


def test_every_channel_has_names_of_its_own() -> None:
    assert len({pair_number(key(channel)) for channel in CHANNELS}) == len(CHANNELS)
    assert len({identity(key(channel)) for channel in CHANNELS}) == len(CHANNELS)
