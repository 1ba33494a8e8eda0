# @TEST-DOC: The scripts load twice, under -b, and next to what local.zeek loads.
# @TEST-EXEC: zeek -b $PACKAGE $PACKAGE
# @TEST-EXEC: zeek -r $TRACES/beacon.pcap $PACKAGE local $PACKAGE Beacons::direction=Beacons::ANY
# @TEST-EXEC: $SCRIPTS/show conns reason > output
# @TEST-EXEC: btest-diff output
