##! What is known of the queries of a client under one domain, of channel dns.
##!
##! Of each pair as many names are held as are told apart; of more those with the first digests: a fair choice of all,
##! which does not depend on their order and costs little once it is made.

@load ./main
@load ./pair-table
@load ./traits

module Beacons;

export {
	## Names asked for that are held in all, 128 of a pair at most and 0.3 kB each. Beyond, further ones are not told
	## apart.
	option max_names_asked: count = 1000000;
}

# Names of a pair that are told apart.
const most_names = 128;

# Types of query of a pair that are told apart beside those for addresses, the one that stands for further ones, and how
# many are told.
const most_types = 16;
const other_types = "";
const shown_types = 4;

# Of queries for where a server is.
const address_types = set("A", "AAAA", "HTTPS", "SVCB");

# Names held by all pairs, and those that were not.
global names_held: count = 0;
global names_missed: count = 0;

# Of those held, names by the client that asked; emptied with its pairs.
global names_held_by: table[addr] of count &default=0;

# Whether any pair asks over TCP, as few do.
global asks_over_tcp = F;

# The highest of the digests held.
function last_digest(digests: table[string] of string): string
	{
	local last = "";
	for ( digest, _ in digests )
		if ( strcmp(digest, last) > 0 )
			last = digest;
	return last;
	}

# From now on the names are held by their digests: there are as many as are told apart.
function hold_digests(p: Pair)
	{
	local digests: table[string] of string;
	for ( name, _ in p$asked )
		digests[md5_hash(name)] = name;
	p$asked = digests;
	p$last_asked = last_digest(digests);
	}

# One more name, of a pair with as many as are told apart: it takes the place of one with a higher digest.
function choose_asked(p: Pair, name: string)
	{
	local digest = md5_hash(name);
	if ( digest in p$asked || strcmp(digest, p$last_asked) > 0 )
		return;
	delete p$asked[p$last_asked];
	p$asked[digest] = name;
	p$last_asked = last_digest(p$asked);
	}

function note_asked(p: Pair, name: string)
	{
	# Most clients ask for one name of a domain.
	if ( name == p$first_asked )
		return;
	if ( p$last_asked != "" )
		{
		choose_asked(p, name);
		return;
		}
	if ( p?$asked && name in p$asked )
		return;

	if ( p$resp_p == 53/tcp )
		asks_over_tcp = T;
	local client = p$orig_h;
	if ( names_held >= max_names_asked
	    || 100 * names_held_by[client] >= max_host_percent * max_names_asked )
		{
		++names_missed;
		return;
		}
	++names_held;
	++names_held_by[client];
	if ( p$first_asked == "" )
		{
		p$first_asked = name;
		return;
		}
	if ( ! p?$asked )
		p$asked = table([p$first_asked] = p$first_asked);
	p$asked[name] = name;
	if ( |p$asked| >= most_names )
		hold_digests(p);
	}

# Names of a pair that are held.
function names_of(p: Pair): count
	{
	if ( p?$asked )
		return |p$asked|;
	return p$first_asked == "" ? 0 : 1;
	}

function count_query_type(p: Pair, query_type: string)
	{
	if ( ! p?$query_types )
		{
		local none: table[string] of count &default=0;
		p$query_types = none;
		}
	local types = p$query_types;
	if ( ++types[query_type] == 1
	    && |types| > most_types
	    && query_type !in address_types )
		{
		delete types[query_type];
		++types[other_types];
		}
	}

# Takes a query of a pair.
function note_query(p: Pair, o: Observation)
	{
	note_asked(p, o$asked);
	if ( o$query_type != "" )
		count_query_type(p, o$query_type);
	if ( o$state == "S0" )
		++p$unanswered;
	else if ( o$no_such_name )
		++p$no_such_names;
	}

# A share as whole percent, halves go up.
function percent(n: count, every: count): count
	{
	return ( 200 * n + every ) / ( 2 * every );
	}

# The most frequent types with their shares; of equals the first in the alphabet.
function usual_types(types: table[string] of count): string
	{
	local every = 0;
	local names: vector of string;
	for ( name, n in types )
		{
		every += n;
		if ( name != other_types )
			names += name;
		}
	sort(names, function[types](a: string, b: string): int
		{
		if ( types[a] != types[b] )
			return types[a] > types[b] ? -1 : 1;
		return strcmp(a, b);
		});

	local parts: vector of string;
	for ( i, one in names )
		if ( i < shown_types )
			parts += fmt("%s %d %%", one, percent(types[one], every));
	return join_string_vec(parts, ", ");
	}

# Bits a character of what stands left of the domain in some names together, to a tenth, without their dots; empty where
# there are no characters. What lies between two tenths goes up, whatever the last digits of a sum are.
function entropy_of(names: table[string] of string, domain: string): string
	{
	local parts: vector of string;
	for ( _, name in names )
		parts += sub_bytes(name, 1, |name| - |domain|);
	local characters = subst_string(join_string_vec(parts, ""), ".", "");
	if ( characters == "" )
		return "";
	return fmt("%.1f", floor(10.0 * find_entropy(characters)$entropy + 0.5 + 1e-6) /
	    10.0);
	}

# Tells in a candidate what its pair asked for.
function tell_asked(rec: Candidate, p: Pair)
	{
	local names: table[string] of string;
	if ( p?$asked )
		names = p$asked;
	else if ( p$first_asked != "" )
		names[""] = p$first_asked;
	local characters = 0;
	for ( _, name in names )
		characters += |name|;
	rec$names_asked = |names|;
	rec$names_length = characters;
	rec$connected = p$connected;
	rec$for_addresses = 0;

	local lines: vector of string;
	if ( p?$query_types )
		{
		for ( address_type in address_types )
			if ( address_type in p$query_types )
				rec$for_addresses += p$query_types[address_type];
		lines += trait("dns_types", usual_types(p$query_types));
		}
	if ( |names| > 0 )
		lines += trait("dns_entropy", entropy_of(names, p$by_name));
	local answered = p$conns - p$unanswered;
	if ( answered > 0 )
		lines += trait("dns_nxdomain", cat(percent(p$no_such_names, answered)));
	lines += trait("dns_unanswered", cat(percent(p$unanswered, p$conns)));

	if ( ! rec?$traits )
		rec$traits = vector();
	for ( _, line in lines )
		if ( line != "" )
			rec$traits += line;
	sort(rec$traits, strcmp);
	}

# A client has connected to a server under a domain.
function note_connected(client: addr, domain: string)
	{
	local place = place_by_channel[client, domain, 53/udp, "dns"];
	if ( place > 0 )
		++pairs[place - 1]$connected;
	if ( ! asks_over_tcp )
		return;
	place = place_by_channel[client, domain, 53/tcp, "dns"];
	if ( place > 0 )
		++pairs[place - 1]$connected;
	}

hook pair_removed(p: Pair)
	{
	local n = names_of(p);
	if ( n == 0 )
		return;
	names_held -= n;
	names_held_by[p$orig_h] -= n;
	if ( names_held_by[p$orig_h] == 0 )
		delete names_held_by[p$orig_h];
	}
