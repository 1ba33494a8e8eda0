##! A sketch of pairs seen once, for the time when too many pairs are tracked to hold each from the start.
##!
##! A word is a bucket of four 16-bit tags, the newest first; a fifth pushes out the oldest, so it needs no clock and no
##! cleaning. A pair is taken for another one in 1 of 16,000 cases, which only tracks it one connection early.

@load ./main

module Beacons;

global sketch: vector of count;

function seen_before(hash: count): bool
	{
	while ( |sketch| < sketch_words )
		sketch += 0;

	local bucket = hash % sketch_words;
	# 0 is an empty place.
	local tag = ( ( hash >> 32 ) & 0xffff ) | 1;
	local word = sketch[bucket];

	if ( ( word & 0xffff ) == tag
	    || ( ( word >> 16 ) & 0xffff ) == tag
	    || ( ( word >> 32 ) & 0xffff ) == tag
	    || word >> 48 == tag )
		return T;

	sketch[bucket] = ( word << 16 ) | tag;
	return F;
	}

function hash_of(orig: addr, resp: any, p: port): count
	{
	return ( fnv1a64(orig) * 31 + fnv1a64(resp) ) * 31 + port_to_count(p);
	}
