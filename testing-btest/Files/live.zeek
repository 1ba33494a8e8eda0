# A Zeek without packets that does as the test's peer says: `feed ORIG RESP PORT N` makes N connections of a pair end,
# a minute apart; `end` ends Zeek. Tests add words of their own.

redef exit_only_after_terminate = T;
redef Beacons::listen = T;
redef Beacons::listen_port = to_port(getenv("SIDECAR_PORT"));
redef Beacons::sensor = "test-sensor";
redef Beacons::heartbeat_interval = 200msecs;
redef Log::default_rotation_interval = 0secs;

module Test;

export {
	global run: event(words: string);
	global feed: function(orig: string, resp: string, p: port, n: count);
}

global fed: table[string] of count &default=0;

function feed(orig: string, resp: string, p: port, n: count)
	{
	local key = cat(orig, resp, p);
	while ( n > 0 )
		{
		local i = fed[key];
		fed[key] = i + 1;
		event Beacons::observed(Beacons::Observation($orig_h=to_addr(orig), $orig_p=count_to_port(40000 + i, tcp),
		    $resp_h=to_addr(resp), $resp_p=p, $uid=fmt("C%s", i), $name="", $service="", $start=1700000000.0 + 60 * i,
		    $duration=1.5, $orig_bytes=100, $resp_bytes=200, $state="SF"), F);
		--n;
		}
	}

event Test::run(words: string)
	{
	local word = split_string(words, / /);
	if ( word[0] == "feed" )
		feed(word[1], word[2], to_port(word[3]), to_count(word[4]));
	else if ( word[0] == "end" )
		terminate();
	}
