"""Frames of Zeek's WebSocket API: they go both ways, and nothing makes reading one raise."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from tests.beacons.live.made import ANY_JSON
from zeek_beacons.live.protocol import frames
from zeek_beacons.live.protocol.frames import Ack, Event, PackedEvent, Refusal
from zeek_beacons.live.protocol.messages import (
    BadMessage,
)


def test_frames_go_both_ways() -> None:
    sent = Event("Beacons::verdict", '{"a": "\\u0000\\"\u00e9"}')
    assert frames.unframe(frames.frame(sent)) == sent
    assert frames.unframe(frames.frame(sent).encode()) == sent
    several = PackedEvent("Beacons::verdicts", (sent.text, "", "\u2028"))
    assert frames.unframe(frames.frame(several)) == several
    assert frames.unframe('{"type":"ack","endpoint":"e","version":"8"}') == Ack("e", "8")
    assert frames.unframe('{"type":"error","code":"c","context":"x"}') == Refusal("c", "x")


def test_raw_control_bytes_and_bad_utf8_in_a_frame_are_let_through() -> None:
    data = frames.frame(Event("Beacons::candidate", "NAME")).encode().replace(b"NAME", b"a\x0b\xff\x01b")
    assert frames.unframe(data) == Event("Beacons::candidate", "a\x0b\ufffd\x01b")


def test_what_is_no_string_among_several_is_left_out() -> None:
    content = json.loads(frames.frame(PackedEvent("Beacons::candidates", ("a", "b", "c", "d"))))
    elements = content["data"][2]["data"][1]["data"][0]["data"]
    elements[0]["data"], elements[1], elements[3] = 5, None, {}
    assert frames.unframe(json.dumps(content)) == PackedEvent("Beacons::candidates", (None, None, "c", None))


@given(st.binary() | st.text())
def test_no_bytes_make_unframe_raise(data: bytes | str) -> None:
    frames.unframe(data)


@given(ANY_JSON)
def test_no_json_makes_unframe_raise(content: object) -> None:
    frames.unframe(json.dumps(content))
    frames.unframe(json.dumps({"type": "data-message", "data": content}))
    frames.unframe(json.dumps({"type": "data-message", "data": [0, 0, {"data": content}]}))
    frames.unframe(json.dumps({"type": "data-message", "data": [0, 0, {"data": [{"data": "x"}, {"data": [content]}]}]}))


def test_an_endless_frame_is_not_even_parsed() -> None:
    assert frames.unframe("[" * (frames.LONGEST_FRAME + 1)) == BadMessage("frame too long")
