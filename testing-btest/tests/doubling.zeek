# @TEST-DOC: A candidate is emitted at the gate and at every doubling of its connections, and at the end.
# @TEST-EXEC: zeek -b -r $TRACES/steady.pcap $PACKAGE %INPUT
# @TEST-EXEC: zeek-cut ts conns reason < beacon_candidates.log > output
# @TEST-EXEC: btest-diff output
