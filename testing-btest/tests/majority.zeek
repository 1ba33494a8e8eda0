# @TEST-DOC: The server name of a pair is the one that more than half of its named connections carried, also beyond eight names.
# @TEST-EXEC: zeek -b -r $TRACES/majority.pcap $PACKAGE %INPUT
# @TEST-EXEC: zeek-cut reason id.orig_h resp server_name conns named name_conns < beacon_candidates.log | grep final | grep 203.0.113 | sort > output
# @TEST-EXEC: btest-diff output
