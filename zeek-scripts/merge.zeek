##! The merge rule: what Zeek's timeouts split belongs together again.
##!
##! A TCP piece whose history is known and holds no SYN (none of ``S s H h``) continues the piece of the same 5-tuple
##! before it, if that one was left open (conn_state S1, S2, S3 or OTH) and this one starts at most
##! :zeek:see:`Beacons::merge_gap` after that one ended. Bytes add up, the duration spans both, the state is that of the
##! later piece, and a server name that one of them carried stays (the first one's). UDP and ICMP are never touched.

@load ./main
@load ./units

module Beacons;

const open_states = set("S1", "S2", "S3", "OTH");

# What is remembered of a TCP connection that nobody closed.
type Piece: record {
	uid: string;
	name: string;
	service: string;
	start: double;
	duration: double;
	end: double;
	orig_bytes: int;
	resp_bytes: int;
};

# The piece that follows may itself last long before it ends, hence a day and not merge_gap.
global open_pieces: table[addr, port, addr, port] of Piece &create_expire=1day;
const max_open_pieces = 20000;

function plus(a: int, b: int): int
	{
	return a < 0 ? b : ( b < 0 ? a : a + b );
	}

# Makes `o` the whole connection where it continues an open piece. Its start and uid are then the first piece's.
function continue_piece(o: Observation, end: double)
	{
	local piece = open_pieces[o$orig_h, o$orig_p, o$resp_h, o$resp_p];
	if ( o$start - piece$end > interval_to_double(merge_gap) + 0.0000005 )
		return;

	local last = piece$start + ( piece$duration < 0 ? 0.0 : piece$duration );
	o$continues = T;
	o$start = piece$start;
	o$duration = microseconds(( end > last ? end : last ) - piece$start);
	o$orig_bytes = plus(piece$orig_bytes, o$orig_bytes);
	o$resp_bytes = plus(piece$resp_bytes, o$resp_bytes);
	o$is_long = o$duration >= interval_to_double(long_after);
	o$uid = piece$uid;
	o$service = piece$service;
	}

# Applies the merge rule to a TCP connection that ended. Returns the name that the earlier pieces carried.
function merge_pieces(o: Observation, history: string): string
	{
	local left_open = o$state in open_states;
	local midstream = history != "" && /[SsHh]/ !in history;
	if ( ! left_open && ! midstream )
		return "";

	local name = "";

	local end = o$start + ( o$duration < 0 ? 0.0 : o$duration );
	if ( midstream && [o$orig_h, o$orig_p, o$resp_h, o$resp_p] in open_pieces )
		{
		continue_piece(o, end);
		if ( o$continues )
			name = open_pieces[o$orig_h, o$orig_p, o$resp_h, o$resp_p]$name;
		}

	if ( ! left_open )
		delete open_pieces[o$orig_h, o$orig_p, o$resp_h, o$resp_p];
	else if ( |open_pieces| < max_open_pieces || o$continues )
		open_pieces[o$orig_h, o$orig_p, o$resp_h, o$resp_p] = Piece($uid=o$uid,
		    $name=name == "" ? o$name : name, $service=o$service,
		    $start=o$start, $duration=o$duration, $end=end,
		    $orig_bytes=o$orig_bytes, $resp_bytes=o$resp_bytes);

	return name;
	}
