# Publishes candidates at a steady rate and notes how long each takes to be answered.
redef exit_only_after_terminate = T;
module Beacons;

const total = to_count(getenv("FEED_TOTAL"));
const rate = to_double(getenv("FEED_RATE"));
const tick = double_to_interval(to_double(getenv("FEED_TICK")));
const observations = to_count(getenv("FEED_OBSERVATIONS"));
const alerting = to_double(getenv("FEED_ALERTING"));
const most = to_count(getenv("FEED_MOST"));

global published_at: table[count] of double;
global latencies: vector of double;
global number = 0;
global began: double;
global feed_usual: Candidate;
global feed_long: Candidate;
global feed_chance: Candidate;
global feed_long_chance: Candidate;

function made(n: count, by_chance: bool): Candidate
	{
	local starts: vector of double;
	local durations: vector of double;
	local sizes: vector of int;
	local states: vector of string;
	local at = 1700000000.0;
	while ( |starts| < n )
		{
		at += by_chance ? -90.0 * ln(( 1 + rand(10000) ) / 10001.0) : 54.0 + rand(
		    7000) / 1000.0;
		starts += at;
		durations += 0.25;
		sizes += by_chance ? 100 + rand(9000) : 300;
		states += "SF";
		}
	return Candidate($ts=network_time(), $uid="CHhAvVGS1DHFjwGM9", $id=conn_id(
	    $orig_h=10.0.0.1, $orig_p=40000/tcp, $resp_h=45.0.0.1,
	    $resp_p=443/tcp), $proto=tcp, $service="ssl", $resp="", $conns=n,
	    $named=0, $first_ts=double_to_time(1700000000.0),
	    $last_ts=double_to_time(at), $resp_hosts=1, $site_hosts=500,
	    $reason="gate", $dropped=0, $starts=starts, $durations=durations,
	    $orig_bytes=sizes, $resp_bytes=sizes, $states=states);
	}

event publish_some()
	{
	local now = time_to_double(current_time());
	while ( number < total && number < ( now - began ) * rate )
		{
		local is_long = number % 100 == 99;
		local rec = is_long ? feed_long_chance : feed_chance;
		if ( floor(( number + 1 ) * alerting + 0.5) > floor(number * alerting + 0.5) )
			rec = is_long ? feed_long : feed_usual;
		++number;
		rec$id = conn_id($orig_h=counts_to_addr(vector(167772160 + number % 500)),
		    $orig_p=40000/tcp, $resp_h=counts_to_addr(vector(754974720 +
		    number)), $resp_p=443/tcp);
		rec$resp = cat(rec$id$resp_h);
		hook candidate_found(rec);
		published_at[progress[0]$seq] = time_to_double(current_time());
		}
	if ( number < total )
		schedule tick { publish_some() };
	}

hook verdict_found(rec: Verdict) &priority=-100
	{
	if ( rec$seq in published_at )
		{
		latencies += time_to_double(current_time()) - published_at[rec$seq];
		delete published_at[rec$seq];
		}
	}

event tell()
	{
	print fmt("%d %d %d %d %.3f", number, |latencies|, outstanding(), lost(),
	    time_to_double(current_time()) - began);
	flush_all();
	schedule 250msec { tell() };
	}

event wait_for_sidecar()
	{
	if ( ! sidecar_here(0) )
		{
		schedule 100msec { wait_for_sidecar() };
		return;
		}
	began = time_to_double(current_time()) + 1.0;
	schedule 1sec { publish_some() };
	schedule 250msec { tell() };
	}

event zeek_init()
	{
	feed_usual = made(observations, F);
	feed_long = made(most, F);
	feed_chance = made(observations, T);
	feed_long_chance = made(most, T);
	schedule 100msec { wait_for_sidecar() };
	}

event zeek_done()
	{
	local output = open("latencies");
	for ( _, latency in latencies )
		print output, latency;
	close(output);
	}
