# @TEST-DOC: Queries are observations of the pair of the client with the registered domain; names of neighbours, reverse look-ups and single labels are none; names and types told apart are bounded; what is asked for is told as traits.
# @TEST-EXEC: zeek -b -r $TRACES/dns_beacon.pcap $PACKAGE %INPUT > /dev/null
# @TEST-EXEC: zeek-cut reason id.orig_h channel resp id.resp_h conns names_asked names_length for_addresses connected local_resp traits < beacon_candidates.log | grep final | sort > output
# @TEST-EXEC: zeek -b -r $TRACES/dns_tunnel.pcap $PACKAGE %INPUT > /dev/null
# @TEST-EXEC: zeek-cut reason id.orig_h channel resp id.resp_h conns names_asked names_length for_addresses connected local_resp traits < beacon_candidates.log | grep final | sort >> output
# @TEST-EXEC: zeek -b -r $TRACES/dns_facts.pcap $PACKAGE %INPUT > /dev/null
# @TEST-EXEC: zeek-cut reason id.orig_h channel resp id.resp_h conns names_asked names_length for_addresses connected local_resp traits < beacon_candidates.log | grep final | grep dns | sort >> output
# @TEST-EXEC: zeek -b -r $TRACES/dns_tunnel.pcap $PACKAGE %INPUT Beacons::max_names_asked=50 Beacons::max_host_percent=100 >> output
# @TEST-EXEC: zeek -b -r $TRACES/dns_tunnel.pcap $PACKAGE %INPUT Beacons::dns_channel=F > /dev/null
# @TEST-EXEC: zeek-cut channel < beacon_candidates.log | sort -u >> output
# @TEST-EXEC: btest-diff output

module Beacons;

redef direction = ANY;

event zeek_done() &priority=-100
	{
	print "held", names_held, "missed", names_missed;
	}
