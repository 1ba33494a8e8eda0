# @TEST-DOC: After suppress_for an incident that goes on is noticed again: at 0, 3 and 6 hours where it is 2 hours.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: $SCRIPTS/live steps.py %INPUT
# @TEST-EXEC: zeek-cut note src suppress_for < zeek/notice.log > output
# @TEST-EXEC: btest-diff output

redef allow_network_time_forward = F;
redef table_expire_interval = 1sec;
redef Beacons::suppress_for = 2hrs;

# Time goes on when the peer says so.
event Test::run(words: string)
	{
	if ( words == "hour" )
		set_network_time(network_time() + 1hr);
	}

event zeek_init()
	{
	set_network_time(current_time());
	}

# @TEST-START-FILE steps.py
import peer

zeek = peer.Peer()
zeek.hello()
zeek.tell("feed 10.0.0.5 203.0.113.7 443/tcp 6")
candidate = zeek.next("candidate")
for _ in range(7):
    zeek.alert(candidate)
    zeek.next("noticed")
    zeek.tell("hour")
    zeek.wait(0.2)
zeek.tell("end")
# @TEST-END-FILE
