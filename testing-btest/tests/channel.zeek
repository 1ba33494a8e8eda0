# @TEST-DOC: A pair of another channel is one of its own beside that of the connections: tracked, logged and settled apart, and dropped without a trace.
# @TEST-EXEC: zeek -b $PACKAGE %INPUT > output
# @TEST-EXEC: zeek-cut channel resp conns named server_name resp_hosts reason < beacon_candidates.log >> output
# @TEST-EXEC: btest-diff output

module Beacons;

redef exact_pairs = 0;

function feed(orig: addr, channel: string, name: string, times: count)
	{
	local i = 0;
	while ( i < times )
		{
		hand_over(Observation($orig_h=orig, $orig_p=40000/tcp,
		    $resp_h=203.0.113.7, $resp_p=443/tcp, $uid=fmt("C%d", i),
		    $name=name, $service="ssl", $start=1767225600.0 + 60 * i,
		    $state="SF", $channel=channel), name != "");
		++i;
		}
	}

event zeek_init() &priority=-10
	{
	publishing = T;
	feed(10.0.0.5, "conn", "", 7);
	feed(10.0.0.5, "conn", "c2.example", 7);
	feed(10.0.0.5, "poll", "203.0.113.7", 7);
	feed(10.0.0.5, "http", "c2.example", 7);
	feed(10.0.0.6, "http", "c2.example", 8);
	print "pairs", |pairs|, "without a verdict", outstanding();
	settle(10.0.0.5, "c2.example", 443/tcp, "http", 99);
	print "one settled", outstanding();
	print "by channel", |place_by_channel|, "by name", |place_by_name|, "by address", |place_by_addr|;
	while ( |pairs| > 0 )
		drop_pair(1, "evicted", min_connections);
	print "left", |pairs|, |place_by_channel|, |place_by_name|, |place_by_addr|, |talkers_to_name|, |pairs_of|, held;
	}
