##! The newest observations of a pair, in flat vectors that serve as a ring: 64 bytes an observation.

@load ./main
@load ./units

module Beacons;

# What is known of a pair.
type Pair: record {
	orig_h: addr;
	resp_p: port;
	# The responder's name; empty for a pair by address.
	by_name: string;
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
	# The one name of all named connections, empty once they differ.
	server_name: string &default="";
	# When the pair was last seen and last emitted (network time), and the connections at which it is to be next; 0
	# before the gate.
	seen: time;
	emitted: time;
	emitted_conns: count &default=0;
	emit_at: count &default=0;
	# The ring: position of the oldest observation, and the observations by position.
	head: count &default=0;
	starts: vector of double &default=vector();
	spans: vector of count &default=vector();
	orig_bytes: vector of int &default=vector();
	resp_bytes: vector of int &default=vector();
};

# Observations held by all pairs.
global held: count = 0;

# Whether the observation at `at` sorts behind these values: by start, ties by duration, sizes and state.
function follows(p: Pair, at: count, start: double, span: count,
    orig_bytes: int, resp_bytes: int): bool
	{
	if ( p$starts[at] != start )
		return p$starts[at] > start;
	if ( p$spans[at] / 16 != span / 16 )
		return p$spans[at] > span;
	if ( p$orig_bytes[at] != orig_bytes )
		return orig_bytes >= 0
		    && ( p$orig_bytes[at] < 0 || p$orig_bytes[at] > orig_bytes );
	if ( p$resp_bytes[at] != resp_bytes )
		return resp_bytes >= 0
		    && ( p$resp_bytes[at] < 0 || p$resp_bytes[at] > resp_bytes );
	return p$spans[at] > span;
	}

# Brings the ring into order, the oldest first, and keeps the newest `n`.
function straighten(p: Pair, n: count)
	{
	local size = |p$starts|;
	local skip = size > n ? size - n : 0;
	local starts: vector of double;
	local spans: vector of count;
	local orig_bytes: vector of int;
	local resp_bytes: vector of int;
	local i = skip;

	while ( i < size )
		{
		local at = ( p$head + i ) % size;
		starts += p$starts[at];
		spans += p$spans[at];
		orig_bytes += p$orig_bytes[at];
		resp_bytes += p$resp_bytes[at];
		++i;
		}

	held -= skip;
	p$head = 0;
	p$starts = starts;
	p$spans = spans;
	p$orig_bytes = orig_bytes;
	p$resp_bytes = resp_bytes;
	}

# Holds an observation, in the place of the oldest where the ring is full. Connections end out of order, so the new one
# moves forward past those that started later.
function hold(p: Pair, o: Observation)
	{
	local span = pack(o$duration, o$state);
	local n = |p$starts|;

	if ( n > max_observations || ( n < max_observations && p$head > 0 ) )
		{
		# The option has changed.
		straighten(p, max_observations);
		n = |p$starts|;
		}

	if ( n < max_observations )
		{
		p$starts += o$start;
		p$spans += span;
		p$orig_bytes += o$orig_bytes;
		p$resp_bytes += o$resp_bytes;
		++held;
		++n;
		}
	else if ( follows(p, p$head, o$start, span, o$orig_bytes, o$resp_bytes) )
		return;
	else
		p$head = ( p$head + 1 ) % n;

	local at = ( p$head + n - 1 ) % n;
	local i = n - 1;
	while ( i > 0 )
		{
		local before = ( p$head + i - 1 ) % n;
		if ( ! follows(p, before, o$start, span, o$orig_bytes, o$resp_bytes) )
			break;
		p$starts[at] = p$starts[before];
		p$spans[at] = p$spans[before];
		p$orig_bytes[at] = p$orig_bytes[before];
		p$resp_bytes[at] = p$resp_bytes[before];
		at = before;
		--i;
		}

	p$starts[at] = o$start;
	p$spans[at] = span;
	p$orig_bytes[at] = o$orig_bytes;
	p$resp_bytes[at] = o$resp_bytes;
	}

# Replaces the newest observation that started with `o`, which continues it.
function replace(p: Pair, o: Observation)
	{
	local n = |p$starts|;
	local i = n;
	while ( i > 0 )
		{
		--i;
		local at = ( p$head + i ) % n;
		if ( p$starts[at] != o$start )
			next;
		p$spans[at] = pack(o$duration, o$state);
		p$orig_bytes[at] = o$orig_bytes;
		p$resp_bytes[at] = o$resp_bytes;
		return;
		}
	}
