# @TEST-DOC: What comes from outside is tracked when asked for, under a cap of its own that leaves those who come back.
# @TEST-EXEC: zeek -b -r $TRACES/strangers.pcap $PACKAGE %INPUT > counts
# @TEST-EXEC: echo default > output; cat counts >> output; zeek-cut reason id.orig_h conns < beacon_candidates.log | grep -E 'final|gate' | sort >> output
# @TEST-EXEC: for d in FROM_LOCAL OUTBOUND; do zeek -b -r $TRACES/strangers.pcap $PACKAGE %INPUT Beacons::track_inbound=T Beacons::direction=Beacons::$d > counts; echo asked for, $d; cat counts; zeek-cut reason id.orig_h conns < beacon_candidates.log | grep -E 'final|gate' | grep -v 203.0.113 | sort; zeek-cut message < reporter.log | grep max_inbound_pairs | head -1 | sed 's/[0-9]* pairs evicted/N pairs evicted/'; done >> output
# @TEST-EXEC: btest-diff output

module Beacons;

redef Beacons::max_inbound_pairs = 20;
redef Beacons::sweep_interval = 2mins;

global most: count = 0;

event connection_state_remove(c: connection) &priority=-10
	{
	if ( |inbound_pairs| > most )
		most = |inbound_pairs|;
	}

event zeek_done() &priority=-20
	{
	print fmt("from outside at most %d, evicted %d", most, evicted_inbound);
	for ( i, p in inbound_pairs )
		if ( p$inbound_place != i + 1 || pairs[place_of(p) - 1]$uid != p$uid )
			print "misplaced", p;
	}
