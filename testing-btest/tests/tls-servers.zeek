# @TEST-DOC: A candidate says what share of the site's TLS servers some connection named, once there are ten.
# @TEST-EXEC: zeek -b -r $TRACES/tls_servers.pcap $PACKAGE %INPUT
# @TEST-EXEC: zeek-cut reason site_tls_named < beacon_candidates.log | grep final | sort -u > output
# @TEST-EXEC: zeek -b -r $TRACES/services.pcap $PACKAGE %INPUT
# @TEST-EXEC: zeek-cut reason site_tls_named < beacon_candidates.log | grep final | sort -u >> output
# @TEST-EXEC: btest-diff output

module Beacons;

# The counts are exact: nothing is left of them once the pairs are gone.
event zeek_done() &priority=-20
	{
	while ( |pairs| > 0 )
		drop_pair(1, "evicted", 2);
	if ( |tls_pairs| + |tls_named_pairs| > 0 )
		print fmt("left: %s %s", tls_pairs, tls_named_pairs);
	}
