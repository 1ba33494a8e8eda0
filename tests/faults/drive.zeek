# Feeds the tracker pairs as a sensor sees them, half of them beacons and half by chance, and says how far it is.

redef exit_only_after_terminate = T;
redef Log::default_rotation_interval = 0secs;
redef Log::flush_interval = 200msecs;
redef Log::write_buffer_size = 1;

module Beacons;

const wanted = to_count(getenv("DRIVE_PAIRS"));
const conns = to_count(getenv("DRIVE_CONNS"));
const pause = double_to_interval(to_double(getenv("DRIVE_PAUSE")));
# Pairs whose hosts start here, so that a second Zeek may go on with the same ones or with others.
const first = to_count(getenv("DRIVE_FIRST"));

global fed = 0;
global clocks: vector of double;

function responder(n: count): addr
	{
	return counts_to_addr(vector(755000000 + n));
	}

function feed_one(n: count)
	{
	# Every second pair checks in about every minute, the others come by chance.
	local gap = n % 2 == 0 ? 57.0 + rand(4) : 0.1 + -60.0 * ln(( rand(9999) + 1 ) / 10000.0);
	clocks[n] = clocks[n] + gap;
	local o = Observation($orig_h=counts_to_addr(vector(167772160 + ( first + n ) % 200 + 1)), $orig_p=40000/tcp,
	    $resp_h=responder(first + n), $resp_p=443/tcp, $uid=fmt("C%d", fed), $name="", $service="ssl",
	    $start=floor(clocks[n] * 1000000.0) / 1000000.0, $duration=0.25,
	    $orig_bytes=n % 2 == 0 ? 300 : 200 + rand(5000), $resp_bytes=n % 2 == 0 ? 1200 : 100 + rand(90000), $state="SF");
	track(o, F);
	}

event feed()
	{
	if ( fed >= conns )
		return;
	for ( n in clocks )
		feed_one(n);
	++fed;
	schedule pause { feed() };
	}

event tell()
	{
	local published = 0;
	local here = T;
	for ( shard, one in progress )
		{
		published += one$seq;
		here = here && sidecar_here(shard);
		}
	print fmt("%d %d %d %d %d", fed >= conns ? 1 : 0, outstanding(), lost(), published, here ? 1 : 0);
	flush_all();
	schedule 200msecs { tell() };
	}

event zeek_init() &priority=-10
	{
	while ( |clocks| < wanted )
		clocks += 1700000000.0 + rand(60);
	schedule 100msecs { feed() };
	schedule 100msecs { tell() };
	}
