# @TEST-DOC: Between doublings a candidate is emitted again after candidate_interval, while connections keep coming.
# @TEST-EXEC: zeek -b -r $TRACES/steady.pcap $PACKAGE %INPUT
# @TEST-EXEC: zeek-cut conns reason < beacon_candidates.log > output
# @TEST-EXEC: btest-diff output

redef Beacons::candidate_interval = 10mins;
