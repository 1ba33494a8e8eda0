##! The owner's state: pairs, their observations, and the gate that lets candidates through.

@load ./main
@load ./reservoir
@load ./sketch
@load ./prevalence
@load ./emit

module Beacons;

# Bounded by max_pairs and max_total_observations (bounds.zeek).
global by_addr: table[addr, addr, port] of Pair;
global by_name: table[addr, string, port] of Pair;

# Different services counted for a pair.
const max_services = 16;

# Keeps to the bounds; defined in bounds.zeek.
global make_room: function();

function count_service(p: Pair, service: string)
	{
	if ( p?$services )
		{
		if ( service in p$services )
			++p$services[service];
		else if ( |p$services| < max_services )
			p$services[service] = 1;
		}
	else if ( p$service == "" || p$service == service )
		{
		p$service = service;
		++p$service_conns;
		}
	else
		p$services = table([p$service] = p$service_conns, [service] = 1);
	}

function count_name(p: Pair, name: string)
	{
	if ( p$named == 0 )
		p$server_name = name;
	else if ( p$server_name != name )
		p$server_name = "";
	++p$named;
	}

# Counts and holds a connection.
function add_observation(p: Pair, o: Observation)
	{
	++p$conns;
	p$seen = network_time();

	if ( o$start >= p$last_ts )
		{
		p$last_ts = o$start;
		p$uid = o$uid;
		p$orig_p = o$orig_p;
		p$resp_h = o$resp_h;
		}

	if ( o$start < p$first_ts )
		p$first_ts = o$start;
	if ( o$service != "" )
		count_service(p, o$service);
	if ( o$name != "" )
		count_name(p, o$name);

	hold(p, o);
	}

# Puts the whole connection in the place of its earlier pieces; `o$name` is set where only the last piece had one.
function replace_observation(p: Pair, o: Observation, named: bool)
	{
	replace(p, o);
	if ( ! named && o$name != "" )
		count_name(p, o$name);
	}

# Emits a pair that has come to a step of the gate.
function pass_gate(p: Pair)
	{
	if ( p$conns >= ( p$emit_at == 0 ? min_connections : p$emit_at ) )
		{
		local reason = p$emit_at == 0 ? "gate" : "doubled";
		p$emit_at = 2 * p$conns;
		emit(p, reason);
		}
	else if ( p$emit_at > 0 && p$seen - p$emitted >= candidate_interval )
		emit(p, "interval");
	}

# Whether a pair not yet tracked is to be. While few are, every pair is; later those seen before.
function admitted(o: Observation, named: bool): bool
	{
	if ( |by_addr| + |by_name| < exact_pairs )
		return T;
	return named ? seen_name_before(o$orig_h, o$name, o$resp_p) : seen_before(
	    o$orig_h, o$resp_h, o$resp_p);
	}

function new_pair(o: Observation, name: string): Pair
	{
	make_room();
	local p = Pair($orig_h=o$orig_h, $resp_p=o$resp_p, $by_name=name,
	    $first_ts=o$start, $last_ts=o$start, $uid=o$uid, $orig_p=o$orig_p,
	    $resp_h=o$resp_h, $seen=network_time(), $emitted=network_time());

	# The sketch remembers that there was one connection, not which.
	if ( |by_addr| + |by_name| >= exact_pairs )
		p$conns = 1;

	note_talker(p);
	return p;
	}

# Takes a connection, on the node that owns its pair.
function track(o: Observation, named: bool)
	{
	local p: Pair;
	if ( named )
		{
		if ( [o$orig_h, o$name, o$resp_p] !in by_name )
			{
			if ( o$continues || ! admitted(o, T) )
				return;
			by_name[o$orig_h, o$name, o$resp_p] = new_pair(o, o$name);
			}
		p = by_name[o$orig_h, o$name, o$resp_p];
		}
	else
		{
		if ( [o$orig_h, o$resp_h, o$resp_p] !in by_addr )
			{
			if ( o$continues || ! admitted(o, F) )
				return;
			by_addr[o$orig_h, o$resp_h, o$resp_p] = new_pair(o, "");
			}
		p = by_addr[o$orig_h, o$resp_h, o$resp_p];
		}

	if ( o$continues )
		replace_observation(p, o, named);
	else
		{
		add_observation(p, o);
		pass_gate(p);
		if ( held > max_total_observations )
			make_room();
		}
	}
