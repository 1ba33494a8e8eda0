# @TEST-DOC: A pair holds its newest observations only, and says how many it dropped.
# @TEST-EXEC: zeek -b -r $TRACES/steady.pcap $PACKAGE %INPUT
# @TEST-EXEC: zeek-cut reason conns dropped starts < beacon_candidates.log | tail -1 > output
# @TEST-EXEC: btest-diff output

redef Beacons::max_observations = 8;
