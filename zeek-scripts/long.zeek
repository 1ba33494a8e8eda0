##! Pairs whose connections stay open for long: by their longest connection, and by what their connections of the last
##! 24 hours add up to. Kept by the node that owns the pair, in a bounded table; no connection is held.
##!
##! long-look.zeek says what is seen of each connection, long-log.zeek what becomes of those that are long.

@load ./main

module Beacons;

export {
	## Whether connections that stay open for long are told of.
	option long_connections = T;

	## How long a pair has to be connected, by either measure, to be of severity low, medium, high and critical.
	option long_bands: vector of interval = vector(1hr, 4hr, 12hr, 24hr);

	## A pair that goes on is told of again after this time.
	option long_interval: interval = 1hr;

	## Pairs with long connections that are remembered, at 1.4 kB each. Beyond, further ones are counted and left out.
	option max_long_pairs: count = 10000;

	## What is seen of a connection that has been open for ten minutes: again every ten minutes, and at its end.
	type LongLook: record {
		## Seconds since the epoch.
		ts: double;
		uid: string;
		id: conn_id;
		proto: transport_proto;
		service: string;
		## The server's name that an analyzer saw, in its one spelling; empty where none.
		name: string;
		## Start of the connection, seconds since the epoch.
		start: double;
		## Seconds from the first to the last packet, and how many of them are new since the last look.
		duration: double;
		added: double;
		## Payload bytes so far.
		orig_bytes: count;
		resp_bytes: count;
		## Whether this is the first look at it, and whether it goes on.
		is_first: bool;
		is_open: bool;
	};

	## A pair that is connected for long: a line of beacon_long.log.
	type LongConnection: record {
		ts: time &log;
		## The longest connection's uid and ends.
		uid: string &log;
		id: conn_id &log;
		proto: transport_proto &log;
		service: string &log &optional;
		server_name: string &log &optional;
		## The longest connection: its start, its duration so far, and whether it goes on.
		start: time &log;
		duration: interval &log;
		is_open: bool &log;
		## What the pair's connections of ten minutes and longer add up to within 24 hours.
		day_sum: interval &log;
		## Such connections seen.
		conns: count &log;
		## Payload bytes of the longest connection so far.
		orig_bytes: count &log;
		resp_bytes: count &log;
		## low, medium, high or critical, by the longer of *duration* and *day_sum*.
		severity: string &log;
	};

	## Takes every pair that is connected for long, on the node that owns it: again when its severity rises, when its
	## longest connection ends, and every *long_interval* while it goes on.
	global long_found: hook(rec: LongConnection);

	## A look at a connection, on its way to the node that owns its pair.
	global long_seen: event(look: LongLook);
}

const day_hours = 24;

type LongPair: record {
	longest: LongLook;
	conns: count &default=0;
	# Seconds open by hour of the day before: the hour since the epoch, modulo 24. `hour`: the newest one.
	hours: vector of double;
	hour: count;
	told_level: count &default=0;
	told_at: double &default=0.0;
	told_open: bool &default=F;
};

function no_hours(): vector of double
	{
	local hours: vector of double;
	while ( |hours| < day_hours )
		hours += 0.0;
	return hours;
	}

global long_pairs: table[addr, addr, port] of LongPair &read_expire=1day;
# Looks left out since there were too many pairs.
global long_missed: count = 0;

# How many of the bands this reaches.
function long_level(seconds: double): count
	{
	local level = 0;
	for ( _, band in long_bands )
		if ( seconds >= interval_to_double(band) && level < 4 )
			++level;
	return level;
	}

# Adds open time to the hour of a look, and forgets what lies a day before that.
function add_to_day(p: LongPair, look: LongLook)
	{
	local hour = double_to_count(look$ts / 3600.0);
	local passed = hour > p$hour ? hour - p$hour : 0;
	if ( passed > day_hours )
		passed = day_hours;
	while ( passed > 0 )
		{
		p$hours[( hour - passed + 1 ) % day_hours] = 0.0;
		--passed;
		}
	if ( hour > p$hour )
		p$hour = hour;
	# Another node's clock may be behind.
	if ( p$hour - hour < day_hours )
		p$hours[hour % day_hours] += look$added;
	}

function day_sum(p: LongPair): double
	{
	local sum = 0.0;
	for ( _, seconds in p$hours )
		sum += seconds;
	return sum;
	}

function tell_long(p: LongPair, ts: double, level: count, sum: double)
	{
	local l = p$longest;
	local rec = LongConnection($ts=double_to_time(ts), $uid=l$uid, $id=l$id,
	    $proto=l$proto, $start=double_to_time(l$start),
	    $duration=double_to_interval(l$duration), $is_open=l$is_open,
	    $day_sum=double_to_interval(sum), $conns=p$conns,
	    $orig_bytes=l$orig_bytes, $resp_bytes=l$resp_bytes,
	    $severity=vector("", "low", "medium", "high", "critical")[level]);
	if ( l$service != "" )
		rec$service = l$service;
	if ( l$name != "" )
		rec$server_name = l$name;
	p$told_level = level;
	p$told_at = ts;
	p$told_open = l$is_open;
	hook long_found(rec);
	}

function look_at_pair(look: LongLook)
	{
	local id = look$id;
	if ( [id$orig_h, id$resp_h, id$resp_p] !in long_pairs )
		{
		if ( |long_pairs| >= max_long_pairs )
			{
			if ( ++long_missed == 1 )
				Reporter::warning(fmt("Beacons::max_long_pairs (%d) are remembered; further ones are left out",
				    max_long_pairs));
			return;
			}
		long_pairs[id$orig_h, id$resp_h, id$resp_p] = LongPair($longest=look,
		    $hours=no_hours(), $hour=double_to_count(look$ts / 3600.0));
		}

	local p = long_pairs[id$orig_h, id$resp_h, id$resp_p];
	if ( look$is_first )
		++p$conns;
	add_to_day(p, look);
	local is_longest = look$uid == p$longest$uid;
	if ( is_longest || look$duration >= p$longest$duration )
		p$longest = look;

	local sum = day_sum(p);
	local level = long_level(p$longest$duration > sum ? p$longest$duration : sum);
	local ends = is_longest && p$told_open && ! look$is_open;
	if ( level > p$told_level
	    || ends
	    || ( level > 0 && look$ts - p$told_at >= interval_to_double(long_interval) ) )
		tell_long(p, look$ts, level, sum);
	}

event long_seen(look: LongLook)
	{
	look_at_pair(look);
	}
