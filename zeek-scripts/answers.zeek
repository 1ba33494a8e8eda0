##! What name an address was looked up by: the answers that each client got, to be told of its connections.
##!
##! An answer holds for its TTL, an hour at least and a day at most, and until the client gets another one with the same
##! address. What a name server says of its own network counts only in private space: who runs a C2 server can run a
##! name server beside it. In a cluster each worker knows the answers that it saw itself.

@load ./main
@load ./names
@load base/protocols/dns
@load base/utils/site

module Beacons;

# Times, seconds since the epoch, in which one name was the newest answer.
type Lookup: record {
	name: string;
	since: double;
	until: double;
	# The newest answer with it.
	last: double;
};

# The newest, and those before it, of a client and an address.
type Lookups: record {
	newest: Lookup;
	earlier: vector of Lookup &optional;
};

# Earlier ones kept, for connections that last while names change.
const max_earlier = 3;

const shortest_lookup = 3600.0;
const longest_lookup = 86400.0;

# Half of them each. When one is full the other one is emptied and becomes the one that is filled.
global lookups_a: table[addr, addr] of Lookups &create_expire=1day;
global lookups_b: table[addr, addr] of Lookups &create_expire=1day;
global filling_a = T;

# Clients' addresses that were forgotten to make room, for telemetry.
global answers_forgotten: count = 0;

# When each client that looks names up got its first answer, seconds; never, for others.
global first_answers: table[addr] of double &read_expire=1day &default=1e18;

# Records come by reference: an answer that goes on with the newest one changes it where it is.
function add_lookup(known: Lookups, fresh: Lookup)
	{
	local newest = known$newest;
	if ( fresh$name == newest$name && fresh$since <= newest$until + 0.0000005 )
		{
		newest$until = fresh$until;
		newest$last = fresh$since;
		return;
		}

	# Of answers of one moment the last name in the alphabet counts.
	if ( fresh$since == newest$last && strcmp(fresh$name, newest$name) < 0 )
		return;
	if ( fresh$since == newest$since )
		{
		known$newest = fresh;
		return;
		}

	if ( ! known?$earlier )
		known$earlier = vector();
	known$earlier += newest;
	if ( |known$earlier| > max_earlier )
		known$earlier = known$earlier[1:];
	known$newest = fresh;
	}

function make_room_for_lookups()
	{
	answers_forgotten += filling_a ? |lookups_b| : |lookups_a|;
	if ( filling_a )
		clear_table(lookups_b);
	else
		clear_table(lookups_a);
	filling_a = ! filling_a;
	}

function remember_lookup(client: addr, a: addr, fresh: Lookup)
	{
	if ( 2 * ( filling_a ? |lookups_a| : |lookups_b| ) >= max_answers )
		make_room_for_lookups();

	local known: Lookups;
	if ( [client, a] in lookups_a )
		{
		known = lookups_a[client, a];
		add_lookup(known, fresh);
		}
	else if ( [client, a] in lookups_b )
		{
		known = lookups_b[client, a];
		add_lookup(known, fresh);
		}
	else
		known = Lookups($newest=fresh);

	# Put in anew each time, so that its age is that of the newest answer.
	if ( filling_a )
		lookups_a[client, a] = known;
	else
		lookups_b[client, a] = known;
	}

# Whether a name server speaks of its own network, outside private space.
function is_own_word(resolver: addr, a: addr): bool
	{
	local is_v4 = is_v4_addr(a);
	return is_v4 == is_v4_addr(resolver)
	    && resolver in ( is_v4 ? a / 24 : a / 64 )
	    && a !in Site::private_address_space;
	}

# An address record of an answer, in the form that dns.log has it.
function learn_address(c: connection, msg: dns_msg, ans: dns_answer, a: addr)
	{
	if ( max_answers == 0
	    || ! msg$QR
	    || msg$opcode != 0
	    || ans$answer_type != DNS_ANS
	    || ! c?$dns )
		return;
	local dns = c$dns;
	if ( ! dns?$query || ( dns?$qtype && dns$qtype != 1 && dns$qtype != 28 ) )
		return;

	local client = c$id$orig_h;
	if ( is_own_word(c$id$resp_h, a) )
		return;
	local name = server_name(dns$query);
	if ( name == "" )
		return;

	# Both rounded as microseconds() does.
	local at = floor(time_to_double(dns$ts) * 1000000.0 + 0.5) / 1000000.0;
	if ( dns?$rtt )
		at += floor(dns$rtt / 1usec + 0.5) / 1000000.0;
	if ( client !in first_answers && |first_answers| < max_answers )
		first_answers[client] = at;

	local lasts = interval_to_double(ans$TTL);
	if ( lasts < shortest_lookup )
		lasts = shortest_lookup;
	if ( lasts > longest_lookup )
		lasts = longest_lookup;
	remember_lookup(client, a, Lookup($name=name, $since=at, $until=at + lasts,
	    $last=at));
	}

event dns_A_reply(c: connection, msg: dns_msg, ans: dns_answer, a: addr)
	{
	learn_address(c, msg, ans, a);
	}

event dns_AAAA_reply(c: connection, msg: dns_msg, ans: dns_answer, a: addr)
	{
	learn_address(c, msg, ans, a);
	}

# What held at some time; empty where nothing did.
function held_at(known: Lookups, start: double): string
	{
	local found = known$newest;
	if ( found$since > start + 0.0000005 )
		{
		if ( ! known?$earlier )
			return "";
		local i = |known$earlier|;
		while ( i > 0 && found$since > start + 0.0000005 )
			{
			--i;
			found = known$earlier[i];
			}
		if ( found$since > start + 0.0000005 )
			return "";
		}
	return start <= found$until + 0.0000005 ? found$name : "";
	}

# The name that a client had got an answer for, with this address, by some time; empty where none held.
function looked_up(client: addr, a: addr, start: double): string
	{
	if ( [client, a] in lookups_a )
		return held_at(lookups_a[client, a], start);
	if ( |lookups_b| > 0 && [client, a] in lookups_b )
		return held_at(lookups_b[client, a], start);
	return "";
	}
