##! Takes each connection to its pair, and lets pairs through the gate that have come back often enough.

@load ./main
@load ./pair-table
@load ./sketch
@load ./emit
@load ./bounds
@load ./inbound
@load ./majority
@load ./presented
@load ./traits
@load ./intel
@load ./owners
@load ./asked
@load base/utils/site

module Beacons;

# Different services counted for a pair.
const max_services = 16;

function count_service(p: Pair, service: string)
	{
	if ( p?$services )
		{
		if ( service in p$services )
			++p$services[service];
		else if ( |p$services| < max_services )
			{
			p$services[service] = 1;
			note_service(p, service);
			}
		}
	else if ( p$service == "" )
		{
		p$service = service;
		p$service_conns = 1;
		note_service(p, service);
		}
	else
		{
		p$services = table([p$service] = p$service_conns, [service] = 1);
		note_service(p, service);
		}
	}

function count_name(p: Pair, name: string)
	{
	if ( ++p$named == 1 )
		{
		p$server_name = name;
		note_named(p);
		}
	if ( p?$names )
		count_among(p$names, name);
	else if ( p$server_name == name )
		++p$name_conns;
	else
		p$names = table([p$server_name] = p$name_conns, [name] = 1);
	}

# The name is empty where the responder had not been looked up.
function count_dns_name(p: Pair, name: string)
	{
	p$dns_known = T;
	if ( name == "" )
		return;
	if ( ++p$dns_named == 1 )
		p$dns_name = name;
	if ( p?$dns_names )
		count_among(p$dns_names, name);
	else if ( p$dns_name == name )
		++p$dns_conns;
	else
		p$dns_names = table([p$dns_name] = p$dns_conns, [name] = 1);
	}

# Puts the whole connection in the place of its earlier pieces; `o$name` is set where only the last piece had one.
function replace_observation(p: Pair, o: Observation)
	{
	replace(p, o);
	if ( p$by_name == "" && o$name != "" )
		count_name(p, o$name);
	}

# Emits a pair that has come to a step of the gate.
function pass_gate(p: Pair)
	{
	local reason = p$emit_at == 0 ? "gate" : "doubled";
	p$emit_at = 2 * p$conns;
	emit(p, reason);
	}

# Takes what an observation tells beside times and sizes.
function take_facts(p: Pair, o: Observation)
	{
	if ( o?$traits )
		note_traits(p, o);
	if ( o?$intel )
		note_intel(p, o);
	if ( p$channel == "conn" )
		{
		if ( o$name != "" )
			count_name(p, o$name);
		if ( o?$dns_name && p$by_name == "" )
			count_dns_name(p, o$dns_name);
		if ( o?$certificate || o?$client )
			note_presented(p, o);
		return;
		}

	if ( o$carried != "" )
		count_name(p, o$carried);
	if ( o?$other_paths && ( ! p?$other_paths || o$other_paths > p$other_paths ) )
		p$other_paths = o$other_paths;
	if ( o$asked != "" )
		note_query(p, o);
	}

# Counts and holds a connection of a pair. On the road of every connection that counts, hence not in smaller pieces.
function add_observation(p: Pair, o: Observation)
	{
	local conns = ++p$conns;
	local start = o$start;
	p$seen = network_time();

	if ( start >= p$last_ts )
		{
		p$last_ts = start;
		p$uid = o$uid;
		p$orig_p = o$orig_p;
		p$resp_h = o$resp_h;
		}
	else if ( start < p$first_ts )
		p$first_ts = start;
	if ( o$service == p$service && ! p?$services )
		++p$service_conns;
	else if ( o$service != "" )
		count_service(p, o$service);
	# Of a bare handshake there is nothing more to take, and a call costs more than these questions.
	if ( o$name != ""
	    || o?$dns_name
	    || o?$client
	    || o?$certificate
	    || o?$traits
	    || o?$intel
	    || p$channel != "conn" )
		take_facts(p, o);

	# The usual one is the newest, finds room at the end and has the usual state.
	local n = |p$starts|;
	if ( n < max_observations
	    && p$head == 0
	    && o$state == p$state
	    && start > p$starts[n - 1]
	    && ! p?$states )
		{
		p$starts += start;
		p$durations += o$duration;
		p$orig_bytes += o$orig_bytes;
		p$resp_bytes += o$resp_bytes;
		++held;
		}
	else
		hold(p, o);

	if ( conns >= ( p$emit_at == 0 ? min_connections : p$emit_at ) )
		pass_gate(p);
	else if ( o$is_long )
		emit(p, "long");
	else if ( p$emit_at > 0 && p$seen - p$emitted >= candidate_interval )
		emit(p, "interval");
	if ( held > max_total_observations )
		trim();
	}

