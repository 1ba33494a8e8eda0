# @TEST-DOC: What is not looked at is not told of: switched off, allowed, in another direction, vetoed, or beyond the bound; and bands are the operator's.
# @TEST-EXEC: zeek -b -r $TRACES/lasting.pcap $PACKAGE Beacons::long_connections=F
# @TEST-EXEC: test ! -e beacon_long.log
# @TEST-EXEC: zeek -b -r $TRACES/lasting.pcap $PACKAGE Beacons::direction=Beacons::INBOUND
# @TEST-EXEC: test ! -e beacon_long.log
# @TEST-EXEC: zeek -b -r $TRACES/lasting.pcap $PACKAGE never.zeek Beacons::never_ports+={1194/udp}
# @TEST-EXEC: zeek-cut id.orig_h < beacon_long.log | sort -u > output
# @TEST-EXEC: zeek -b -r $TRACES/lasting.pcap $PACKAGE Beacons::max_long_pairs=1 2> bounded
# @TEST-EXEC: zeek-cut id.orig_h < beacon_long.log | sort -u | wc -l | tr -d ' ' >> output
# @TEST-EXEC: grep -o 'Beacons::max_long_pairs.*' bounded >> output
# @TEST-EXEC: zeek -b -r $TRACES/lasting.pcap $PACKAGE bands.zeek
# @TEST-EXEC: zeek-cut id.orig_h severity < beacon_long.log | sort -u >> output
# @TEST-EXEC: btest-diff output

# @TEST-START-FILE never.zeek
hook Beacons::long_policy(c: connection)
	{
	if ( c$id$orig_h == 10.0.0.6 )
		break;
	}
# @TEST-END-FILE

# @TEST-START-FILE bands.zeek
redef Beacons::long_bands = vector(2hr, 5hr);
# @TEST-END-FILE
