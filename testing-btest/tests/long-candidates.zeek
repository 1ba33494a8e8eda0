# @TEST-DOC: A connection of a day makes its pair a candidate while it is open, and once more at its end, in the place of what was told before.
# @TEST-EXEC: zeek -b -r $TRACES/day.pcap $PACKAGE
# @TEST-EXEC: zeek-cut ts reason id.orig_h resp conns named starts durations orig_bytes states < beacon_candidates.log | sort > output
# @TEST-EXEC: zeek -b -r $TRACES/day.pcap $PACKAGE Beacons::long_after=26hrs Beacons::exact_pairs=0
# @TEST-EXEC: zeek-cut ts reason id.orig_h resp conns named starts durations orig_bytes states < beacon_candidates.log | sort >> output
# @TEST-EXEC: btest-diff output
