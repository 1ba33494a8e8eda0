##! A look at each connection that has been open for ten minutes, again every ten minutes and at its end.
##!
##! Zeek's core says which these are (``connection_status_update``): what is shorter costs a timer and no script.

@load ./main
@load ./long
@load ./names
@load ./intel
@load ./units
@load ./merge
@load ./allow
@load ./observe
@load base/protocols/conn

# Zeek's core looks for this name, which no script of Zeek defines. Another package may have.
@ifndef ( connection_status_update_interval )
## How often :zeek:see:`connection_status_update` is raised for a connection; 0 seconds: never.
const connection_status_update_interval = 10mins &redef;
@endif

module Beacons;

export {
	redef record connection += {
		## Seconds of it that were looked at.
		beacons_open: double &optional;
	};

	## Veto: a handler that breaks keeps a connection from counting as long. Runs for those only.
	global long_policy: hook(c: connection);
}

const first_look = 10mins;

# Whether an open connection passes the filters and has the direction that is looked at.
function is_wanted(c: connection): bool
	{
	local id = c$id;
	if ( filtering && never_tracked(id) )
		return F;
	if ( filtering
	    && c?$beacons_name
	    && never_named(id, server_name(c$beacons_name)) )
		return F;

	return wanted_ends(id);
	}

function services_of(c: connection): string
	{
	local services: string_vec;
	for ( service in c$service )
		if ( /^-/ !in service )
			services += to_lower(service);
	return join_string_vec(sort(services, strcmp), ",");
	}

# Hands a connection over that has been open for long_after, as it is now; at its end it comes again, as it is then.
function tell_open(c: connection, look: LongLook)
	{
	local id = c$id;
	# What continues an earlier piece is told of at its end: only then is it known what belongs together.
	if ( look$proto == unknown_transport
	    || [id$orig_h, id$orig_p, id$resp_h, id$resp_p] in open_pieces
	    || ! hook track_policy(c) )
		return;
	local answered = c$resp$size > 0;
	local o = Observation($orig_h=id$orig_h, $orig_p=id$orig_p, $resp_h=id$resp_h,
	    $resp_p=id$resp_p, $uid=c$uid, $name=look$name,
	    $service=look$service, $start=look$start, $duration=look$duration,
	    $orig_bytes=look$orig_bytes, $resp_bytes=look$resp_bytes,
	    $state=look$proto == tcp ? ( answered ? "S1" : "OTH" ) : (
	    answered ? "SF" : "S0" ), $is_long=T);
	if ( c?$beacons_intel )
		o$intel = c$beacons_intel;
	c$beacons_told = look$name;
	hand_over(o, F);
	if ( pairs_by_name && look$name != "" && ! c?$beacons_proxied )
		{
		local by_name_too = copy(o);
		hand_over(by_name_too, T);
		}
	}

function look_at(c: connection, is_open: bool)
	{
	local id = c$id;
	local duration = microseconds(interval_to_double(c$duration));
	local is_first = ! c?$beacons_open;
	local look = LongLook($ts=time_to_double(network_time()), $uid=c$uid, $id=id,
	    $proto=get_port_transport_proto(id$resp_p), $service=services_of(c),
	    $name=c?$beacons_name ? server_name(c$beacons_name) : "",
	    $start=microseconds(time_to_double(c$start_time)),
	    $duration=duration, $added=is_first ? duration : duration -
	    c$beacons_open, $orig_bytes=c$orig$size, $resp_bytes=c$resp$size,
	    $is_first=is_first, $is_open=is_open);
	c$beacons_open = duration;
	if ( is_open && c$duration >= long_after && ! c?$beacons_told )
		tell_open(c, look);
	if ( ! clustered )
		look_at_pair(look);
	else if ( ! Cluster::publish_hrw(Cluster::proxy_pool, cat(id$resp_h),
	    long_seen, look) )
		Cluster::publish(Cluster::manager_topic, long_seen, look);
	}

hook finalize_beacons_long(c: connection)
	{
	look_at(c, F);
	}

event connection_status_update(c: connection)
	{
	if ( ! long_connections || network_time() - c$start_time < first_look )
		return;
	if ( ! c?$beacons_open )
		{
		if ( ! is_wanted(c) || ! hook long_policy(c) )
			return;
		Conn::register_removal_hook(c, finalize_beacons_long);
		}
	look_at(c, T);
	}
