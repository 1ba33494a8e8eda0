# @TEST-DOC: From local hosts to anybody by default; the other directions, and all of them, on request.
# @TEST-EXEC: for d in ANY FROM_LOCAL OUTBOUND INBOUND INTERNAL; do zeek -b -r $TRACES/directions.pcap $PACKAGE %INPUT Beacons::direction=Beacons::$d && echo $d && $SCRIPTS/show reason id.orig_h id.resp_h conns && rm beacon_candidates.log; done > output
# @TEST-EXEC: zeek -b -r $TRACES/directions.pcap $PACKAGE %INPUT
# @TEST-EXEC: echo default >> output; $SCRIPTS/show reason id.orig_h id.resp_h conns >> output
# @TEST-EXEC: btest-diff output
