##! The owner's state: which pairs are tracked, and where each is found.

@load ./main
@load ./reservoir
@load ./prevalence

module Beacons;

# All pairs, in no order; a table finds the place of one, counted from 1, and 0 for one that is not tracked. Bounded by
# max_pairs and max_total_observations (bounds.zeek).
global pairs: vector of Pair;
global place_by_addr: table[addr, addr, port] of count &default=0;
global place_by_name: table[addr, string, port] of count &default=0;
# Those of other channels than connections.
global place_by_channel: table[addr, string, port, string] of count &default=0;

# A pair is tracked no longer.
global pair_removed: hook(p: Pair);

function place_of(p: Pair): count
	{
	if ( p$channel != "conn" )
		return place_by_channel[p$orig_h, p$by_name, p$resp_p, p$channel];
	return p$by_name != "" ? place_by_name[p$orig_h, p$by_name, p$resp_p] :
	    place_by_addr[p$orig_h, p$resp_h, p$resp_p];
	}

# Notes where a pair is.
function put_place(p: Pair, place: count)
	{
	if ( p$channel != "conn" )
		place_by_channel[p$orig_h, p$by_name, p$resp_p, p$channel] = place;
	else if ( p$by_name != "" )
		place_by_name[p$orig_h, p$by_name, p$resp_p] = place;
	else
		place_by_addr[p$orig_h, p$resp_h, p$resp_p] = place;
	}

# Tracks a pair no longer; the last one takes its place.
function remove_pair(place: count)
	{
	local p = pairs[place - 1];
	held -= |p$starts|;
	forget_talker(p);
	hook pair_removed(p);
	if ( p$channel != "conn" )
		delete place_by_channel[p$orig_h, p$by_name, p$resp_p, p$channel];
	else if ( p$by_name != "" )
		delete place_by_name[p$orig_h, p$by_name, p$resp_p];
	else
		delete place_by_addr[p$orig_h, p$resp_h, p$resp_p];

	local n = |pairs|;
	if ( place < n )
		{
		local moved = pairs[n - 1];
		pairs[place - 1] = moved;
		put_place(moved, place);
		}
	pairs[n - 1 : n] = vector();
	}
