##! Keeps the owner's state within its bounds: expiry, eviction, and the flush at the end.
##!
##! Nothing here looks through all pairs at once: eviction and trimming take the least useful of the next few pairs, and
##! the sweep goes through them in pieces, so that no packet waits.

@load ./main
@load ./pair-table
@load ./emit

module Beacons;

# Pairs that eviction and trimming choose among, and that a piece of the sweep looks at.
const sample = 16;
const most_cuts = 64;
const sweep_batch = 1000;
const sweep_pause = 100msecs;

# The pairs that they look at next, counted from 0.
global sample_at: count = 0;
global sweep_at: count = 0;

# What was given up for the sake of the bounds, for telemetry and the Reporter.
global evicted: count = 0;
global evicted_reported: count = 0;
global trimmed: count = 0;

# Of these, pairs of hosts that had more than their share, and the last of these hosts.
global evicted_crowding: count = 0;
global crowding_host = 0.0.0.0;

# Whether a host has more than its share of the pairs.
function is_crowding(host: addr): bool
	{
	return 100 * pairs_of[host] > max_host_percent * max_pairs;
	}

# How much a pair is worth keeping: its connections, fewer the longer it has been silent; less than nothing where its
# host has more than its share, so that none can drive out the pairs of others.
function worth(p: Pair): double
	{
	local kept = p$conns * ( 1.0 - ( network_time() - p$seen ) / expire_after );
	return is_crowding(p$orig_h) ? kept - 1e12 : kept;
	}

# Stops tracking the pair at a place; what it held since it was last emitted goes out first.
function drop_pair(place: count, reason: string, least: count)
	{
	local p = pairs[place - 1];
	if ( p$conns >= least && p$conns > p$emitted_conns )
		emit(p, reason);
	hook pair_dropped(p);
	remove_pair(place);
	}

# Which of the next few pairs is worth least, counted from 0.
function least_useful(among: vector of Pair, first: count): count
	{
	local n = |among|;
	local found = first % n;
	local least = worth(among[found]);
	local i = 1;
	while ( i < sample )
		{
		local at = ( first + i ) % n;
		local its_worth = worth(among[at]);
		if ( its_worth < least )
			{
			least = its_worth;
			found = at;
			}
		++i;
		}
	return found;
	}

# Makes room for one pair more; the cap may have been lowered.
function make_room()
	{
	while ( |pairs| >= max_pairs )
		{
		local n = |pairs|;
		local found = least_useful(pairs, sample_at);
		sample_at = ( sample_at + sample ) % n;
		local host = pairs[found]$orig_h;
		if ( is_crowding(host) )
			{
			++evicted_crowding;
			crowding_host = host;
			}
		drop_pair(found + 1, "evicted", min_connections);
		++evicted;
		}
	}

# Cuts the longest of the next few pairs to its newest half, until the observations are within their bound. Where that
# takes many cuts, since the bound was lowered, the next connections go on with it.
function trim()
	{
	local before = held;
	local cuts = 0;
	while ( held > max_total_observations && ++cuts <= most_cuts )
		{
		local longest = pairs[sample_at % |pairs|];
		local i = 1;
		while ( i < sample )
			{
			local p = pairs[( sample_at + i ) % |pairs|];
			if ( |p$starts| > |longest$starts| )
				longest = p;
			++i;
			}
		sample_at = ( sample_at + sample ) % |pairs|;
		if ( |longest$starts| > 1 )
			straighten(longest, |longest$starts| / 2);
		}
	trimmed += before - held;
	}

function emit_all(least: count)
	{
	for ( _, p in pairs )
		if ( p$conns >= least )
			emit(p, "requested");
	}

event sweep()
	{
	local oldest = network_time() - expire_after;
	local looked_at = 0;
	while ( sweep_at < |pairs| && looked_at < sweep_batch )
		{
		# Below the gate too: the sidecar's history joins beacons slower than our memory.
		if ( pairs[sweep_at]$seen < oldest )
			drop_pair(sweep_at + 1, "expired", 2);
		else
			++sweep_at;
		++looked_at;
		}

	if ( sweep_at < |pairs| )
		{
		schedule sweep_pause { sweep() };
		return;
		}

	sweep_at = 0;
	if ( evicted > evicted_reported )
		{
		Reporter::warning(fmt("Beacons::max_pairs (%d) is reached, %d pairs evicted so far%s",
		    max_pairs, evicted, evicted_crowding == 0 ? "" : fmt(", %d of them of hosts with more than %d %% of all, last of %s",
		    evicted_crowding, max_host_percent, crowding_host)));
		evicted_reported = evicted;
		}
	schedule sweep_interval { sweep() };
	}

event zeek_init()
	{
	schedule sweep_interval { sweep() };
	}

event zeek_done() &priority=-10
	{
	for ( _, p in pairs )
		if ( is_worth_telling(p) )
			emit(p, "final");
	}
