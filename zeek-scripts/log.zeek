##! beacon_candidates.log: one line a candidate. With it alone everything downstream can be computed again.

@load ./main

module Beacons;

export {
	redef enum Log::ID += { LOG };

	## Decides which candidates are logged.
	global log_policy: Log::PolicyHook;

	## Raised for every candidate that is logged.
	global log_beacon_candidates: event(rec: Candidate);
}

event zeek_init() &priority=5
	{
	local stream = Log::Stream($columns=Candidate, $ev=log_beacon_candidates,
	    $path="beacon_candidates", $policy=log_policy);

@ifdef ( Log::default_max_field_container_elements )
	# Zeek 8.1 and later cut what is longer than 100 elements in one field, 500 in all, or 256 kB of text. Ours have
	# max_observations at most, five times.
	stream$max_field_container_elements = 0;
	stream$max_total_container_elements = 0;
	stream$max_total_string_bytes = 0;
@endif

	Log::create_stream(LOG, stream);
	}

hook candidate_found(rec: Candidate)
	{
	Log::write(LOG, rec);
	}
