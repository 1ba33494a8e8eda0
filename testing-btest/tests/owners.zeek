# @TEST-DOC: A candidate tells who its originator was when its newest connection began; another network card begins a new pair.
# @TEST-EXEC: zeek -r $TRACES/leases.pcap $PACKAGE %INPUT > output
# @TEST-EXEC: zeek-cut reason id.orig_h resp conns traits < beacon_candidates.log | grep -E 'lease|final' >> output
# @TEST-EXEC: zeek -r $TRACES/leases.pcap $PACKAGE %INPUT Beacons::max_owners=2 > bounded
# @TEST-EXEC: grep forgotten bounded >> output
# @TEST-EXEC: zeek -r $TRACES/leases.pcap $PACKAGE %INPUT Beacons::max_owners=0 > /dev/null
# @TEST-EXEC: zeek-cut reason id.orig_h resp conns traits < beacon_candidates.log | grep -E 'lease|final' >> output
# @TEST-EXEC: btest-diff output

module Beacons;

redef direction = ANY;

const begin = 1700000000.0;

function ticket(a: addr, client: string, success: bool, after: interval)
	{
	event KRB::log_krb(KRB::Info($ts=double_to_time(begin) + after, $uid="C",
	    $id=conn_id($orig_h=a, $orig_p=1/tcp, $resp_h=10.0.0.1,
	    $resp_p=88/tcp), $client=client, $success=success));
	}

event zeek_init()
	{
	# Of a host with a lease its name counts, of another one that of its account.
	ticket(10.0.0.6, "alice/CORP.EXAMPLE", T, 10sec);
	ticket(10.0.0.6, "OTHER$/CORP.EXAMPLE", T, 10sec);
	ticket(10.0.0.6, "mallory/CORP.EXAMPLE", F, 20sec);
	ticket(10.0.0.6, "bob/admin/CORP.EXAMPLE", T, 30sec);
	# Who has an address loses it with the lease.
	ticket(10.0.0.5, "carol/CORP.EXAMPLE", T, 20sec);
	}

event zeek_done() &priority=-100
	{
	print "forgotten", owners_forgotten, "left behind", left_behind;
	}
