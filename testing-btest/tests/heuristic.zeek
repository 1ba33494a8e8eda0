# @TEST-DOC: Without a sidecar a small heuristic in the script can say that a pair looks regular; off by default.
# @TEST-EXEC: zeek -b -r $TRACES/beacon.pcap $PACKAGE %INPUT > output
# @TEST-EXEC: zeek -b -r $TRACES/beacon.pcap $PACKAGE %INPUT Beacons::heuristic=T >> output
# @TEST-EXEC: btest-diff output

event Beacons::suspected(rec: Beacons::Candidate, gap: interval, spread: double)
	{
	print rec$id$orig_h, rec$reason, fmt("every %.1f s", gap), fmt("spread %.2f", spread);
	}
