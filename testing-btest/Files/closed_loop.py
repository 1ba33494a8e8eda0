"""Answers every candidate of a cluster until Zeek ends: an alert where the pair has 24 connections or more.

Given a shard such as 1/2, those of that one.
"""

import sys

import peer

number, among = map(int, (sys.argv[1:] or ["1/1"])[0].split("/"))
zeek = peer.Peer(f"a{number}", shard=(number, among))
while not zeek.hello()["accepted"]:
    zeek.wait(0.2)
zeek.send("resync")
try:
    while True:
        name, fields = zeek.event()
        if name == "heartbeat":
            zeek.send("heartbeat", queue=0, scored=0, dropped=0)
        elif name == "candidate" and fields["conns"] >= 24:
            zeek.alert(fields)
        elif name == "candidate":
            zeek.answer(fields)
except (EOFError, ConnectionError):
    pass
found = {
    "nodes with pairs": {candidate["node"] for candidate in zeek.got.get("candidate", [])},
    "nodes heard": {beat["node"] for beat in zeek.got["heartbeat"]},
    "noticed": {one["orig_h"] for one in zeek.got.get("noticed", [])},
}
sys.stdout.writelines(f"{what}: {' '.join(sorted(which))}\n" for what, which in found.items())
