# @TEST-DOC: The service of a pair is the most frequent one that is known.
# @TEST-EXEC: zeek -b -r $TRACES/services.pcap $PACKAGE %INPUT
# @TEST-EXEC: zeek-cut reason id.resp_h resp conns service < beacon_candidates.log | grep final | sort > output
# @TEST-EXEC: btest-diff output
