# @TEST-DOC: Pieces of connections are joined as Python joins them: the cases of tests/corpus.
# @TEST-EXEC: python3 $FILES/corpus.py $FILES/../../tests/corpus merge > cases.zeek
# @TEST-EXEC: zeek -b $PACKAGE %INPUT cases.zeek Beacons::merge_gap=100sec > output
# @TEST-EXEC: grep -Eq '^[0-9]{2} cases, 0 wrong$' output || { cat output >&2; exit 1; }

module Beacons;

global tried = 0;
global wrong = 0;
global current = "";
# 2026-01-01: as large as real start times, so that rounding is as coarse.
const origin = 1767225600.0;
global connections: vector of Observation;
global expected: vector of Observation;

function begin_case(name: string)
	{
	++tried;
	current = name;
	connections = vector();
	expected = vector();
	clear_table(open_pieces);
	}

function observation(orig_p: port, at: double, duration: double, orig_bytes: int, resp_bytes: int, state: string): Observation
	{
	return Observation($orig_h=10.0.0.5, $orig_p=orig_p, $resp_h=203.0.113.9, $resp_p=443/tcp, $uid="", $name="", $service="",
	    $start=microseconds(origin + at), $duration=duration, $orig_bytes=orig_bytes, $resp_bytes=resp_bytes, $state=state);
	}

function try_piece(orig_p: port, at: double, duration: double, orig_bytes: int, resp_bytes: int, state: string, history: string)
	{
	local o = observation(orig_p, at, duration, orig_bytes, resp_bytes, state);
	merge_pieces(o, history);
	if ( ! o$continues )
		{
		connections += o;
		return;
		}
	for ( i, earlier in connections )
		if ( earlier$start == o$start && earlier$orig_p == orig_p )
			connections[i] = o;
	}

function expect(at: double, duration: double, orig_bytes: int, resp_bytes: int, state: string)
	{
	expected += observation(0/tcp, at, duration, orig_bytes, resp_bytes, state);
	}

function same(a: double, b: double): bool
	{
	return |a - b| < 0.0000005;
	}

function end_case()
	{
	local right = |connections| == |expected|;
	for ( i, e in expected )
		{
		if ( ! right )
			break;
		local o = connections[i];
		right = same(o$start, e$start) && same(o$duration, e$duration) && o$orig_bytes == e$orig_bytes
		    && o$resp_bytes == e$resp_bytes && o$state == e$state;
		}
	if ( right )
		return;
	++wrong;
	print "wrong", current, connections, expected;
	}
