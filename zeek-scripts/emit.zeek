##! A pair becomes a candidate.

@load ./main
@load ./reservoir
@load ./prevalence
@load ./majority
@load ./presented
@load ./traits
@load ./owners
@load ./names
@load ./asked
@load base/utils/site

module Beacons;

# A tracked pair is dropped, for its age or for room; what it held since its last candidate has just gone out.
global pair_dropped: hook(p: Pair);

# The responder as candidates name it.
function resp_of(p: Pair): string
	{
	return p$by_name == "" ? cat(p$resp_h) : p$by_name;
	}

# Most frequent service, ties go to the first in the alphabet.
function service_of(p: Pair): string
	{
	if ( ! p?$services )
		return p$service;

	local best = "";
	local conns = 0;
	for ( service, n in p$services )
		{
		if ( n > conns || ( n == conns && strcmp(service, best) < 0 ) )
			{
			best = service;
			conns = n;
			}
		}
	return best;
	}

function add_names(rec: Candidate, p: Pair)
	{
	if ( p$named > 0 )
		{
		local carried = server_name_of(p);
		if ( carried$conns > 0 )
			{
			rec$server_name = carried$name;
			rec$name_conns = carried$conns;
			}
		}

	if ( p$dns_named > 0 )
		{
		local asked_for = dns_name_of(p);
		if ( asked_for$conns > 0 )
			rec$dns_name = asked_for$name;
		}
	if ( p$dns_known )
		rec$dns_named = p$dns_named;
	}

function candidate_of(p: Pair, reason: string): Candidate
	{
	if ( p$head > 0 )
		straighten(p, max_observations);

	local rec = Candidate($ts=network_time(), $uid=p$uid, $id=conn_id(
	    $orig_h=p$orig_h, $orig_p=p$orig_p, $resp_h=p$resp_h,
	    $resp_p=p$resp_p), $proto=get_port_transport_proto(p$resp_p),
	    $resp=resp_of(p), $conns=p$conns, $named=p$named,
	    $first_ts=double_to_time(p$first_ts), $last_ts=double_to_time(
	    p$last_ts), $resp_hosts=talkers(p), $site_hosts=|pairs_of|,
	    $reason=reason, $dropped=p$conns - |p$starts|, $starts=p$starts[:],
	    $durations=p$durations[:], $orig_bytes=p$orig_bytes[:],
	    $resp_bytes=p$resp_bytes[:], $states=p?$states ? p$states[
	    :] : repeated(p$state, |p$starts|));

	rec$channel = p$channel;
	if ( p?$other_paths )
		rec$other_paths = p$other_paths;
	local service = service_of(p);
	if ( service != "" )
		rec$service = service;
	add_names(rec, p);
	if ( p?$presented )
		tell_presented(rec, p$presented);
	tell_traits(rec, p);
	if ( p$channel == "dns" )
		tell_asked(rec, p);
	if ( is_owned(p$orig_h) )
		tell_owner(rec, p);
	if ( p?$intel )
		rec$intel = p$intel$what;
	if ( |Site::local_nets| > 0 )
		{
		rec$local_orig = Site::is_local_addr(p$orig_h);
		# Behind a proxy or resolver a name is taken for one from elsewhere.
		rec$local_resp = p$channel == "proxy" || p$channel == "dns" ? is_address(
		    p$by_name) && Site::is_local_addr(to_addr(p$by_name)) :
		    Site::is_local_addr(p$resp_h);
		}
	if ( |tls_pairs| >= min_tls_servers )
		rec$site_tls_named = ( 1.0 * |tls_named_pairs| ) / |tls_pairs|;
	return rec;
	}

# Whether a pair is told of when nothing more comes: it came back, or its one connection is long.
function is_worth_telling(p: Pair): bool
	{
	return p$conns >= 2
	    || ( |p$durations| == 1 && p$durations[0] >= interval_to_double(long_after) );
	}

function emit(p: Pair, reason: string)
	{
	p$emitted = network_time();
	p$emitted_conns = p$conns;
	hook candidate_found(candidate_of(p, reason));
	}
