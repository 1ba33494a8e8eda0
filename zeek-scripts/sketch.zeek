##! A sketch of pairs seen once, for the time when too many pairs are tracked to hold each from the start.
##!
##! A Bloom filter of two bits a pair in 16 to 32 bits of room: at most 1.4 % of the new pairs are taken for old ones, which
##! only tracks them one connection early. Full, it starts anew. It is written in script because that takes a third of the
##! time of Zeek's own (docs/zeek.md): the hash is a few multiplications instead of a serialised key.

@load ./main

module Beacons;

# 64 bits each; their number is a power of two.
global marks: vector of count;
global marked: count = 0;
global cell_mask: count = 0;

function clear_sketch()
	{
	local wanted = sketch_pairs / 4;
	marks = vector(0);
	while ( |marks| < wanted )
		marks += marks;
	cell_mask = |marks| - 1;
	marked = 0;
	}

# Sets the two bits that a hash names. Returns whether both were set.
function mark(h: count): bool
	{
	local at = h & cell_mask;
	local other = ( h >> 24 ) & cell_mask;
	local bit = 1 << ( ( h >> 48 ) & 63 );
	local other_bit = 1 << ( h >> 58 );
	if ( ( marks[at] & bit ) != 0 && ( marks[other] & other_bit ) != 0 )
		return T;
	marks[at] = marks[at] | bit;
	marks[other] = marks[other] | other_bit;
	if ( ++marked > sketch_pairs )
		clear_sketch();
	return F;
	}

# Folds an IPv6 address into one number.
function folded(words: index_vec): count
	{
	local h = 0;
	for ( _, word in words )
		h = ( h ^ word ) * 11400714819323198485;
	return h >> 16;
	}

# Puts a mark where there is none. Returns whether there was one.
function seen_before(orig_h: addr, resp_h: addr, resp_p: port): bool
	{
	local orig = addr_to_counts(orig_h);
	local resp = addr_to_counts(resp_h);
	local h = ( |orig| == 1 ? orig[0] : folded(orig) ) * 11400714819323198485 + (
	    |resp| == 1 ? resp[0] : folded(resp) );
	h = ( h ^ ( h >> 29 ) ) * 13787848793156543929 + port_to_count(resp_p);
	h = ( h ^ ( h >> 32 ) ) * 10723151780598845931;
	return mark(h ^ ( h >> 28 ));
	}

# The same for a pair with a server name.
function seen_name_before(orig_h: addr, name: string, resp_p: port): bool
	{
	local h = fnv1a64(cat(orig_h, " ", resp_p, " ", name)) * 11400714819323198485;
	h = ( h ^ ( h >> 29 ) ) * 13787848793156543929;
	return mark(h ^ ( h >> 28 ));
	}

event zeek_init() &priority=5
	{
	clear_sketch();
	}
