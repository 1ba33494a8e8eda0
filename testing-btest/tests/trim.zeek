# @TEST-DOC: A cap on observations in all cuts the longest pairs to their newest half.
# @TEST-EXEC: zeek -b -r $TRACES/steady.pcap $PACKAGE %INPUT
# @TEST-EXEC: zeek-cut reason conns dropped < beacon_candidates.log | tail -1 > output
# @TEST-EXEC: zeek-cut starts < beacon_candidates.log | tail -1 | tr , '\n' | tail -1 >> output
# @TEST-EXEC: btest-diff output

# Below what the check of options lets through, so that a small trace shows it.
event zeek_init()
	{
	Beacons::max_total_observations = 40;
	}
