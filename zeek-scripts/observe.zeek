##! A connection ends: it becomes an observation and goes to the node that owns its pair.

@load ./main
@load ./names
@load ./answers
@load ./presented
@load ./traits
@load ./intel
@load ./proxy-channel
@load ./allow
@load ./merge
@load ./track
@load ./dns
@load ./asked
@load base/frameworks/cluster
@load base/protocols/conn
@load base/utils/site

module Beacons;

export {
	redef record connection += {
		## The name under which it was told of while it is open; empty where by its address only.
		beacons_told: string &optional;
	};
}

const clustered = Cluster::is_enabled();
const epoch = double_to_time(0.0);

# Whether a direction is looked at.
function wanted_direction(local_orig: bool, local_resp: bool): bool
	{
	if ( local_orig )
		return direction == FROM_LOCAL
		    || direction == ( local_resp ? INTERNAL : OUTBOUND );
	return local_resp && ( track_inbound || direction == INBOUND );
	}

# Whether the direction of what has these ends is looked at.
function wanted_ends(id: conn_id): bool
	{
	return direction == ANY
	    || |Site::local_nets| == 0
	    || ( direction == FROM_LOCAL && id$orig_h in Site::local_nets )
	    || wanted_direction(id$orig_h in Site::local_nets, id$resp_h in Site::local_nets);
	}

function observation_of(c: connection, name: string): Observation
	{
	local info = c$conn;
	local id = c$id;
	local o = Observation($orig_h=id$orig_h, $orig_p=id$orig_p, $resp_h=id$resp_h,
	    $resp_p=id$resp_p, $uid=c$uid, $name=name,
	    $service=info?$service ? info$service : "", $start=( info$ts -
	    epoch ) / 1sec, $state=info$conn_state);
	# Unset before a client has got an answer to anything.
	if ( first_answers[id$orig_h] <= o$start + 0.0000005 )
		{
		local asked_for = looked_up(id$orig_h, id$resp_h, o$start);
		# Another worker may have seen the answer that this one did not.
		if ( asked_for != "" || ! clustered )
			o$dns_name = asked_for;
		}
	if ( c?$ssl || c?$beacons_client )
		{
		add_presented(o, c);
		add_traits(o, c);
		}
	else if ( c?$ssh )
		add_traits(o, c);
	if ( c?$beacons_intel )
		o$intel = c$beacons_intel;
	if ( info?$duration )
		{
		# Rounded as microseconds() does; packets come at whole ones.
		o$duration = floor(info$duration / 1usec + 0.5) / 1000000.0;
		o$orig_bytes = info$orig_bytes;
		o$resp_bytes = info$resp_bytes;
		o$is_long = info$duration >= long_after;
		}
	return o;
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

# The owner of the pair of a client with a domain is to know of connections to servers under it.
function tell_connected(client: addr, name: string)
	{
	local domain = registered_domain(name);
	if ( ! clustered )
		note_connected(client, domain);
	else if ( ! Cluster::publish_hrw(Cluster::proxy_pool, domain, connected_to,
	    client, domain) )
		Cluster::publish(Cluster::manager_topic, connected_to, client, domain);
	}

event connected_to(client: addr, domain: string)
	{
	note_connected(client, domain);
	}

event observed(o: Observation, named: bool)
	{
	track(o, named);
	}

# Whether a connection with a name, the first of its pair by address, is the first one by name too, and is of no other use.
function is_first_named(c: connection, name: string): bool
	{
	local id = c$id;
	# What is left open or continues something has its pieces put together.
	return ! c?$beacons_proxied
	    && c$conn$conn_state !in open_states
	    && ( c$history == "" || /[SsHh]/ in c$history )
	    && ( ! pairs_by_name || ( place_by_name[id$orig_h, name, id$resp_p] == 0 && ! seen_name_before(id$orig_h, name, id$resp_p) ) );
	}

# Behind the removal hooks (-3), in which Zeek concludes what it says of a certificate.
event connection_state_remove(c: connection) &priority=-4
	{
	local info = c$conn;
	if ( direction != ANY
	    && info?$local_orig
	    && ! ( info$local_orig && direction == FROM_LOCAL )
	    && ! wanted_direction(info$local_orig, info$local_resp) )
		return;

	local id = c$id;
	if ( filtering && never_tracked(id) )
		return;

	local name = "";
	local place = 0;
	if ( c?$beacons_name )
		{
		name = server_name(c$beacons_name);
		if ( filtering && name != "" && never_named(id, name) )
			return;
		}

	local is_first = F;
	if ( ! clustered )
		{
		# On a busy sensor nearly every connection ends here, as the first of its pair, before an observation is made of it.
		place = place_by_addr[id$orig_h, id$resp_h, id$resp_p];
		is_first = place == 0 && |pairs| >= exact_pairs && ! ( info?$duration &&
		    info$duration >= long_after ) && ! seen_before(id$orig_h,
		    id$resp_h, id$resp_p);
		if ( is_first && ( name == "" || is_first_named(c, name) ) )
			{
			if ( dns_channel && name != "" )
				tell_connected(id$orig_h, name);
			return;
			}
		}

	if ( info$proto == unknown_transport || ! hook track_policy(c) )
		return;

	local o = observation_of(c, name);
	local earlier_name = "";
	if ( info$proto == tcp
	    && ( |open_pieces| > 0 || ( info$conn_state != "SF" && info$conn_state in open_states ) ) )
		earlier_name = merge_pieces(o, c$history);

	if ( dns_channel && ! o$continues )
		{
		if ( name != "" )
			tell_connected(o$orig_h, name);
		else if ( o?$dns_name && o$dns_name != "" )
			tell_connected(o$orig_h, o$dns_name);
		}

	if ( c?$beacons_told )
		{
		# In the place of what was told of it while it was open.
		o$continues = T;
		if ( earlier_name == "" )
			earlier_name = c$beacons_told;
		}

	# The name counts once for a connection, whichever of its pieces carried it.
	if ( earlier_name != "" )
		o$name = "";
	if ( clustered )
		hand_over(o, F);
	else if ( ! is_first || o$is_long )
		track_at(place, o, F);

	if ( c?$beacons_proxied )
		{
		local server = proxied_server("CONNECT", c$beacons_proxied);
		if ( c$beacons_proxied != "" && server$name != "" )
			hand_over(proxied_observation(o, server), T);
		return;
		}

	if ( ! pairs_by_name || ( name == "" && earlier_name == "" ) )
		return;
	# Nobody keeps an observation: the same one counts for the pair by name.
	o$name = earlier_name != "" ? earlier_name : name;
	o$continues = earlier_name != "";
	hand_over(o, T);
	}
