##! Candidates on their way to the sidecar, and which of them have no verdict yet.

@load ./main
@load ./wire
@load ./sidecar
@load ./emit

module Beacons;

export {
	## Candidates of pairs no longer tracked that wait for a verdict, at up to 40 kB each. Beyond, they are lost, as
	## they are after a day.
	const max_orphans = 1000 &redef;
}

# The fields as docs/wire.md names them: times as numbers, ports without their protocol.
type CandidateMessage: record {
	v: count &default=wire_version;
	sensor: string;
	node: string;
	boot: string;
	seq: count;
	ts: double;
	uid: string;
	orig_h: addr;
	orig_p: count;
	resp_h: addr;
	resp_p: count;
	proto: transport_proto;
	channel: string &optional;
	resp: string;
	service: string &optional;
	server_name: string &optional;
	dns_name: string &optional;
	conns: count;
	named: count;
	name_conns: count;
	dns_named: count &optional;
	local_orig: bool &optional;
	local_resp: bool &optional;
	first_ts: double;
	last_ts: double;
	resp_hosts: count;
	site_hosts: count;
	site_tls_named: double &optional;
	cert_name: string &optional;
	cert_issuer: string &optional;
	cert_self_signed: bool &optional;
	cert_valid: bool &optional;
	cert_days: count &optional;
	cert_servers: count &optional;
	user_agent: string &optional;
	agent_hosts: count &optional;
	no_host: bool &optional;
	other_paths: count &optional;
	intel: string &optional;
	names_asked: count &optional;
	names_length: count &optional;
	for_addresses: count &optional;
	connected: count &optional;
	traits: vector of string &optional;
	reason: string;
	dropped: count;
	starts: vector of double;
	durations: vector of double;
	orig_bytes: vector of int;
	resp_bytes: vector of int;
	states: vector of string;
};

type HeartbeatMessage: record {
	v: count &default=wire_version;
	node: string;
	boot: string;
	seq: count;
	outstanding: count;
	lost: count;
};

# A candidate of a pair no longer tracked, and the number it was published under.
type Orphan: record {
	rec: Candidate;
	seq: count;
};

# The candidates of a shard.
type Progress: record {
	# The number of the last one published.
	seq: count &default=0;
	# Those without a verdict.
	waiting: count &default=0;
	# Those given up without a verdict.
	lost: count &default=0;
};

# By shard.
global progress: vector of Progress;

function lose_orphan(t: table[addr, string, port, string] of Orphan,
    orig_h: addr, resp: string, resp_p: port, channel: string): interval
	{
	local one = progress[shard_of(orig_h)];
	++one$lost;
	--one$waiting;
	return 0sec;
	}

# Tracked pairs whose last candidate has no verdict, by its number. One that was not published, since no sidecar was
# there, has the number that the next will have. Bounded by max_pairs: a pair that is dropped leaves this table.
global unanswered: table[addr, string, port, string] of count;
global orphans: table[addr, string, port, string] of Orphan &create_expire=1day
    &expire_func=lose_orphan;

function outstanding(): count
	{
	return |unanswered| + |orphans|;
	}

function lost(): count
	{
	local n = 0;
	for ( _, one in progress )
		n += one$lost;
	return n;
	}

function add_optional(m: CandidateMessage, rec: Candidate)
	{
	if ( rec$channel != "conn" )
		m$channel = rec$channel;
	if ( rec?$service )
		m$service = sanitize(rec$service, 253);
	if ( rec?$server_name )
		m$server_name = rec$server_name;
	if ( rec?$dns_name )
		m$dns_name = rec$dns_name;
	if ( rec?$dns_named )
		m$dns_named = rec$dns_named;
	if ( rec?$local_orig )
		m$local_orig = rec$local_orig;
	if ( rec?$local_resp )
		m$local_resp = rec$local_resp;
	if ( rec?$site_tls_named )
		m$site_tls_named = rec$site_tls_named;
	if ( rec?$cert_name )
		m$cert_name = rec$cert_name;
	if ( rec?$cert_issuer )
		m$cert_issuer = rec$cert_issuer;
	if ( rec?$cert_self_signed )
		m$cert_self_signed = rec$cert_self_signed;
	if ( rec?$cert_valid )
		m$cert_valid = rec$cert_valid;
	if ( rec?$cert_days )
		m$cert_days = rec$cert_days;
	if ( rec?$cert_servers )
		m$cert_servers = rec$cert_servers;
	if ( rec?$user_agent )
		m$user_agent = rec$user_agent;
	if ( rec?$agent_hosts )
		m$agent_hosts = rec$agent_hosts;
	if ( rec?$no_host )
		m$no_host = rec$no_host;
	if ( rec?$other_paths )
		m$other_paths = rec$other_paths;
	if ( rec?$intel )
		m$intel = rec$intel;
	if ( rec?$names_asked )
		m$names_asked = rec$names_asked;
	if ( rec?$names_length )
		m$names_length = rec$names_length;
	if ( rec?$for_addresses )
		m$for_addresses = rec$for_addresses;
	if ( rec?$connected )
		m$connected = rec$connected;
	if ( rec?$traits )
		m$traits = rec$traits;
	}

