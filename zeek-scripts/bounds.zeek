##! Keeps the owner's state within its bounds: expiry, eviction, and the flush at the end.

@load ./main
@load ./track

module Beacons;

# Pairs flushed in one go, so that no sweep holds up packets for long.
const sweep_batch = 1000;

# What was given up for the sake of the bounds, for telemetry and the Reporter.
global evicted: count = 0;
global evicted_reported: count = 0;
global trimmed: count = 0;

# How much a pair is worth keeping, 0 to 63: its connections, fewer the longer it has been silent.
function worth(p: Pair): count
	{
	local silent = ( network_time() - p$seen ) / expire_after;
	if ( silent >= 1.0 )
		return 0;
	local conns = p$conns > 63 ? 63 : p$conns;
	return silent <= 0.0 ? conns : double_to_count(floor(conns * ( 1.0 - silent
	    )));
	}

# Stops tracking a pair; what it held since it was last emitted goes out first.
function drop_pair(p: Pair, reason: string, least: count)
	{
	if ( p$conns >= least && p$conns > p$emitted_conns )
		emit(p, reason);

	held -= |p$starts|;
	forget_talker(p);
	if ( p$by_name != "" )
		delete by_name[p$orig_h, p$by_name, p$resp_p];
	else
		delete by_addr[p$orig_h, p$resp_h, p$resp_p];
	}

function all_pairs(): vector of Pair
	{
	local pairs: vector of Pair;
	for ( _, p in by_addr )
		pairs += p;
	for ( _, p in by_name )
		pairs += p;
	return pairs;
	}

# Drops a tenth of the pairs, the least useful ones: enough that looking through all of them is rare.
function evict()
	{
	local pairs = all_pairs();
	local need = |pairs| / 10 + 1;
	local worths: vector of count;
	local by_worth: vector of count;
	local level = 0;
	while ( |by_worth| < 64 )
		by_worth += 0;
	for ( i in pairs )
		{
		local of_pair = worth(pairs[i]);
		worths += of_pair;
		++by_worth[of_pair];
		}

	# Everything worth less than `level` goes, and of those worth `level` as many as are still needed.
	local below = 0;
	while ( below + by_worth[level] < need )
		{
		below += by_worth[level];
		++level;
		}
	local of_level = need - below;

	for ( i in pairs )
		{
		local w = worths[i];
		if ( w > level || ( w == level && of_level == 0 ) )
			next;
		if ( w == level )
			--of_level;
		drop_pair(pairs[i], "evicted", min_connections);
		++evicted;
		}
	}

# Cuts the pairs that hold most to their newest observations, until a tenth of the room is free.
function trim()
	{
	local most = max_observations / 2;
	local before = held;
	while ( held > max_total_observations / 10 * 9 && most > 0 )
		{
		for ( _, p in by_addr )
			if ( |p$starts| > most )
				straighten(p, most);
		for ( _, p in by_name )
			if ( |p$starts| > most )
				straighten(p, most);
		most = most / 2;
		}
	trimmed += before - held;
	}

function make_room()
	{
	if ( |by_addr| + |by_name| >= max_pairs )
		evict();
	if ( held > max_total_observations )
		trim();
	}

function emit_all(least: count)
	{
	local pairs = all_pairs();
	for ( i in pairs )
		if ( pairs[i]$conns >= least )
			emit(pairs[i], "requested");
	}

event sweep()
	{
	local stale: vector of Pair;
	local oldest = network_time() - expire_after;
	for ( _, p in by_addr )
		if ( p$seen < oldest && |stale| < sweep_batch )
			stale += p;
	for ( _, p in by_name )
		if ( p$seen < oldest && |stale| < sweep_batch )
			stale += p;

	# Below the gate too: the sidecar's history joins beacons slower than our memory.
	for ( i in stale )
		drop_pair(stale[i], "expired", 2);

	if ( evicted > evicted_reported )
		{
		Reporter::warning(fmt(
		    "Beacons::max_pairs (%d) is reached, %d pairs evicted so far",
		    max_pairs, evicted));
		evicted_reported = evicted;
		}

	schedule |stale| < sweep_batch ? sweep_interval : 1sec { sweep() };
	}

event zeek_init()
	{
	schedule sweep_interval { sweep() };
	}

event zeek_done() &priority=-10
	{
	local pairs = all_pairs();
	for ( i in pairs )
		if ( pairs[i]$conns >= 2 )
			emit(pairs[i], "final");
	}