# Whether a pair not yet tracked is to be, once there are many: those seen before.
function admitted(o: Observation, named: bool): bool
	{
	if ( ! named )
		return seen_before(o$orig_h, o$resp_h, o$resp_p);
	local name = o$channel == "conn" ? o$name : o$channel + " " + o$name;
	return seen_name_before(o$orig_h, name, o$resp_p);
	}

# Tracks a pair from now on, with its first observation.
function begin_pair(o: Observation, named: bool)
	{
	local inbound = o$orig_h !in Site::local_nets && o$resp_h in Site::local_nets;
	if ( inbound && |inbound_pairs| >= max_inbound_pairs )
		make_inbound_room();
	if ( |pairs| >= max_pairs )
		make_room();
	local now = network_time();
	local start = o$start;
	# A connection that only the sketch saw counts nowhere: it kept no name, time or size of it.
	local p = Pair($orig_h=o$orig_h, $resp_p=o$resp_p,
	    $by_name=named ? o$name : "", $channel=o$channel, $conns=1,
	    $first_ts=start, $last_ts=start, $uid=o$uid, $orig_p=o$orig_p,
	    $resp_h=o$resp_h, $service=o$service, $service_conns=1, $seen=now,
	    $emitted=now, $starts=vector(start), $durations=vector(o$duration),
	    $orig_bytes=vector(o$orig_bytes), $resp_bytes=vector(o$resp_bytes),
	    $state=o$state);

	if ( |card_changes| > 0 )
		p$card_since = card_since(o$orig_h, start);

	++held;
	pairs += p;
	put_place(p, |pairs|);
	note_talker(p);
	if ( inbound )
		note_inbound(p);
	if ( ! named && o$service != "" )
		note_service(p, o$service);
	take_facts(p, o);
	if ( o$is_long )
		emit(p, "long");
	if ( held > max_total_observations )
		trim();
	}

# Whether a pair ends with a connection that its originator's card makes under the address that another one had.
function is_of_other_card(p: Pair, o: Observation): bool
	{
	return o$start >= card_changes[o$orig_h]
	    && p$card_since < card_changes[o$orig_h];
	}

# Whether a connection began before the card had its address that a pair is of.
function is_left_behind(p: Pair, o: Observation): bool
	{
	return o$start < card_changes[o$orig_h]
	    && p$card_since == card_changes[o$orig_h];
	}

# Takes a connection on the node that owns its pair, which is at `place`.
function track_at(place: count, o: Observation, named: bool)
	{
	if ( |card_changes| > 0 && place > 0 && o$orig_h in card_changes )
		{
		if ( is_left_behind(pairs[place - 1], o) )
			{
			++left_behind;
			return;
			}
		if ( is_of_other_card(pairs[place - 1], o) )
			{
			drop_pair(place, "lease", 2);
			place = 0;
			}
		}
	if ( place > 0 )
		{
		local p = pairs[place - 1];
		if ( ! o$continues )
			add_observation(p, o);
		else
			{
			replace_observation(p, o);
			if ( o$is_long )
				emit(p, "long");
			}
		}
	else if ( o$is_long
	    || ( ! o$continues && ( |pairs| < exact_pairs || admitted(o, named) ) ) )
		begin_pair(o, named);
	}

function track(o: Observation, named: bool)
	{
	if ( ! named )
		track_at(place_by_addr[o$orig_h, o$resp_h, o$resp_p], o, F);
	else if ( o$channel == "conn" )
		track_at(place_by_name[o$orig_h, o$name, o$resp_p], o, T);
	else
		track_at(place_by_channel[o$orig_h, o$name, o$resp_p, o$channel], o, T);
	}
