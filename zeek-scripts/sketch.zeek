##! A sketch of pairs seen once, for the time when too many pairs are tracked to hold each from the start.
##!
##! A Bloom filter of 12 bits a pair; one in a hundred new pairs is taken for an old one, which only tracks it one
##! connection early. When it is full it starts anew.

@load ./main

module Beacons;

# Who talks to whom; what the filter by address holds.
type PairKey: record {
	orig_h: addr;
	resp_h: addr;
	resp_p: port;
};

global seen_pairs: opaque of bloomfilter;
global seen_names: opaque of bloomfilter;
global marks: count = 0;

# How often it was full, for telemetry.
global sketch_restarts: count = 0;

# A sketch that is full starts anew.
function restart_sketch()
	{
	bloomfilter_clear(seen_pairs);
	bloomfilter_clear(seen_names);
	marks = 0;
	++sketch_restarts;
	}

# Puts a mark where there is none. Returns whether there was one.
function seen_before(orig_h: addr, resp_h: addr, resp_p: port): bool
	{
	local key = PairKey($orig_h=orig_h, $resp_h=resp_h, $resp_p=resp_p);
	if ( bloomfilter_lookup(seen_pairs, key) > 0 )
		return T;
	bloomfilter_add(seen_pairs, key);
	if ( ++marks > sketch_pairs )
		restart_sketch();
	return F;
	}

# The same for a pair with a server name.
function seen_name_before(orig_h: addr, name: string, resp_p: port): bool
	{
	local key = cat(orig_h, " ", resp_p, " ", name);
	if ( bloomfilter_lookup(seen_names, key) > 0 )
		return T;
	bloomfilter_add(seen_names, key);
	if ( ++marks > sketch_pairs )
		restart_sketch();
	return F;
	}

event zeek_init() &priority=5
	{
	# Three bits in twelve: the fewest that keep false positives at 1.1 %, and cheaper to set than the optimum of seven.
	seen_pairs = bloomfilter_basic_init2(3, 12 * sketch_pairs);
	seen_names = bloomfilter_basic_init2(3, 12 * sketch_pairs);
	# A filter takes its type from the first element.
	bloomfilter_add(seen_pairs, PairKey($orig_h=0.0.0.0, $resp_h=0.0.0.0,
	    $resp_p=0/tcp));
	bloomfilter_add(seen_names, "");
	}
