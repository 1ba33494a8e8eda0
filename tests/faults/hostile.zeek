# Pairs whose server names an attacker chose.

module Beacons;

event feed_hostile()
	{
	local big = "a";
	while ( |big| < 1000000 )
		big += big;
	for ( _, raw in vector("\x00\x01\x02\x1b[31m", "\xff\xfe\xc3\x28.example", "{\"v\":2,\"seq\":[]}", "\",\"v\":9},{", big) )
		{
		local n = 0;
		while ( ++n < 20 )
			track(Observation($orig_h=10.9.9.9, $orig_p=1025/tcp, $resp_h=45.9.9.9, $resp_p=443/tcp, $uid="C\xff\"",
			    $name=server_name(raw), $service="\xff\"}", $start=1700000000.0 + 60 * n, $state="SF"), T);
		}
	}

event zeek_init() &priority=-20
	{
	schedule 2secs { feed_hostile() };
	}
