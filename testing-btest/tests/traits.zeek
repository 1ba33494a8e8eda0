# @TEST-DOC: A candidate tells what TLS, HTTP and SSH told of the two ends, and how rare that is here.
# @TEST-EXEC: zeek -r $TRACES/protocols.pcap fingerprints.zeek $PACKAGE %INPUT > left
# @TEST-EXEC: zeek-cut reason id.orig_h resp traits < beacon_candidates.log | grep final | sort > output
# @TEST-EXEC: cat left >> output
# @TEST-EXEC: btest-diff output

# @TEST-START-FILE fingerprints.zeek
# What packages add to ssl.log; the fingerprint is that of the name asked for here.
@load base/protocols/ssl

redef record SSL::Info += {
	ja3: string &log &optional;
	ja4: string &log &default="";
};

event ssl_extension_server_name(c: connection, is_client: bool,
    names: string_vec) &priority=-5
	{
	c$ssl$ja3 = md5_hash(names[0]);
	}
# @TEST-END-FILE

module Beacons;

# The counts are exact: nothing is left of them once the pairs are gone.
event zeek_done() &priority=-20
	{
	while ( |pairs| > 0 )
		drop_pair(1, "evicted", 2);
	print fmt("left: %d %d %d %d", |ja3_hosts|, |ja3_servers|, |agent_servers|,
	    |port_hosts|);
	}
