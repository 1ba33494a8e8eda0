# @TEST-DOC: On request DNS queries count for the pair of the client with the registered domain.
# @TEST-EXEC: zeek -b -r $TRACES/resolver.pcap $PACKAGE %INPUT
# @TEST-EXEC: zeek-cut reason id.orig_h resp server_name conns named < beacon_candidates.log | grep -E 'gate|final' | sort > output
# @TEST-EXEC: btest-diff output

redef Beacons::direction = Beacons::ANY;
redef Beacons::pairs_by_domain = T;
redef Beacons::dns_channel = F;