function publish_candidate(rec: Candidate)
	{
	local id = rec$id;
	local shard = shard_of(id$orig_h);
	local m = CandidateMessage($sensor=sensor, $node=node_name, $boot=boot,
	    $seq=++progress[shard]$seq, $ts=time_to_double(rec$ts),
	    $uid=rec$uid, $orig_h=id$orig_h, $orig_p=port_to_count(id$orig_p),
	    $resp_h=id$resp_h, $resp_p=port_to_count(id$resp_p),
	    $proto=rec$proto, $resp=rec$resp, $conns=rec$conns,
	    $named=rec$named, $name_conns=rec$name_conns,
	    $first_ts=time_to_double(rec$first_ts), $last_ts=time_to_double(
	    rec$last_ts), $resp_hosts=rec$resp_hosts,
	    $site_hosts=rec$site_hosts, $reason=rec$reason,
	    $dropped=rec$dropped, $starts=rec$starts, $durations=rec$durations,
	    $orig_bytes=rec$orig_bytes, $resp_bytes=rec$resp_bytes,
	    $states=rec$states);
	add_optional(m, rec);
	Cluster::publish(shard_topic(candidate_topic, shard, |progress|), candidate,
	    to_json(m));
	}

# A candidate has gone out to the sidecar under the number `seq`.
global candidate_published: hook(rec: Candidate);

hook candidate_found(rec: Candidate) &priority=-5
	{
	# The WebSocket of a Zeek that ends takes nothing any more.
	if ( ! publishing || ( raises_notices && zeek_is_terminating() ) )
		return;
	local shard = shard_of(rec$id$orig_h);
	local one = progress[shard];
	local here = sidecar_here(shard);
	if ( here )
		{
		publish_candidate(rec);
		hook candidate_published(rec);
		}
	if ( [rec$id$orig_h, rec$resp, rec$id$resp_p, rec$channel] !in unanswered )
		++one$waiting;
	unanswered[rec$id$orig_h, rec$resp, rec$id$resp_p, rec$channel] = here ?
	    one$seq : one$seq + 1;
	}

hook pair_dropped(p: Pair)
	{
	local resp = resp_of(p);
	if ( [p$orig_h, resp, p$resp_p, p$channel] !in unanswered )
		return;

	local number = unanswered[p$orig_h, resp, p$resp_p, p$channel];
	delete unanswered[p$orig_h, resp, p$resp_p, p$channel];
	local one = progress[shard_of(p$orig_h)];
	if ( |orphans| >= max_orphans )
		++one$lost;
	if ( |orphans| >= max_orphans
	    || [p$orig_h, resp, p$resp_p, p$channel] in orphans )
		--one$waiting;
	if ( |orphans| < max_orphans )
		orphans[p$orig_h, resp, p$resp_p, p$channel] = Orphan($rec=candidate_of(p,
		    "requested"), $seq=number);
	}

# A verdict on the candidate with this number came: that one and any earlier one of the pair are answered.
function settle(orig_h: addr, resp: string, resp_p: port, channel: string,
    number: count)
	{
	local one = progress[shard_of(orig_h)];
	if ( [orig_h, resp, resp_p, channel] in unanswered
	    && unanswered[orig_h, resp, resp_p, channel] <= number )
		{
		delete unanswered[orig_h, resp, resp_p, channel];
		--one$waiting;
		}
	if ( [orig_h, resp, resp_p, channel] in orphans
	    && orphans[orig_h, resp, resp_p, channel]$seq <= number )
		{
		delete orphans[orig_h, resp, resp_p, channel];
		--one$waiting;
		}
	}

function send_heartbeats()
	{
	for ( shard, one in progress )
		{
		local message = HeartbeatMessage($node=node_name, $boot=boot, $seq=one$seq,
		    $outstanding=one$waiting, $lost=one$lost);
		Cluster::publish(shard_topic(control_topic, shard, |progress|), heartbeat,
		    to_json(message));
		}
	}

event beat()
	{
	send_heartbeats();
	schedule heartbeat_interval { beat() };
	}

event zeek_init() &priority=20
	{
	while ( |progress| < shard_count() )
		progress += Progress();
	}

event zeek_init()
	{
	if ( publishing && ! reading_traces() )
		schedule heartbeat_interval { beat() };
	}
