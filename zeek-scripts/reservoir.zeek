##! The newest observations of a pair, in flat vectors that serve as a ring: 64 bytes an observation, 80 where states differ.

@load ./main

module Beacons;

# What the newest connections of a pair that showed any showed, and when they started.
type Presented: record {
	certificate: Certificate &optional;
	certificate_ts: double &default=0.0;
	client: WebClient &optional;
	client_ts: double &default=0.0;
};

# What the newest connection that told anything of one source told, and when it started.
type KnownTraits: record {
	ts: double;
	told: Traits;
};

# A hit of the Intel framework, and when the connection started that it was on.
type IntelHit: record {
	what: string;
	start: double;
};

# What is known of a pair.
type Pair: record {
	orig_h: addr;
	resp_p: port;
	# The responder's name; empty for a pair by address. Pairs of other channels than connections always have one.
	by_name: string;
	channel: string &default="conn";
	conns: count &default=0;
	named: count &default=0;
	first_ts: double;
	# Of the newest connection.
	last_ts: double;
	uid: string;
	orig_p: port;
	resp_h: addr;
	# The most frequent service; counted in `services` from the second different one on.
	service: string &default="";
	service_conns: count &default=0;
	services: table[string] of count &optional;
	# The server name of the first named connection, and those that carried it; counted in `names` from the second
	# different one on. Likewise the names that the responder was looked up by.
	server_name: string &default="";
	name_conns: count &default=0;
	names: table[string] of count &optional;
	dns_known: bool &default=F;
	dns_named: count &default=0;
	dns_name: string &default="";
	dns_conns: count &default=0;
	dns_names: table[string] of count &optional;
	# Whether a connection spoke TLS, of a pair by address.
	tls: bool &default=F;
	presented: Presented &optional;
	# By source.
	traits: table[string] of KnownTraits &optional;
	# The newest JA3; and whether its port counts among those used outside.
	ja3: string &default="";
	counts_port: bool &default=F;
	# The time from which on the originator's card has its address, seconds; 0 where no other one had it.
	card_since: double &default=0.0;
	# The hit of the Intel framework on the newest connection that has one.
	intel: IntelHit &optional;
	# Of channel http.
	other_paths: count &optional;
	# Of channel dns: the first name asked for, and all by themselves from the second on; by their digests as soon as no
	# more are told apart, and the last digest then; queries by type; those without an answer, and those answered that
	# there is no such name; and connections to servers under the domain.
	first_asked: string &default="";
	asked: table[string] of string &optional;
	last_asked: string &default="";
	query_types: table[string] of count &optional;
	unanswered: count &default=0;
	no_such_names: count &default=0;
	connected: count &default=0;
	# The place among pairs that come from outside, counted from 1; 0 for others.
	inbound_place: count &default=0;
	# When the pair was last seen and last emitted (network time), and the connections at which it is to be next; 0
	# before the gate.
	seen: time;
	emitted: time;
	emitted_conns: count &default=0;
	emit_at: count &default=0;
	# The ring: position of the oldest observation, and the observations by position. `states` is unset as long as
	# all have the same state, as those of most pairs have.
	head: count &default=0;
	starts: vector of double;
	durations: vector of double;
	orig_bytes: vector of int;
	resp_bytes: vector of int;
	state: string &default="";
	states: vector of string &optional;
};

# In the order that settles ties between observations, the same as in the Python package.
const state_order: table[string] of count = {
	["S0"] = 1,
	["S1"] = 2,
	["SF"] = 3,
	["REJ"] = 4,
	["S2"] = 5,
	["S3"] = 6,
	["RSTO"] = 7,
	["RSTR"] = 8,
	["RSTOS0"] = 9,
	["RSTRH"] = 10,
	["SH"] = 11,
	["SHR"] = 12,
	["OTH"] = 13
} &default=0;

# Observations held by all pairs.
global held: count = 0;

# Orders values of which a negative one is missing and sorts last, like NaN in the Python package.
function missing_last(a: double, b: double): bool
	{
	return b >= 0 && ( a < 0 || a > b );
	}

# Whether the observation at `at` sorts behind another with the same start: by duration, sizes and state.
function ties_behind(p: Pair, at: count, o: Observation): bool
	{
	if ( p$durations[at] != o$duration )
		return missing_last(p$durations[at], o$duration);
	if ( p$orig_bytes[at] != o$orig_bytes )
		return missing_last(p$orig_bytes[at], o$orig_bytes);
	if ( p$resp_bytes[at] != o$resp_bytes )
		return missing_last(p$resp_bytes[at], o$resp_bytes);
	return state_order[p?$states ? p$states[at] : p$state] > state_order[o$state];
	}

