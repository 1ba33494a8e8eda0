# @TEST-DOC: Connections still open at the end of the trace are observed and flushed.
# @TEST-EXEC: zeek -b -r $TRACES/left_open.pcap $PACKAGE %INPUT
# @TEST-EXEC: zeek-cut reason conns states durations < beacon_candidates.log | tail -1 > output
# @TEST-EXEC: zeek-cut conn_state < conn.log | wc -l | tr -d ' ' >> output
# @TEST-EXEC: btest-diff output
