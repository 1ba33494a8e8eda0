# @TEST-DOC: A beacon over IPv6.
# @TEST-EXEC: zeek -b -r $TRACES/ipv6.pcap $PACKAGE %INPUT
# @TEST-EXEC: $SCRIPTS/show id.orig_h id.resp_h resp conns reason > output
# @TEST-EXEC: btest-diff output

redef Beacons::direction = Beacons::ANY;
