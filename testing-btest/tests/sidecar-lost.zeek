# @TEST-DOC: A sidecar that is gone for sidecar_timeout is noticed as lost, once; meanwhile the heuristic speaks where that is wanted; and it is noticed as back.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: $SCRIPTS/live steps.py %INPUT Beacons::sidecar_timeout=1sec
# @TEST-EXEC: zeek-cut note src dst msg < zeek/notice.log | sed -e 's/for [0-9]* s/for N s/' > output
# @TEST-EXEC: btest-diff output

redef Beacons::heuristic_when_lost = T;

event Beacons::sidecar_lost(name: string, silence: interval, shard: count)
	{
	Test::feed("10.0.0.5", "203.0.113.7", 443/tcp, 24);
	system("touch ../lost");
	}

# @TEST-START-FILE steps.py
import os

import peer

zeek = peer.Peer()
zeek.hello()
zeek.close()
while not os.path.exists("../lost"):
    zeek.wait(0.1)
zeek = peer.Peer()
zeek.hello()
zeek.next("heartbeat")
zeek.tell("end")
# @TEST-END-FILE
