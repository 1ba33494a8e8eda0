# @TEST-DOC: Under a flood of pairs the cap holds, the beacon stays, and the Reporter says what was given up.
# @TEST-EXEC: zeek -b -r $TRACES/flood.pcap $PACKAGE %INPUT > counts
# @TEST-EXEC: zeek-cut reason id.orig_h conns dropped < beacon_candidates.log | grep 10.0.0.5 | grep final > output
# @TEST-EXEC: cat counts >> output
# @TEST-EXEC: zeek-cut message < reporter.log | grep max_pairs | head -1 | sed 's/[0-9]* pairs evicted/N pairs evicted/; s/[0-9]* of them/N of them/' >> output
# @TEST-EXEC: btest-diff output

module Beacons;

redef Beacons::max_pairs = 100;
redef Beacons::sweep_interval = 2mins;

event zeek_done() &priority=-20
	{
	print fmt("within the cap: %s", |pairs| <= 100);
	print fmt("evicted: %s", evicted > 60);
	}
