# @TEST-DOC: A clock that is set back loses nothing and crashes nothing.
# @TEST-EXEC: zeek -b -r $TRACES/clock_jumps.pcap $PACKAGE %INPUT 2> /dev/null
# @TEST-EXEC: zeek-cut reason conns starts < beacon_candidates.log | tail -1 > output
# @TEST-EXEC: btest-diff output
