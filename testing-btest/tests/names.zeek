# @TEST-DOC: A name behind many addresses is one pair by name; an address with two names has no server name.
# @TEST-EXEC: zeek -b -r $TRACES/names.pcap $PACKAGE %INPUT
# @TEST-EXEC: zeek-cut reason id.orig_h resp server_name conns named < beacon_candidates.log | grep final | sort > output
# @TEST-EXEC: btest-diff output
