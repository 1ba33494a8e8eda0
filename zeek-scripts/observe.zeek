##! A connection ends: it becomes an observation and goes to the node that owns its pair.

@load ./main
@load ./names
@load ./allow
@load ./merge
@load ./track
@load base/frameworks/cluster
@load base/protocols/conn

module Beacons;

# Whether a connection's direction is looked at.
function wanted_direction(c: connection): bool
	{
	if ( direction == ANY || ! c$conn?$local_orig )
		return T;

	local from_inside = c$conn$local_orig;
	local to_inside = c$conn$local_resp;
	if ( direction == OUTBOUND )
		return from_inside && ! to_inside;
	if ( direction == INBOUND )
		return ! from_inside && to_inside;
	return from_inside && to_inside;
	}

# Whether this is the first connection of a pair that the sketch then remembers. On a busy sensor nearly every
# connection ends here, before an observation is made of it.
function newcomer(id: conn_id): bool
	{
	return [id$orig_h, id$resp_h, id$resp_p] !in by_addr
	    && |by_addr| + |by_name| >= exact_pairs
	    && ! seen_before(hash_of(id$orig_h, id$resp_h, id$resp_p));
	}

function observation_of(c: connection, name: string): Observation
	{
	local info = c$conn;
	return Observation($orig_h=c$id$orig_h, $orig_p=c$id$orig_p,
	    $resp_h=c$id$resp_h, $resp_p=c$id$resp_p, $uid=c$uid, $name=name,
	    $service=info?$service ? info$service : "", $start=microseconds(
	    time_to_double(info$ts)), $duration=info?$duration ? microseconds(
	    interval_to_double(info$duration)) : -1.0,
	    $orig_bytes=info?$orig_bytes ? info$orig_bytes + 0 : -1,
	    $resp_bytes=info?$resp_bytes ? info$resp_bytes + 0 : -1,
	    $state=info$conn_state);
	}

# The owner of a pair is a proxy chosen by the responder, so that one node sees all who talk to it.
function hand_over(o: Observation, named: bool)
	{
	if ( ! Cluster::is_enabled() )
		track(o, named);
	else if ( ! Cluster::publish_hrw(Cluster::proxy_pool, named ? o$name : cat(
	    o$resp_h), observed, o, named) )
		Cluster::publish(Cluster::manager_topic, observed, o, named);
	}

event observed(o: Observation, named: bool)
	{
	track(o, named);
	}

event connection_state_remove(c: connection)
	{
	if ( ! wanted_direction(c)
	    || c$conn$proto == unknown_transport
	    || never_tracked(c$id) )
		return;

	local name = name_of(c);
	if ( name != "" ? never_named(c$id, name) : ! Cluster::is_enabled() &&
	    newcomer(c$id) )
		return;

	if ( ! hook track_policy(c) )
		return;

	local o = observation_of(c, name);
	local earlier_name = c$conn$proto == tcp ? merge_pieces(o, c$history) : "";

	# The name counts once for a connection, whichever of its pieces carried it.
	if ( o$continues && earlier_name != "" )
		o$name = "";
	hand_over(o, F);

	if ( ! pairs_by_name || ( name == "" && earlier_name == "" ) )
		return;
	local by_name_too = copy(o);
	by_name_too$name = earlier_name != "" ? earlier_name : name;
	by_name_too$continues = earlier_name != "";
	hand_over(by_name_too, T);
	}
