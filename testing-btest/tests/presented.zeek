# @TEST-DOC: A candidate tells of the server's newest certificate and of the newest client over HTTP.
# @TEST-EXEC: zeek -r $TRACES/presented.pcap protocols/ssl/validate-certs $PACKAGE %INPUT > left
# @TEST-EXEC: zeek-cut reason id.orig_h resp cert_name cert_issuer cert_self_signed cert_valid cert_days cert_servers < beacon_candidates.log | grep final | awk -F'\t' '$6 != "-"' | sort > output
# @TEST-EXEC: zeek-cut reason id.orig_h resp user_agent agent_hosts no_host < beacon_candidates.log | grep final | awk -F'\t' '$6 != "-"' | sort >> output
# @TEST-EXEC: cat left >> output
# @TEST-EXEC: btest-diff output

module Beacons;

# The counts are exact: nothing is left of them once the pairs are gone.
event zeek_done() &priority=-20
	{
	while ( |pairs| > 0 )
		drop_pair(1, "evicted", 2);
	print fmt("left: %d %d", |servers_of|, |clients_of|);
	}
