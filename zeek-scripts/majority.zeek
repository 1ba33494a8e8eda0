##! The name that most of a pair's connections have: counted exactly while a pair has eight different names at most.

@load ./main
@load ./reservoir

module Beacons;

# Different names counted for a pair. Beyond, a new one takes the place of the one that fewest connections have.
const max_names = 8;

type Majority: record {
	name: string;
	conns: count;
};

# Counts a connection with this name.
function count_among(counts: table[string] of count, name: string)
	{
	if ( name in counts )
		{
		++counts[name];
		return;
		}

	if ( |counts| >= max_names )
		{
		local least = "";
		local fewest = 0;
		for ( other, n in counts )
			{
			if ( least == "" || n < fewest )
				{
				least = other;
				fewest = n;
				}
			}
		delete counts[least];
		}
	counts[name] = 1;
	}

# The name that more than half of `all` connections have and how many have it; none: an empty one.
function majority(name: string, conns: count, all: count): Majority
	{
	return 2 * conns > all ? Majority($name=name, $conns=conns) : Majority(
	    $name="", $conns=0);
	}

# The same of several names.
function majority_among(counts: table[string] of count, all: count): Majority
	{
	local best = "";
	local conns = 0;
	for ( name, n in counts )
		{
		if ( n > conns )
			{
			best = name;
			conns = n;
			}
		}
	return majority(best, conns, all);
	}

function server_name_of(p: Pair): Majority
	{
	return p?$names ? majority_among(p$names, p$named) : majority(p$server_name,
	    p$name_conns, p$named);
	}

function dns_name_of(p: Pair): Majority
	{
	return p?$dns_names ? majority_among(p$dns_names, p$dns_named) : majority(
	    p$dns_name, p$dns_conns, p$dns_named);
	}
