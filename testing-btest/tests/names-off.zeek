# @TEST-DOC: Pairs by name can be switched off; the address pairs still say which name they carried.
# @TEST-EXEC: zeek -b -r $TRACES/names.pcap $PACKAGE %INPUT
# @TEST-EXEC: zeek-cut reason id.orig_h resp server_name conns named < beacon_candidates.log | grep final | sort > output
# @TEST-EXEC: btest-diff output

redef Beacons::pairs_by_name = F;
