# @TEST-DOC: Each sidecar gets the candidates of its shard alone, numbered without a gap, and what is said of them; what is asked for, or answered, in one does not touch the others.
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: $SCRIPTS/live steps.py Beacons::shards=2 Beacons::sidecar_timeout=1hr
# @TEST-EXEC: cat peer/.stdout > output
# @TEST-EXEC: btest-diff output

# @TEST-START-FILE steps.py
import hashlib

import peer

HOSTS = [f"10.0.0.{n}" for n in range(1, 9)]


def shard_of(host):
    return int.from_bytes(hashlib.sha256(host.encode()).digest()[:4], "big") % 2 + 1


both = {n: peer.Peer(f"a{n}", shard=(n, 2)) for n in (1, 2)}
for n, one in both.items():
    print("shard", n, one.hello()["accepted"])
for host in HOSTS:
    both[1].tell(f"feed {host} 203.0.113.7 443/tcp 6")
for n, one in both.items():
    own = [host for host in HOSTS if shard_of(host) == n]
    found = [one.next("candidate") for _ in own]
    print("shard", n, sorted(c["orig_h"] for c in found) == own, [c["seq"] for c in found] == list(range(1, len(own) + 1)))
    while (beat := one.next("heartbeat"))["seq"] < len(own):
        pass
    print("its own waits", beat["outstanding"] == len(own), beat["lost"])

first, second = both[1], both[2]
print("both, asked in one")
first.send("resync", all=True)
again = [first.next("candidate") for _ in list(first.got["candidate"])]
print("again", {shard_of(c["orig_h"]) for c in again}, {c["reason"] for c in again})

print("an alert in each, and the first's answers")
first.alert(again[0])
second.alert(second.got["candidate"][0])
for n, one in both.items():
    print("noticed", n, shard_of(one.next("noticed")["orig_h"]))
for c in again[1:]:
    first.answer(c)
while first.next("heartbeat")["outstanding"]:
    pass
print("the first has all; the second waits for", second.next("heartbeat")["outstanding"] > 0)
print("the second's were not asked for", len(second.got["candidate"]) == sum(shard_of(host) == 2 for host in HOSTS))

print("in the other's name")
first.answer(second.got["candidate"][1])
print("waits", second.next("heartbeat")["outstanding"] == second.next("heartbeat")["outstanding"] > 0)
first.tell("end")
# @TEST-END-FILE
