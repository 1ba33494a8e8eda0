##! What is known of the queries of a client under one domain, of channel dns.
##!
##! Of each pair the names with the first digests are held, as many as are told apart: a fair choice of all, which does not
##! depend on their order and costs little once it is made.

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

function note_asked(p: Pair, name: string)
	{
	local digest = md5_hash(name);
	if ( ! p?$asked )
		p$asked = table();
	if ( digest in p$asked )
		return;
	if ( p$last_asked != "" )
		{
		if ( strcmp(digest, p$last_asked) > 0 )
			return;
		delete p$asked[p$last_asked];
		}
	else if ( names_held >= max_names_asked )
		{
		++names_missed;
		return;
		}
	else
		++names_held;

	p$asked[digest] = name;
	if ( |p$asked| < most_names )
		return;
	p$last_asked = "";
	for ( held_digest, _ in p$asked )
		if ( strcmp(held_digest, p$last_asked) > 0 )
			p$last_asked = held_digest;
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
	local characters = 0;
	if ( p?$asked )
		for ( _, name in p$asked )
			characters += |name|;
	rec$names_asked = p?$asked ? |p$asked| : 0;
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
	if ( p?$asked )
		lines += trait("dns_entropy", entropy_of(p$asked, p$by_name));
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
	for ( resp_p in set(53/udp, 53/tcp) )
		{
		local place = place_by_channel[client, domain, resp_p, "dns"];
		if ( place > 0 )
			++pairs[place - 1]$connected;
		}
	}

hook pair_removed(p: Pair)
	{
	if ( p?$asked )
		names_held -= |p$asked|;
	}
