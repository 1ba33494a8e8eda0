# @TEST-DOC: A pair silent for a day is flushed, below the gate too when it had two connections, and forgotten.
# @TEST-EXEC: zeek -b -r $TRACES/silence.pcap $PACKAGE %INPUT > counts
# @TEST-EXEC: $SCRIPTS/show reason id.orig_h conns > output
# @TEST-EXEC: cat counts >> output
# @TEST-EXEC: btest-diff output

module Beacons;

event zeek_done() &priority=-20
	{
	for ( _, p in pairs )
		print "still tracked", p$orig_h;
	print "observations held", held;
	}
