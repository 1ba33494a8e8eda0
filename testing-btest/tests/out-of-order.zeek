# @TEST-DOC: Connections are held by start, whatever the order in which they end.
# @TEST-EXEC: zeek -b -r $TRACES/out_of_order.pcap $PACKAGE %INPUT
# @TEST-EXEC: zeek-cut ts < conn.log > order-of-ends
# @TEST-EXEC: ! sort -c order-of-ends 2> /dev/null
# @TEST-EXEC: zeek-cut reason conns starts < beacon_candidates.log | tail -1 > output
# @TEST-EXEC: btest-diff output
