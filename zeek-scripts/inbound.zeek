##! Pairs that come from outside: they cost as much as others and are chosen by strangers, hence a cap of their own.

@load ./main
@load ./pair-table
@load ./bounds

module Beacons;

# All of them, in no order. Bounded by max_inbound_pairs.
global inbound_pairs: vector of Pair;
global inbound_at: count = 0;

# Given up to keep within the bound, for telemetry and the Reporter.
global evicted_inbound: count = 0;
global evicted_inbound_reported: count = 0;

function note_inbound(p: Pair)
	{
	inbound_pairs += p;
	p$inbound_place = |inbound_pairs|;
	}

# Such a pair is tracked no longer; the last one takes its place.
hook pair_dropped(p: Pair)
	{
	if ( p$inbound_place == 0 )
		return;
	local n = |inbound_pairs|;
	local moved = inbound_pairs[n - 1];
	inbound_pairs[p$inbound_place - 1] = moved;
	moved$inbound_place = p$inbound_place;
	inbound_pairs[n - 1 : n] = vector();
	p$inbound_place = 0;
	}

# Makes room for one pair more from outside; the cap may have been lowered.
function make_inbound_room()
	{
	while ( |inbound_pairs| >= max_inbound_pairs )
		{
		local n = |inbound_pairs|;
		local p = inbound_pairs[least_useful(inbound_pairs, inbound_at)];
		inbound_at = ( inbound_at + sample ) % n;
		drop_pair(place_of(p), "evicted", min_connections);
		++evicted_inbound;
		}
	}

# At the end of each sweep, as for the other pairs.
event sweep() &priority=-5
	{
	if ( sweep_at > 0 || evicted_inbound == evicted_inbound_reported )
		return;
	Reporter::warning(fmt(
	    "Beacons::max_inbound_pairs (%d) is reached, %d pairs evicted so far",
	    max_inbound_pairs, evicted_inbound));
	evicted_inbound_reported = evicted_inbound;
	}