function follows(p: Pair, at: count, o: Observation): bool
	{
	return p$starts[at] > o$start
	    || ( p$starts[at] == o$start && ties_behind(p, at, o) );
	}

function rotated(values: vector of double, at: count): vector of double
	{
	local result = values[at:];
	result += values[:at];
	return result;
	}

function rotated_int(values: vector of int, at: count): vector of int
	{
	local result = values[at:];
	result += values[:at];
	return result;
	}

# Brings the ring into order, the oldest first, and keeps the newest `n`.
function straighten(p: Pair, n: count)
	{
	local size = |p$starts|;
	local skip = size > n ? size - n : 0;
	local at = p$head;

	p$starts = rotated(p$starts, at);
	p$durations = rotated(p$durations, at);
	p$orig_bytes = rotated_int(p$orig_bytes, at);
	p$resp_bytes = rotated_int(p$resp_bytes, at);
	if ( p?$states )
		{
		local states = p$states[at:];
		states += p$states[:at];
		p$states = states;
		}
	p$head = 0;

	if ( skip > 0 )
		{
		p$starts = p$starts[skip:];
		p$durations = p$durations[skip:];
		p$orig_bytes = p$orig_bytes[skip:];
		p$resp_bytes = p$resp_bytes[skip:];
		if ( p?$states )
			p$states = p$states[skip:];
		held -= skip;
		}
	}

# `n` times the same state.
function repeated(state: string, n: count): vector of string
	{
	local states = vector(state);
	while ( |states| < n )
		states += states;
	return states[:n];
	}

# The first observation whose state differs from all before.
function spell_out_states(p: Pair)
	{
	p$states = repeated(p$state, |p$starts|);
	}

function put(p: Pair, at: count, o: Observation)
	{
	p$starts[at] = o$start;
	p$durations[at] = o$duration;
	p$orig_bytes[at] = o$orig_bytes;
	p$resp_bytes[at] = o$resp_bytes;
	if ( p?$states )
		p$states[at] = o$state;
	}

function move(p: Pair, from: count, to: count)
	{
	p$starts[to] = p$starts[from];
	p$durations[to] = p$durations[from];
	p$orig_bytes[to] = p$orig_bytes[from];
	p$resp_bytes[to] = p$resp_bytes[from];
	if ( p?$states )
		p$states[to] = p$states[from];
	}

# Holds an observation that does not go to the end of a ring with room: connections end out of order, so it moves
# forward past those that started later; and a full ring gives up its oldest.
function insert(p: Pair, o: Observation)
	{
	local n = |p$starts|;
	if ( n >= max_observations )
		{
		if ( n > max_observations )
			{
			# The option has changed.
			straighten(p, max_observations);
			n = max_observations;
			}
		if ( follows(p, p$head, o) )
			return;
		p$head = ( p$head + 1 ) % n;
		}
	else
		{
		if ( p$head > 0 )
			straighten(p, n);
		p$starts[n] = o$start;
		p$durations[n] = o$duration;
		p$orig_bytes[n] = o$orig_bytes;
		p$resp_bytes[n] = o$resp_bytes;
		if ( p?$states )
			p$states[n] = o$state;
		++held;
		++n;
		}

	local i = n - 1;
	while ( i > 0 && follows(p, ( p$head + i - 1 ) % n, o) )
		{
		move(p, ( p$head + i - 1 ) % n, ( p$head + i ) % n);
		--i;
		}
	put(p, ( p$head + i ) % n, o);
	}

# Holds an observation, by start.
function hold(p: Pair, o: Observation)
	{
	if ( ! p?$states && o$state != p$state )
		spell_out_states(p);
	insert(p, o);
	}

# Replaces the newest observation that started with `o`, which continues it.
function replace(p: Pair, o: Observation)
	{
	local n = |p$starts|;
	local i = n;
	if ( o$state != p$state && ! p?$states )
		spell_out_states(p);
	while ( i > 0 )
		{
		--i;
		if ( p$starts[( p$head + i ) % n] == o$start )
			{
			put(p, ( p$head + i ) % n, o);
			return;
			}
		}
	}
