##! What is known of the names that a client asks for under one domain, of channel dns.
##!
##! Of each pair the names with the first digests are held, as many as are told apart: a fair choice of all, which does not
##! depend on their order and costs little once it is made.

@load ./main
@load ./pair-table

module Beacons;

export {
	## Names asked for that are held in all, 128 of a pair at most and 0.1 kB each. Beyond, further ones are not told
	## apart.
	option max_names_asked: count = 1000000;
}

# Names of a pair that are told apart.
const most_names = 128;

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

	p$asked[digest] = |name|;
	if ( |p$asked| < most_names )
		return;
	p$last_asked = "";
	for ( held_digest, _ in p$asked )
		if ( strcmp(held_digest, p$last_asked) > 0 )
			p$last_asked = held_digest;
	}

function tell_asked(rec: Candidate, p: Pair)
	{
	local characters = 0;
	if ( p?$asked )
		for ( _, length in p$asked )
			characters += length;
	rec$names_asked = p?$asked ? |p$asked| : 0;
	rec$names_length = characters;
	rec$for_addresses = p$for_addresses;
	rec$connected = p$connected;
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
