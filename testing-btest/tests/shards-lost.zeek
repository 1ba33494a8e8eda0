# @TEST-DOC: A sidecar that is lost, and one that is back, is noticed with its shard; the other shard goes on, and who takes a shard over gets what waited in it.
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: $SCRIPTS/live steps.py %INPUT Beacons::shards=2 Beacons::sidecar_timeout=4sec
# @TEST-EXEC: cat peer/.stdout > output
# @TEST-EXEC: zeek-cut note msg < zeek/notice.log | sed -e 's/for [0-9]* s/for N s/' >> output
# @TEST-EXEC: btest-diff output

event Beacons::sidecar_lost(name: string, silence: interval, shard: count)
	{
	system(fmt("touch ../lost-%d", shard));
	}

# @TEST-START-FILE steps.py
import os

import peer

HOSTS = {1: "10.0.0.6", 2: "10.0.0.5"}  # by shard


def alive():
    first.send("heartbeat", queue=0, scored=0, dropped=0)
    return first.next("heartbeat")


first, second = peer.Peer("a1", shard=(1, 2)), peer.Peer("a2", shard=(2, 2))
print("in", first.hello()["accepted"], second.hello()["accepted"])
second.close()
while not os.path.exists("../lost-2"):
    alive()
for host in HOSTS.values():
    first.tell(f"feed {host} 203.0.113.7 443/tcp 6")
found = first.next("candidate")
print("of the first", found["orig_h"])
first.answer(found)
while alive()["outstanding"]:
    pass
third = peer.Peer("b2", shard=(2, 2))
print("taken over", third.hello()["accepted"])
third.send("resync")
found = third.next("candidate")
print("of the second", found["orig_h"], found["reason"])
third.answer(found)
while third.next("heartbeat")["outstanding"]:
    third.send("heartbeat", queue=0, scored=0, dropped=0)
print("the first was never lost", not os.path.exists("../lost-1"))
first.tell("end")
# @TEST-END-FILE
