# @TEST-DOC: A cap on observations in all cuts the longest pairs to their newest half.
# @TEST-EXEC: zeek -b -r $TRACES/prevalence.pcap $PACKAGE %INPUT > counts
# @TEST-EXEC: zeek-cut reason conns dropped states < beacon_candidates.log | grep final | sort > output
# @TEST-EXEC: cat counts >> output
# @TEST-EXEC: btest-diff output

module Beacons;

redef Beacons::max_observations = 8;
redef Beacons::max_total_observations = 30;

event zeek_done() &priority=-20
	{
	print fmt("within the cap: %s", held <= 30);
	print fmt("all cut are counted: %s", held + trimmed == 42);
	}
