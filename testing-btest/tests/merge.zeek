# @TEST-DOC: Mid-stream pieces that Zeek's timeouts split off are one connection again, unless the pause is too long.
# @TEST-EXEC: zeek -b -r $TRACES/split_sessions.pcap $PACKAGE %INPUT
# @TEST-EXEC: zeek-cut id.orig_h history < conn.log | sort > output
# @TEST-EXEC: zeek-cut reason id.orig_h conns starts durations orig_bytes resp_bytes states < beacon_candidates.log | grep final | sort >> output
# @TEST-EXEC: btest-diff output
