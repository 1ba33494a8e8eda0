##! A connection ends: it becomes an observation and goes to the node that owns its pair.

@load ./main
@load ./names
@load ./allow
@load ./merge
@load ./track
@load base/frameworks/cluster
@load base/protocols/conn

module Beacons;

const clustered = Cluster::is_enabled();

# Whether a connection's direction is looked at.
function wanted_direction(c: connection): bool
	{
	if ( ! c$conn?$local_orig )
		return T;

	local from_inside = c$conn$local_orig;
	local to_inside = c$conn$local_resp;
	if ( direction == OUTBOUND )
		return from_inside && ! to_inside;
	if ( direction == INBOUND )
		return ! from_inside && to_inside;
	return from_inside && to_inside;
	}

# The owner of a pair is a proxy chosen by the responder, so that one node sees all who talk to it.
function hand_over(o: Observation, named: bool)
	{
	if ( ! clustered )
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
	if ( direction != ANY && ! wanted_direction(c) )
		return;

	local id = c$id;
	if ( filtering && never_tracked(id) )
		return;

	local name = c?$beacons_name ? server_name(c$beacons_name) : "";
	if ( name != "" )
		{
		if ( filtering && never_named(id, name) )
			return;
		}

	# On a busy sensor nearly every connection ends here, as the first of its pair, before an observation is made of it.
	else if ( ! clustered
	    && [id$orig_h, id$resp_h, id$resp_p] !in by_addr
	    && |by_addr| + |by_name| >= exact_pairs
	    && ! seen_before(id$orig_h, id$resp_h, id$resp_p) )
		return;

	local info = c$conn;
	if ( info$proto == unknown_transport || ! hook track_policy(c) )
		return;

	local o = Observation($orig_h=id$orig_h, $orig_p=id$orig_p, $resp_h=id$resp_h,
	    $resp_p=id$resp_p, $uid=c$uid, $name=name,
	    $service=info?$service ? info$service : "", $start=microseconds(
	    time_to_double(info$ts)), $state=info$conn_state);
	if ( info?$duration )
		{
		o$duration = microseconds(interval_to_double(info$duration));
		o$orig_bytes = info$orig_bytes;
		o$resp_bytes = info$resp_bytes;
		}

	local earlier_name = "";
	if ( info$proto == tcp
	    && ( |open_pieces| > 0 || info$conn_state in open_states ) )
		earlier_name = merge_pieces(o, c$history);

	# The name counts once for a connection, whichever of its pieces carried it.
	if ( earlier_name != "" )
		o$name = "";
	hand_over(o, F);

	if ( ! pairs_by_name || ( name == "" && earlier_name == "" ) )
		return;
	local by_name_too = copy(o);
	by_name_too$name = earlier_name != "" ? earlier_name : name;
	by_name_too$continues = earlier_name != "";
	hand_over(by_name_too, T);
	}
