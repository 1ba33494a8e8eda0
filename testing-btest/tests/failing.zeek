# @TEST-DOC: Unanswered and refused connections count: much C2 is S0.
# @TEST-EXEC: zeek -b -r $TRACES/failing.pcap $PACKAGE %INPUT
# @TEST-EXEC: $SCRIPTS/show id.orig_h conns states durations orig_bytes reason > output
# @TEST-EXEC: btest-diff output
