# @TEST-DOC: UDP and ICMP check-ins on one 5-tuple, slower than Zeek's timeout, are connections of one pair each.
# @TEST-EXEC: zeek -b -r $TRACES/datagrams.pcap $PACKAGE %INPUT
# @TEST-EXEC: $SCRIPTS/show proto id.orig_p id.resp_p conns states reason > output
# @TEST-EXEC: btest-diff output
