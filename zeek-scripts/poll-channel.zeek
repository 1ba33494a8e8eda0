##! Channel poll: exchanges inside connections that stay open, of whatever protocol: WebSocket, TLS, UDP, ICMP.
##!
##! Zeek logs no packets. A connection that has been open for a while is asked for its next packet
##! (:zeek:see:`ConnThreshold::set_packets_threshold`), and then for the one after it, so that a silent connection costs
##! nothing. An exchange with many packets is looked at once a pause instead, until it ends. Payload that comes within the
##! pause behind other payload belongs to the same exchange. An exchange is an observation of the pair with the server by
##! its name, else by its address.

@load ./main
@load ./names
@load ./intel
@load ./units
@load ./allow
@load ./observe
@load ./long-look
@load base/frameworks/telemetry
@load base/protocols/conn

module Beacons;

export {
	## Whether exchanges inside connections that stay open are tracked. Off by default: packets of such connections, which
	## cost a script nothing else, are looked at then.
	option poll_channel: bool = F;

	## How long a connection is open before its exchanges are. Connections are looked at every ten minutes: less than that
	## changes nothing.
	option poll_after: interval = 10mins;

	## How long nothing is said between two exchanges, at least 100 milliseconds.
	option poll_pause: interval = 1sec;

	## Connections polled at once on one node, at 2 kB each. Beyond, further ones are counted and left out.
	option max_polled: count = 2000;

	## What is remembered of a connection that is polled. Times are seconds since the epoch.
	type Polled: record {
		## Payload bytes up to the last look.
		orig_bytes: count;
		resp_bytes: count;
		## The exchange that may still go on: its begin, 0 for none; when it was last heard; its bytes; looks at it.
		begin: double &default=0.0;
		heard: double &default=0.0;
		sent: count &default=0;
		received: count &default=0;
		looks: count &default=0;
		## Whether it is looked at once a pause, not at each packet.
		rests: bool &default=F;
	};

	redef record connection += {
		beacons_polled: Polled &optional;
	};

	## A look at a connection with many packets, which was due at a time.
	global poll_again: event(id: conn_id, uid: string, due: double);
}

# Packets of an exchange that are looked at one by one.
const most_looks = 32;

global polled: count = 0;
# Connections left out since there were too many.
global poll_missed: count = 0;

# Requests over HTTP have a channel of their own, and those to a proxy too; what an upgraded connection says is no HTTP.
function has_own_channel(c: connection): bool
	{
	local services = services_of(c);
	return c?$beacons_proxied
	    || ( /(^|,)http(,|$)/ in services && /websocket/ !in services );
	}

# Waits for the next packet of either side.
function await_packet(c: connection)
	{
	ConnThreshold::set_packets_threshold(c, c$orig$num_pkts + 1, T);
	ConnThreshold::set_packets_threshold(c, c$resp$num_pkts + 1, F);
	}

# Hands the exchange over that has ended.
function end_exchange(c: connection, p: Polled)
	{
	if ( p$begin == 0.0 )
		return;

	local id = c$id;
	local name = c?$beacons_name ? server_name(c$beacons_name) : "";
	local proto = get_port_transport_proto(id$resp_p);
	local silent = proto == tcp ? "S1" : "S0";
	local o = Observation($orig_h=id$orig_h, $orig_p=id$orig_p, $resp_h=id$resp_h,
	    $resp_p=id$resp_p, $uid=c$uid, $name=name == "" ? cat(
	    id$resp_h) : name, $service=services_of(c), $start=p$begin,
	    $orig_bytes=p$sent, $resp_bytes=p$received,
	    $state=p$received > 0 ? "SF" : silent, $channel="poll");
	if ( c?$beacons_intel )
		o$intel = c$beacons_intel;
	p$begin = 0.0;
	hand_over(o, T);
	}

