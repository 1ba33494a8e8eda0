# @TEST-DOC: While many pairs are tracked, one is from its second connection on: the first counts nowhere.
# @TEST-EXEC: zeek -b -r $TRACES/silence.pcap $PACKAGE %INPUT > counts
# @TEST-EXEC: zeek-cut reason id.orig_h conns dropped first_ts < beacon_candidates.log | sort > output
# @TEST-EXEC: cat counts >> output
# @TEST-EXEC: btest-diff output

module Beacons;

redef Beacons::exact_pairs = 0;
redef Beacons::sweep_interval = 1day;

event zeek_done() &priority=-20
	{
	print "pairs", |pairs|;
	}
