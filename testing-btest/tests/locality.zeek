# @TEST-DOC: A candidate says which of its ends are local; where no local networks are known, it says nothing.
# @TEST-EXEC: zeek -b -r $TRACES/directions.pcap $PACKAGE %INPUT Beacons::direction=Beacons::ANY
# @TEST-EXEC: zeek-cut reason id.orig_h id.resp_h local_orig local_resp < beacon_candidates.log | grep final | sort > output
# @TEST-EXEC: zeek -b -r $TRACES/directions.pcap $PACKAGE %INPUT no-local-nets.zeek
# @TEST-EXEC: zeek-cut reason id.orig_h id.resp_h local_orig local_resp < beacon_candidates.log | grep final | sort >> output
# @TEST-EXEC: btest-diff output

# @TEST-START-FILE no-local-nets.zeek
redef Site::local_nets = {};
# @TEST-END-FILE