# Takes what the payload has grown by since the last look, in a packet of this time or shortly before. Returns whether it
# has.
function take_growth(c: connection, p: Polled, ts: double): bool
	{
	# What Zeek counts may shrink where sequence numbers mislead it.
	local sent = c$orig$size > p$orig_bytes ? c$orig$size - p$orig_bytes : 0;
	local received = c$resp$size > p$resp_bytes ? c$resp$size - p$resp_bytes : 0;
	p$orig_bytes = c$orig$size;
	p$resp_bytes = c$resp$size;
	if ( sent + received == 0 )
		return F;

	if ( p$begin == 0.0 || ts - p$heard > interval_to_double(poll_pause) )
		{
		end_exchange(c, p);
		p$begin = ts;
		p$sent = 0;
		p$received = 0;
		p$looks = 0;
		}
	p$heard = ts;
	p$sent += sent;
	p$received += received;
	++p$looks;
	return T;
	}

hook finalize_beacons_polled(c: connection)
	{
	--polled;
	local p = c$beacons_polled;
	take_growth(c, p, p$rests ? p$heard : microseconds(time_to_double(
	    network_time())));
	end_exchange(c, p);
	}

function rest(c: connection, p: Polled)
	{
	p$rests = T;
	schedule poll_pause { poll_again(c$id, c$uid, time_to_double(network_time() +
	    poll_pause)) };
	}

event ConnThreshold::packets_threshold_crossed(c: connection, threshold: count,
    is_orig: bool)
	{
	if ( ! c?$beacons_polled || c$beacons_polled$rests )
		return;
	# As it is with this packet.
	local now = lookup_connection(c$id);
	local p = now$beacons_polled;
	take_growth(now, p, microseconds(time_to_double(network_time())));
	if ( p$looks < most_looks )
		await_packet(now);
	else
		rest(now, p);
	}

event poll_again(id: conn_id, uid: string, due: double)
	{
	if ( ! connection_exists(id) )
		return;
	local c = lookup_connection(id);
	if ( c$uid != uid || ! c?$beacons_polled )
		return;

	# A timer that is late, since there were no packets at all, comes with the first packet of what is said next.
	local p = c$beacons_polled;
	local now = microseconds(time_to_double(network_time()));
	if ( now - due <= interval_to_double(poll_pause) )
		p$heard = now;
	if ( take_growth(c, p, now) && p$looks >= most_looks )
		{
		rest(c, p);
		return;
		}
	p$rests = F;
	await_packet(c);
	}

# Begins to poll a connection.
function poll(c: connection)
	{
	if ( polled >= max_polled )
		{
		if ( ++poll_missed == 1 )
			Reporter::warning(fmt("Beacons::max_polled (%d) connections are polled; further ones are left out",
			    max_polled));
		return;
		}
	++polled;
	c$beacons_polled = Polled($orig_bytes=c$orig$size, $resp_bytes=c$resp$size);
	Conn::register_removal_hook(c, finalize_beacons_polled);
	await_packet(c);
	}

event connection_status_update(c: connection)
	{
	if ( ! poll_channel
	    || c?$beacons_polled
	    || network_time() - c$start_time < poll_after
	    || ! c$orig?$num_pkts )
		return;
	if ( ! has_own_channel(c) && is_wanted(c) && hook track_policy(c) )
		poll(c);
	}

global polled_gauge = Telemetry::register_gauge_family(Telemetry::MetricOpts(
    $prefix="zeek", $name="beacons_polled", $unit="",
    $help_text="Connections that are polled for exchanges inside them"));
global poll_missed_counter = Telemetry::register_counter_family(
    Telemetry::MetricOpts($prefix="zeek", $name="beacons_poll_missed", $unit="", $help_text="Looks at connections left out of polling to keep within Beacons::max_polled"));

hook Telemetry::sync()
	{
	local none: vector of string;
	Telemetry::gauge_family_set(polled_gauge, none, polled);
	Telemetry::counter_family_set(poll_missed_counter, none, poll_missed);
	}
