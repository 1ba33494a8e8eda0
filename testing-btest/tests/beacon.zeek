# @TEST-DOC: A 60 s beacon with jitter becomes a candidate at 6, 12 and 24 connections; the last line holds them all.
# @TEST-EXEC: zeek -b -r $TRACES/beacon.pcap $PACKAGE %INPUT
# @TEST-EXEC: $SCRIPTS/show conns id.orig_h id.resp_h id.resp_p proto resp service named first_ts last_ts dropped reason > output
# @TEST-EXEC: zeek-cut conns starts durations orig_bytes resp_bytes states < beacon_candidates.log | head -1 >> output
# @TEST-EXEC: btest-diff output

redef Beacons::direction = Beacons::ANY;
