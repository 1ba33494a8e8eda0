##! beacon_long.log, and the same told to the sidecar, which keeps it (docs/wire.md). What the sidecar misses comes again.

@load ./main
@load ./long
@load ./wire
@load ./sidecar
@load base/frameworks/telemetry

module Beacons;

export {
	redef enum Log::ID += { LOG_LONG };

	## From the node that owns a pair: that it is connected for long. A sidecar that knows nothing of it does not
	## subscribe.
	const long_topic = "/zeek/beacons/long/";

	## A pair that is connected for long, to the sidecar.
	global long: event(message: string);

	## Decides which lines are logged.
	global log_policy_long: Log::PolicyHook;

	## Raised for every line on its way to the log.
	global log_beacon_long: event(rec: LongConnection);
}

type LongMessage: record {
	v: count &default=wire_version;
	ts: double;
	uid: string;
	orig_h: addr;
	resp_h: addr;
	resp_p: count;
	proto: transport_proto;
	service: string &optional;
	server_name: string &optional;
	start: double;
	duration: double;
	is_open: bool;
	day_sum: double;
	conns: count;
	orig_bytes: count;
	resp_bytes: count;
};

function publish_long(rec: LongConnection)
	{
	local id = rec$id;
	local m = LongMessage($ts=time_to_double(rec$ts), $uid=rec$uid,
	    $orig_h=id$orig_h, $resp_h=id$resp_h, $resp_p=port_to_count(
	    id$resp_p), $proto=rec$proto, $start=time_to_double(rec$start),
	    $duration=interval_to_double(rec$duration), $is_open=rec$is_open,
	    $day_sum=interval_to_double(rec$day_sum), $conns=rec$conns,
	    $orig_bytes=rec$orig_bytes, $resp_bytes=rec$resp_bytes);
	if ( rec?$service )
		m$service = sanitize(rec$service, 253);
	if ( rec?$server_name )
		m$server_name = rec$server_name;
	Cluster::publish(shard_topic(long_topic, shard_of(id$orig_h), |progress|),
	    long, to_json(m));
	}

hook long_found(rec: LongConnection)
	{
	Log::write(LOG_LONG, rec);
	# The WebSocket of a Zeek that ends takes nothing any more.
	if ( publishing
	    && sidecar_here(shard_of(rec$id$orig_h))
	    && ! ( raises_notices && zeek_is_terminating() ) )
		publish_long(rec);
	}

global long_pairs_gauge = Telemetry::register_gauge_family(
    Telemetry::MetricOpts($prefix="zeek", $name="beacons_long_pairs", $unit="",
    $help_text="Pairs with long connections that are remembered"));
global long_missed_counter = Telemetry::register_counter_family(
    Telemetry::MetricOpts($prefix="zeek", $name="beacons_long_missed", $unit="", $help_text="Looks at long connections left out to keep within Beacons::max_long_pairs"));

hook Telemetry::sync()
	{
	local none: vector of string;
	Telemetry::gauge_family_set(long_pairs_gauge, none, |long_pairs|);
	Telemetry::counter_family_set(long_missed_counter, none, long_missed);
	}

event zeek_init() &priority=5
	{
	Log::create_stream(LOG_LONG, Log::Stream($columns=LongConnection,
	    $ev=log_beacon_long, $path="beacon_long", $policy=log_policy_long));
	}
