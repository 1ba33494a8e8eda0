##! Hits of Zeek's Intel framework on the server of a connection: the candidate of its pair tells of them.
##!
##! What is looked for where is up to the scripts that call :zeek:see:`Intel::seen`, such as `frameworks/intel/seen`. A
##! hit marks the connection that it was seen in, and with it the pair, on the node that saw it. Nothing is kept beside
##! the connection and one text a pair.

@load ./main
@load ./presented
@load ./reservoir
@load base/frameworks/intel

module Beacons;

export {
	## Where a hit must have been seen to be one on the server: not in questions to a name server, nor at the
	## originator.
	option intel_places: set[string] = {
		"Conn::IN_RESP",
		"HTTP::IN_HOST_HEADER",
		"HTTP::IN_URL",
		"SSL::IN_SERVER_NAME",
		"X509::IN_CERT",
	};

	redef record connection += {
		## The first hit on the connection's server: type and indicator.
		beacons_intel: string &optional;
	};
}

function mark_intel(c: connection, s: Intel::Seen)
	{
	if ( c?$beacons_intel )
		return;
	local kind = s?$host || ! s?$indicator_type ? "ADDR" : sub(cat(
	    s$indicator_type), /^Intel::/, "");
	local what = s?$host ? cat(s$host) : ( s?$indicator ? s$indicator : "" );
	c$beacons_intel = printable_words(kind + " " + what);
	}

# Takes a connection with a hit: the newest one counts, of those that started at one moment the last hit in the order of
# the alphabet.
function note_intel(p: Pair, o: Observation)
	{
	if ( ! p?$intel
	    || o$start > p$intel$start
	    || ( o$start == p$intel$start && strcmp(o$intel, p$intel$what) > 0 ) )
		p$intel = IntelHit($what=o$intel, $start=o$start);
	}

hook Intel::seen_policy(s: Intel::Seen, found: bool)
	{
	if ( ! found || cat(s$where) !in intel_places )
		return;
	if ( s?$conn )
		mark_intel(s$conn, s);
	else if ( s?$f && s$f?$conns )
		for ( _, c in s$f$conns )
			mark_intel(c, s);
	}
