# @TEST-DOC: Unanswered candidates of pairs no longer tracked are kept up to max_orphans and published when a sidecar comes; beyond they count as lost.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: $SCRIPTS/live steps.py %INPUT
# @TEST-EXEC: cat peer/.stdout > output
# @TEST-EXEC: btest-diff output

module Beacons;

redef max_orphans = 2;

event Test::run(words: string)
	{
	if ( words != "drop" )
		return;
	while ( |pairs| > 0 )
		drop_pair(1, "evicted", 6);
	}

# @TEST-START-FILE steps.py
import peer

zeek = peer.Peer()
for host in range(3):
    zeek.tell(f"feed 10.0.0.{host} 203.0.113.7 443/tcp 7")
zeek.next("heartbeat")
zeek.tell("drop")
zeek.next("heartbeat")
zeek.next("heartbeat")
beat = zeek.next("heartbeat")
print("published", beat["seq"], "outstanding", beat["outstanding"], "lost", beat["lost"])
zeek.hello()
for candidate in (zeek.next("candidate"), zeek.next("candidate")):
    print(candidate["seq"], candidate["conns"], candidate["reason"], len(candidate["starts"]))
    zeek.answer(candidate)
while (beat := zeek.next("heartbeat"))["outstanding"]:
    pass
print("published", beat["seq"], "outstanding", beat["outstanding"], "lost", beat["lost"])
zeek.tell("end")
# @TEST-END-FILE
